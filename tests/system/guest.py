#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Talks to the guest of _guest.sh: runs a command in it, or one of qemu's monitor.

    guest.py run SOCKET SCRIPT      run a shell script in the guest, with its output and exit code
    guest.py qmp SOCKET COMMAND [NAME=VALUE ...]    a command of QMP; prints the reply's "return"
"""

import argparse
import base64
import json
import os
import socket
import sys


def connect(path, timeout_s):
    """A stream to one of qemu's sockets."""
    stream = socket.socket(socket.AF_UNIX)
    stream.settimeout(timeout_s)
    stream.connect(path)
    return stream.makefile("rw", encoding="utf-8", newline="\n")


def run(path, script, timeout_s):
    """Exit code. Replies to requests that were given up before ours are skipped."""
    request = f"{os.getpid()}-{os.urandom(4).hex()}"
    with connect(path, timeout_s) as stream:
        stream.write(f"{request} {base64.b64encode(script.encode()).decode()}\n")
        stream.flush()
        for line in stream:
            found, _, rest = line.partition(" ")
            if found.endswith(request):
                code, _, output = rest.strip().partition(" ")
                sys.stdout.buffer.write(base64.b64decode(output))
                return int(code)
    raise SystemExit("guest.py: the guest has gone")


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
    parser.add_argument("socket")
    parser.add_argument("command")
    parser.add_argument("arguments", nargs="*", metavar="NAME=VALUE")
    parser.add_argument("--timeout", type=float, default=30, metavar="SECONDS")
    args = parser.parse_args()
    try:
        if args.what == "run":
            sys.exit(run(args.socket, args.command, args.timeout))
        values = dict(argument.split("=", 1) for argument in args.arguments)
        sys.exit(qmp(args.socket, args.command, {k: value_of(v) for k, v in values.items()},
                     args.timeout))
    except OSError as error:
        sys.exit(f"guest.py: {args.socket}: {error}")


if __name__ == "__main__":
    main()
