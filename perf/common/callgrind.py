# SPDX-License-Identifier: BSD-3-Clause
"""The closed loop under callgrind: how many instructions a packet its workers execute.

Instructions repeat to a fraction of one, also on a busy host, where cycles drift. Counted is all
that the workers' threads execute, the drivers' part too, but not the freeing of replicas, which
stands for what a NIC's driver does (perf/loop/rig.h).
"""

import collections
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import loop
import machine

BUILD = machine.TOP / "build-profile"
LOOP = ("--no-huge", "--seconds", "0.5")
# The name stands where the function is met first, as caller or callee.
WORKER = re.compile(r"^c?fn=\(\d+\) fastpath_run$", re.MULTILINE)
LEFT_OUT = "loop_sink_free"


def fail(message):
    """The end of this program."""
    sys.exit(f"{pathlib.Path(sys.argv[0]).name}: {message}")


def build():
    """The bench as released, with debug information, which leaves the code as it is; its path."""
    machine.build(BUILD, "perf/closed-loop", options=["-Dtests=false", "-Ddebug=true"])
    return str(BUILD / "perf/closed-loop")


def run(argv):
    """Standard output of a command, or the end of this program with what it said."""
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        fail(f"{argv[0]} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def available():
    """Is valgrind installed?"""
    return shutil.which("valgrind") is not None


def measure(binary, options):
    """(what closed-loop reported, {(file, line): instructions of its workers})."""
    with tempfile.TemporaryDirectory(prefix="sluice-callgrind-") as directory:
        report = json.loads(run([
            "valgrind", "--quiet", "--tool=callgrind", "--fair-sched=yes",
            "--separate-threads=yes", f"--toggle-collect={LEFT_OUT}", "--collect-atstart=yes",
            f"--callgrind-out-file={directory}/out.%p", binary, loop.setting([*LOOP, *options]),
        ]))
        costs = collections.Counter()
        for path in pathlib.Path(directory).glob("out.*-*"):
            dump = path.read_text(errors="replace")
            if WORKER.search(dump):
                costs += read_dump(dump)
    if not costs:
        fail("no worker's thread in what callgrind wrote")
    return report, costs


class Names:
    """Callgrind writes `(7) name` once and `(7)` from then on."""

    def __init__(self):
        self.known = {}

    def take(self, text):
        number, _, name = text.partition(" ")
        if name:
            self.known[number] = name
        return self.known.get(number, number)


def read_dump(dump):
    """{(file, line): instructions} of one thread, each where it was executed, callees apart."""
    costs = collections.Counter()
    files, objects = Names(), Names()
    line, where, binary, callee_follows = 0, "???", "???", False
    for text in dump.splitlines():
        key, equals, value = text.partition("=")
        if key in ("fl", "fi", "fe"):
            where = files.take(value)
        elif key == "ob":
            binary = objects.take(value)
        elif key in ("cfi", "cfl"):
            files.take(value)
        elif key == "cob":
            objects.take(value)
        elif key == "calls":
            callee_follows = True
        elif not equals and re.match(r"[+\-*\d]", text):
            position, _, cost = text.partition(" ")
            line = step(line, position)
            if not callee_follows and cost:
                place = (binary, 0) if where == "???" else (where, line)
                costs[place] += int(cost.split()[0])
            callee_follows = False
    return costs


def step(line, position):
    """Positions are absolute, or relative to the one before."""
    if position == "*":
        return line
    return line + int(position) if position[0] in "+-" else int(position)
