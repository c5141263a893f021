# SPDX-License-Identifier: BSD-3-Clause
"""On what a table was measured."""

import os
import pathlib
import platform
import re
import subprocess


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


def describe(top):
    """A dictionary of what has a say in any figure."""
    revision = output_of(["git", "rev-parse", "--short=12", "HEAD"], top)
    if output_of(["git", "status", "--porcelain", "--untracked-files=no"], top):
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
