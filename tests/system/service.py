#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What a service manager does for a unit, where none is PID 1.

usage: service.py notified SOCKET              print what a service says, with the time of each
       service.py run UNIT USER COMMAND...     run a command under what the unit restricts
       service.py freeze TID SECONDS           stop one thread, and only that

`run` applies the capabilities, SystemCallFilter=, RestrictAddressFamilies=, NoNewPrivileges= and
MemoryDenyWriteExecute= of the unit. Namespaces and devices are not made.
"""

import ctypes
import os
import pwd
import signal
import socket
import subprocess
import sys
import time

import seccomp

LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1
PTRACE_SEIZE, PTRACE_INTERRUPT = 0x4206, 0x4207
WALL = 0x40000000


def notified(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(path)
        os.chmod(path, 0o666)
        print("listening", flush=True)
        while True:
            for line in server.recv(4096).decode().splitlines():
                print(f"{time.monotonic():.3f} {line}", flush=True)


def unit_read(path):
    """Values by key of a unit; those of a key that is repeated are put together."""
    values = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if "=" in line and not line.startswith("#"):
                key, value = line.strip().split("=", 1)
                values.setdefault(key, []).extend(value.split())
    return values


def system_calls(names):
    """What they stand for, without @."""
    for name in names:
        if not name.startswith("@"):
            yield name
            continue
        listed = subprocess.run(["systemd-analyze", "syscall-filter", name], check=True,
                                stdout=subprocess.PIPE, text=True).stdout.split("\n")[1:]
        yield from system_calls(line.strip() for line in listed
                                if line.strip() and not line.strip().startswith("#"))


def filter_load(unit):
    rules = seccomp.SyscallFilter(seccomp.ERRNO(1))
    for name in sorted(set(system_calls(unit["SystemCallFilter"])) - {"socket"}):
        try:
            rules.add_rule(seccomp.ALLOW, name)
        except RuntimeError:
            pass  # of another architecture
    for family in unit["RestrictAddressFamilies"]:
        number = getattr(socket, family, None) or {"AF_XDP": 44}[family]
        rules.add_rule(seccomp.ALLOW, "socket", seccomp.Arg(0, seccomp.EQ, number))
    rules.load()


def run(path, user, *command):
    unit = unit_read(path)
    bounding = ",".join(f"+{name[4:].lower()}" for name in unit["CapabilityBoundingSet"])
    ambient = ",".join(f"+{name[4:].lower()}" for name in unit["AmbientCapabilities"])
    wrapped = ["setpriv", f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}",
               "--clear-groups", f"--inh-caps=-all,{ambient}",
               f"--ambient-caps=-all,{ambient}", f"--bounding-set=-all,{bounding}"]
    if unit["NoNewPrivileges"] == ["yes"]:
        wrapped.append("--no-new-privs")
    if unit["MemoryDenyWriteExecute"] == ["yes"]:
        # Since Linux 6.3; the manager's own means is a filter.
        LIBC.prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0)
    os.umask(int(unit["UMask"][0], 8))
    filter_load(unit)
    os.execvp(wrapped[0], [*wrapped, "--", *command])


def ptrace(request, tid):
    if LIBC.ptrace(ctypes.c_long(request), ctypes.c_long(tid), None, None) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def freeze(tid, seconds):
    """SIGSTOP is for whole processes; a tracer can stop one thread."""
    tid = int(tid)
    ptrace(PTRACE_SEIZE, tid)
    ptrace(PTRACE_INTERRUPT, tid)
    _, status = os.waitpid(tid, WALL)
    if not os.WIFSTOPPED(status):
        sys.exit(f"thread {tid} did not stop: {status:#x}")
    print(f"{time.monotonic():.3f} stopped {tid}", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    time.sleep(float(seconds))


def main():
    commands = {"notified": notified, "run": run, "freeze": freeze}
    if len(sys.argv) < 3 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    commands[sys.argv[1]](*sys.argv[2:])


if __name__ == "__main__":
    main()
