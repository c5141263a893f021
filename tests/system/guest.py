#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Talks to the guest of _guest.sh: runs a command in it, or one of qemu's monitor.

    guest.py run PIPES SCRIPT       run a shell script in the guest, with its output and exit code
    guest.py qmp SOCKET COMMAND [NAME=VALUE ...]    a command of QMP; prints the reply's "return"
"""

import argparse
import base64
import fcntl
import json
import os
import select
import socket
import sys
import time


class Channel:
    """To _guest_agent.sh, by the pipes PATH.in and PATH.out, which qemu keeps open: unlike in a
    socket, bytes wait there while nobody is here."""

    def __init__(self, path, timeout_s):
        self.deadline = time.monotonic() + timeout_s
        self.to_guest = os.open(f"{path}.in", os.O_WRONLY | os.O_NONBLOCK)
        self.from_guest = os.open(f"{path}.out", os.O_RDONLY | os.O_NONBLOCK)
        fcntl.flock(self.to_guest, fcntl.LOCK_EX)  # one request at a time

    def wait(self, readers, writers):
        if not any(select.select(readers, writers, [], max(0, self.deadline - time.monotonic()))):
            raise TimeoutError("timed out")

    def write(self, data):
        while data:
            self.wait([], [self.to_guest])
            data = data[os.write(self.to_guest, data):]

    def lines(self):
        data = b""
        while True:
            self.wait([self.from_guest], [])
            received = os.read(self.from_guest, 65536)
            if not received:
                raise SystemExit("guest.py: the guest has gone")
            *lines, data = (data + received).split(b"\n")
            yield from lines


def run(path, script, timeout_s):
    """Exit code. Replies to requests that were given up before ours are skipped."""
    request = f"{os.getpid()}-{os.urandom(4).hex()}".encode()
    channel = Channel(path, timeout_s)
    # The first line break ends what was perhaps given up in the middle.
    channel.write(b"\n%s %s\n" % (request, base64.b64encode(script.encode())))
    for line in channel.lines():
        found, _, rest = line.partition(b" ")
        if found.endswith(request):
            code, _, output = rest.partition(b" ")
            sys.stdout.buffer.write(base64.b64decode(output))
            return int(code)


def connect(path, timeout_s):
    """A stream to qemu's monitor."""
    stream = socket.socket(socket.AF_UNIX)
    stream.settimeout(timeout_s)
    stream.connect(path)
    return stream.makefile("rw", encoding="utf-8", newline="\n")


def qmp(path, command, arguments, timeout_s):
    """Exit code."""
    with connect(path, timeout_s) as stream:
        stream.readline()  # the greeting
        for execute, values in (("qmp_capabilities", {}), (command, arguments)):
            stream.write(json.dumps({"execute": execute, "arguments": values}) + "\n")
            stream.flush()
            reply = {"event": None}
            while "event" in reply:
                reply = json.loads(stream.readline())
    if "error" in reply:
        raise SystemExit(f"guest.py: {command}: {reply['error']['desc']}")
    print(json.dumps(reply["return"]))
    return 0


def value_of(text):
    """What QMP takes for true: a boolean."""
    return {"on": True, "off": False}.get(text, text)


def main():
    parser = argparse.ArgumentParser(description="Runs a command in the guest or its monitor.")
    parser.add_argument("what", choices=("run", "qmp"))
    parser.add_argument("path")
    parser.add_argument("command")
    parser.add_argument("arguments", nargs="*", metavar="NAME=VALUE")
    parser.add_argument("--timeout", type=float, default=30, metavar="SECONDS")
    args = parser.parse_args()
    try:
        if args.what == "run":
            sys.exit(run(args.path, args.command, args.timeout))
        values = dict(argument.split("=", 1) for argument in args.arguments)
        sys.exit(qmp(args.path, args.command, {k: value_of(v) for k, v in values.items()},
                     args.timeout))
    except OSError as error:
        sys.exit(f"guest.py: {args.path}: {error}")


if __name__ == "__main__":
    main()
