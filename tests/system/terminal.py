#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs a command at a terminal of 80 columns and prints what it shows.

usage: terminal.py [--at PROMPT --type TEXT [--first COMMAND]] [--] COMMAND [ARGUMENT]...

When PROMPT is shown, COMMAND of --first is run by a shell, if it is given, then TEXT and a return
are typed. The exit code is the command's.
"""

import argparse
import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

TIMEOUT_S = 60


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--at", default="")
    parser.add_argument("--type", default="")
    parser.add_argument("--first")
    parser.add_argument("command", nargs="+")
    args = parser.parse_args()
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    shown, waits = b"", bool(args.at)
    with subprocess.Popen(
            args.command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            env={**os.environ, "TERM": "xterm"}) as child:
        os.close(theirs)
        try:
            while chunk := os.read(ours, 4096):
                shown += chunk
                if waits and args.at.encode() in shown:
                    waits = False
                    if args.first:
                        subprocess.run(args.first, shell=True, check=True, timeout=TIMEOUT_S,
                                       stdout=subprocess.DEVNULL)
                    os.write(ours, args.type.encode() + b"\n")
        except OSError:  # the command has closed its side
            pass
        code = child.wait(TIMEOUT_S)
    sys.stdout.write(shown.decode().replace("\r\n", "\n"))
    if waits:
        sys.exit(f"terminal.py: {args.at} was never shown")
    sys.exit(code)


main()
