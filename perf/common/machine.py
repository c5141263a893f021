# SPDX-License-Identifier: BSD-3-Clause
"""What the tables of measurements share: passes over all rows, on what, and where it is written."""

import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import time

import slices

TOP = pathlib.Path(__file__).resolve().parents[2]


def build(directory, *programs, options=()):
    """The programs, up to date, in a build directory that is set up if there is none."""
    if not (directory / "build.ninja").exists():
        subprocess.run(["meson", "setup", directory, TOP, *options], check=True,
                       stdout=sys.stderr)
    subprocess.run(["ninja", "-C", directory, "--quiet", *programs], check=True,
                   stdout=sys.stderr)


def output_of(argv, cwd=None):
    """What a command prints, or "" where it fails or is not installed."""
    try:
        done = subprocess.run(argv, cwd=cwd, check=False, capture_output=True, text=True)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def field(path, pattern, otherwise="unknown"):
    """The first group of a pattern in a file."""
    try:
        match = re.search(pattern, pathlib.Path(path).read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        match = None
    return match[1].strip() if match else otherwise


def describe():
    """A dictionary of what has a say in any figure."""
    revision = output_of(["git", "rev-parse", "--short=12", "HEAD"], TOP)
    if output_of(["git", "status", "--porcelain", "--untracked-files=no"], TOP):
        revision += " and local changes"
    return {
        "cpu": field("/proc/cpuinfo", r"^model name\s*: (.*)$"),
        "cpus": os.cpu_count(),
        "tsc_mhz": field("/proc/cpuinfo", r"^cpu MHz\s*: (.*)$"),
        "memory_gb": round(int(field("/proc/meminfo", r"^MemTotal:\s*(\d+)", "0")) / 2**20),
        "hypervisor": output_of(["systemd-detect-virt", "--vm"]) or "none known",
        "kernel": platform.release(),
        "system": field("/etc/os-release", r'^PRETTY_NAME="?([^"\n]*)'),
        "compiler": output_of(["gcc", "--version"]).partition("\n")[0],
        "revision": revision or "unknown",
    }


def measure_all(rows, passes, measure):
    """{row's name: {"runs": [report of a pass], "busy": [text], "errors": [text]}}, where "busy" is
    why a pass is no result; measure(row) may raise."""
    measured = {row.name: {"runs": [], "busy": [], "errors": []} for row in rows}
    start, total = time.monotonic(), passes * len(rows)
    for done in range(total):
        row = rows[done % len(rows)]
        minutes = (time.monotonic() - start) / 60
        expected = f" of about {minutes / done * total:.0f}" if done else ""
        print(f"{minutes:.1f}{expected} min, pass {done // len(rows) + 1} of {passes}: {row.name}",
              file=sys.stderr, flush=True)
        kind, result = outcome(row, measure)
        measured[row.name][kind].append(result)
        if kind != "runs":
            print(f"  {result}", file=sys.stderr)
    return measured


def outcome(row, measure):
    """(where it belongs, report or text)."""
    try:
        return "runs", measure(row)
    except slices.Busy as busy:
        return "busy", str(busy)
    except (RuntimeError, OSError, ValueError) as error:
        return "errors", str(error)


def run_json(argv):
    """What a program prints, as JSON. Raises slices.Busy where it has no result."""
    done = subprocess.run(list(map(str, argv)), check=False, capture_output=True, text=True)
    said = done.stderr.strip()
    if done.returncode == slices.EXIT_BUSY:
        raise slices.Busy(said.rpartition(": no result: ")[2] or said)
    if done.returncode != 0:
        raise RuntimeError(said or f"{argv[0]} ended with {done.returncode}")
    return json.loads(done.stdout)


def write(result, page, directory, name):
    """NAME.json and NAME.md, and the page on standard output. The exit code."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    (directory / f"{name}.md").write_text(page, encoding="utf-8")
    print(page)
    return 1 if any(row["errors"] or not row["runs"] for row in result["rows"]) else 0


def verdict(met):
    return {True: "met", False: "**missed**", None: ""}[met]
