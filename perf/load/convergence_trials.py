#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""From a change in the kernel's tables to the first packets of the flows by the other router.

convergence_trials.py NETNS TRIALS ROW PROBES CHANGE_A CHANGE_B

NETNS is the prefix of the namespaces "-h0", "-h1" and "-box". PROBES is a file with JSON of some
flows, spread over all: for each, the address and port of its sender, and the port that its leg
sends to. Media of these is sent once a millisecond, while the commands CHANGE_A and CHANGE_B of
`ip -batch` lead to the routers mv2 and mv1 by turns. Each trial begins when the command is written
to a running ip, so that the kernel's part is included, and ends with the first packet of the last
flow that reaches the other router, by the time that the kernel received it. Prints JSON: the times
in ms of the first flow, and of the last, of each trial.
"""
import ctypes
import json
import os
import pathlib
import socket
import struct
import subprocess
import sys
import threading
import time

CLONE_NEWNET = 0x40000000
SO_TIMESTAMPNS = 35
ETH_P_IP = 0x0800
MATCH = "192.0.2.1", 5004
GAP_S = 0.001
TRIAL_S = 30
REST_S = 0.3  # between two trials, so that a change does not meet the end of the one before


class In:
    """Sockets that are made meanwhile belong to that namespace."""

    def __init__(self, name):
        self.name = name

    @staticmethod
    def enter(path):
        file = os.open(path, os.O_RDONLY)
        if ctypes.CDLL(None, use_errno=True).setns(file, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"setns {path}")
        os.close(file)

    def __enter__(self):
        self.before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        self.enter(f"/run/netns/{self.name}")

    def __exit__(self, *_):
        self.enter(f"/proc/self/fd/{self.before}")
        os.close(self.before)


def sniffer(interface):
    """Frames that the interface receives, with the time."""
    found = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP))
    found.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    found.bind((interface, ETH_P_IP))
    return found


def packets(router, timeout_s):
    """(UDP destination port, ns) of each packet until nothing has come for so long."""
    router.settimeout(timeout_s)
    while True:
        try:
            packet, extra, _, _ = router.recvmsg(64, 64)
        except (TimeoutError, BlockingIOError):
            return
        if packet[9] == socket.IPPROTO_UDP:
            seconds, nanoseconds = struct.unpack("qq", extra[0][2])
            yield struct.unpack_from("!H", packet, 22)[0], seconds * 10**9 + nanoseconds


def send(sockets, stopped):
    while not stopped.is_set():
        for each in sockets:
            each.send(b"\x80" + bytes(63))
        time.sleep(GAP_S)


def trial(batch, command, router, wanted):
    """ms until the first and the last of the flows are by the router."""
    for _ in packets(router, 0):  # what is left of the trial before
        pass
    begin = time.time_ns()
    batch.stdin.write(command + "\n")
    batch.stdin.flush()
    first = {}
    end = time.monotonic() + TRIAL_S
    while len(first) < len(wanted):
        for port, at in packets(router, 0.1):
            if port in wanted:
                first.setdefault(port, (at - begin) / 1e6)
            if len(first) == len(wanted) or time.monotonic() > end:
                break
        if batch.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"{len(first)} of {len(wanted)} flows follow: {command}")
    return min(first.values()), max(first.values())


def main():
    netns, trials, name, path, *commands = sys.argv[1:]
    probes = json.loads(pathlib.Path(path).read_text(encoding="ascii"))
    with In(f"{netns}-h1"):
        routers = [sniffer("mv2"), sniffer("mv1")]
    sockets = []
    with In(f"{netns}-h0"):
        for address, port, _ in probes:
            sockets.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            sockets[-1].bind((address, port))
            sockets[-1].connect(MATCH)
    wanted = {port for _, _, port in probes}
    stopped = threading.Event()
    threading.Thread(target=send, args=(sockets, stopped)).start()
    times = []
    try:
        with subprocess.Popen(["ip", "-n", f"{netns}-box", "-batch", "-"], text=True,
                              stdin=subprocess.PIPE) as batch:
            for number in range(int(trials) + 1):  # the first one is to warm up
                time.sleep(REST_S)
                side = number % 2
                times.append(trial(batch, commands[side], routers[side], wanted))
            batch.stdin.close()
    finally:
        stopped.set()
    print(json.dumps({"name": name, "first_ms": [first for first, _ in times[1:]],
                      "last_ms": [last for _, last in times[1:]]}))


main()
