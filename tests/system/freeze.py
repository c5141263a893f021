#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""freeze.py TID SECONDS: stop one thread, as a tracer; SIGSTOP would stop its process."""

import ctypes
import os
import signal
import sys
import time

LIBC = ctypes.CDLL(None, use_errno=True)
PTRACE_SEIZE, PTRACE_INTERRUPT = 0x4206, 0x4207
WALL = 0x40000000


def ptrace(request, tid):
    if LIBC.ptrace(ctypes.c_long(request), ctypes.c_long(tid), None, None) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def main():
    tid, seconds = int(sys.argv[1]), float(sys.argv[2])
    ptrace(PTRACE_SEIZE, tid)
    ptrace(PTRACE_INTERRUPT, tid)
    _, status = os.waitpid(tid, WALL)
    if not os.WIFSTOPPED(status):
        sys.exit(f"thread {tid} did not stop: {status:#x}")
    print(f"{time.monotonic():.3f} stopped {tid}", flush=True)
    for ended in (signal.SIGTERM, signal.SIGALRM):
        signal.signal(ended, lambda *_: sys.exit(0))
    signal.setitimer(signal.ITIMER_REAL, seconds)
    # If it is killed, its process ends only when this has taken note of it.
    os.waitpid(tid, WALL)


if __name__ == "__main__":
    main()
