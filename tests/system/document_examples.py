#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs the examples of a document and compares what they print with what the document says.

usage: document_examples.py [--list [--mark MARK]] DOCUMENT.md

An example is a ```console block below a line `<!-- tested -->`, or with what --mark says in the
place of "tested". Lines that start with "$ " are commands (a backslash at the end continues one);
what follows each is its output. Commands run in order, from the top of the tree, and must succeed.
Output may differ in numbers and in the width of columns, and a line "..." stands for any lines; an
example without output is only run. What `export` sets holds for the commands that follow. As tests
run as root on a rig of their own, sudo is left out, and the name sluice-quickstart is replaced by
that in SLUICE_QUICKSTART_NAME.
"""

import os
import re
import subprocess
import sys

NAME = "sluice-quickstart"
COMMAND_TIMEOUT_S = 120


def examples_of(text, mark="tested"):
    """(command, expected output lines) of each example, in order."""
    head = rf"^<!-- {re.escape(mark)} -->\n+```console\n"
    for block in re.findall(head + r"(.*?)^```", text, re.M | re.S):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, output = re.match(
            r"((?:[^\n]*\\\n)*[^\n]*)\n?(.*)\Z", part, re.S).groups()
            yield command, output.splitlines()


def normalised(line):
    """A line without what may differ: numbers, hexadecimal ones too, runs of blanks, bars of a
    histogram, and whether a packet of a flow came within a second."""
    line = re.sub(r"\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b", "MAC", line)
    line = re.sub(r"\d+(?:\.\d+)*", "N", line)
    line = re.sub(r"  silent  ", "  ok      ", line)
    line = re.sub(r"  #+$", "", line)
    return re.sub(r"[-─=]{3,}", "---", re.sub(r"\s+", " ", line)).strip()


def matches(expected, found):
    """Do the lines agree, with "..." for any lines?"""
    pattern = "".join(
        r"(?:.*\n)*" if line.strip() in ("...", "…") else re.escape(normalised(line)) + r"\n"
        for line in expected
    )
    return re.fullmatch(pattern, "".join(normalised(line) + "\n" for line in found)) is not None


def run(command, exports):
    """(exit code, output lines) of one command, below the exports of those before."""
    name = os.environ.get("SLUICE_QUICKSTART_NAME", NAME)
    script = 'sudo() { "$@"; }\n' + "\n".join([*exports, command]).replace(NAME, name)
    done = subprocess.run(
        ["bash", "-c", script], check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=COMMAND_TIMEOUT_S,
    )
    return done.returncode, done.stdout.replace(name, NAME).splitlines()


def main():
    args = sys.argv[1:]
    if not args or args[0] in ("-h", "--help"):
        sys.exit(__doc__)
    with open(args[-1], encoding="utf-8") as file:
        examples = list(examples_of(file.read(), *args[2:-1]))
    if args[0] == "--list":
        print("\n".join(command for command, _ in examples), end="\n" if examples else "")
        return
    exports = []
    for command, expected in examples:
        print(f"$ {command}", flush=True)
        code, found = run(command, exports)
        if command.startswith("export "):
            exports.append(command)
        if code != 0:
            sys.exit("\n".join(found) + f"\n{args[-1]}: ended with {code}: {command}")
        if expected and not matches(expected, found):
            sys.exit("\n".join(["found:", *found, "expected:", *expected])
                     + f"\n{args[-1]}: prints something else: {command}")


if __name__ == "__main__":
    main()
