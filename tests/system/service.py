#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What a service manager does for a unit, where none is PID 1.

usage: service.py notified SOCKET              print what a service says, with the time of each and
                                               the CPU time of its main thread, in seconds
       service.py run UNIT USER COMMAND...     run a command under what the unit restricts

`run` applies the capabilities, SystemCallFilter=, RestrictAddressFamilies=, NoNewPrivileges= and
MemoryDenyWriteExecute= of the unit. Namespaces and devices are not made.
"""

import ctypes
import os
import pwd
import socket
import struct
import subprocess
import sys
import time

import seccomp

LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1
UCRED = struct.Struct("3i")  # pid, uid, gid


def main_thread_cpu_s(pid):
    try:
        with open(f"/proc/{pid}/schedstat", encoding="ascii") as schedstat:
            return int(schedstat.read().split()[0]) / 1e9
    except FileNotFoundError:
        return 0  # it has ended since


def notified(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(path)
        os.chmod(path, 0o666)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        print("listening", flush=True)
        while True:
            said, control, _, _ = server.recvmsg(4096, socket.CMSG_SPACE(UCRED.size))
            cpu_s = main_thread_cpu_s(UCRED.unpack(control[0][2])[0])
            for line in said.decode().splitlines():
                print(f"{time.monotonic():.3f} {cpu_s:.3f} {line}", flush=True)


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


def main():
    commands = {"notified": notified, "run": run}
    if len(sys.argv) < 3 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    commands[sys.argv[1]](*sys.argv[2:])


if __name__ == "__main__":
    main()
