# SPDX-License-Identifier: BSD-3-Clause
"""The closed loop under callgrind: how many instructions a packet its workers execute.

Instructions repeat to a fraction of one, also on a busy host, where cycles drift. Counted is all
that the workers' threads execute, the drivers' part too, but not the freeing of replicas, which
stands for what a NIC's driver does (perf/loop/rig.h).
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys

import loop
import machine

BUILD = machine.TOP / "build-profile"
WINDOW = "calm 800000\n"
# The name stands where the function is met first, as caller or callee.
WORKER = re.compile(r"^c?fn=\(\d+\) fastpath_run$", re.MULTILINE)
TOTALS = re.compile(r"^totals: (\d+)", re.MULTILINE)
LEFT_OUT = "loop_sink_free"


def fail(message):
    """The end of this program."""
    sys.exit(f"{pathlib.Path(sys.argv[0]).name}: {message}")


def build():
    """The bench as released, with debug information, which leaves the code as it is; its path."""
    machine.build(BUILD, "perf/closed-loop", options=["-Dtests=false", "-Ddebug=true"])
    return str(BUILD / "perf/closed-loop")


def run(argv, said):
    """Standard output of a command that is told something, or the end of this program."""
    done = subprocess.run(argv, check=False, capture_output=True, text=True, input=said)
    if done.returncode != 0:
        fail(f"{argv[0]} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def available():
    """Is valgrind installed?"""
    return shutil.which("valgrind") is not None


def measure(binary, options, directory):
    """(what closed-loop reported, instructions of its workers, callgrind's files of them)."""
    first, *_, last = run([
        "valgrind", "--quiet", "--tool=callgrind", "--fair-sched=yes", "--separate-threads=yes",
        f"--toggle-collect={LEFT_OUT}", "--collect-atstart=yes",
        f"--callgrind-out-file={directory}/out.%p", binary, loop.setting(["--no-huge", *options]),
    ], WINDOW).splitlines()
    report = {**json.loads(first), **json.loads(last)}
    total, workers = 0, []
    for path in pathlib.Path(directory).glob("out.*-*"):
        dump = path.read_text(errors="replace")
        if WORKER.search(dump):
            total += int(TOTALS.search(dump)[1])
            workers.append(path)
    if not workers:
        fail("no worker's thread in what callgrind wrote")
    return report, total, workers
