#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Sends the same media from two sources, stops the first one by turns, and measures what goes on.

usage: failover.py SOCKET FLOW NETNS FROM TO AT TIMEOUT_MS RETURN_MS

Sends from FROM:1000 and FROM:1001 to TO, a packet of each a millisecond, and receives at AT in
network namespace NETNS; all of these but FROM are ADDRESS:PORT. The kernel stamps what arrives, so
that the receiver's own delay does not count. First the primary source stops and comes back CYCLES
times. Each time every packet that the backup sends after the time-out, counted from the arrival of
the last packet of the primary, is to go on; on a machine where the worker has its CPU that is a
millisecond more at most. Then the primary flaps: it never sends for RETURN_MS without a gap, and
stays standby.

Prints the median and the longest of what was measured.
"""

import ctypes
import json
import os
import socket
import statistics
import struct
import sys
import threading
import time

CYCLES = 5
TICK_S = 0.001
LIMIT_S = 30
MEDIAN_MAX_MS, LONGEST_MAX_MS = 1, 400
FLAPS = 3
PRIMARY, BACKUP = 0, 1
PACKET = struct.Struct("!BIQ")
SO_TIMESTAMPNS = 35
CLONE_NEWNET = 0x40000000


def endpoint_parse(text):
    address, _, port = text.rpartition(":")
    return address.strip("[]"), int(port)


def udp_make(address):
    return socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)


class Receiver(threading.Thread):
    """What arrives: {(source, number): time of arrival in ns}."""

    def __init__(self, netns, endpoint):
        super().__init__(daemon=True)
        self.netns, self.endpoint, self.arrived = netns, endpoint, {}
        self.ready = threading.Event()

    def run(self):
        with open(f"/run/netns/{self.netns}", "rb") as netns:
            if ctypes.CDLL(None, use_errno=True).setns(netns.fileno(), CLONE_NEWNET) != 0:
                sys.exit(f"setns: {os.strerror(ctypes.get_errno())}")
        with udp_make(self.endpoint[0]) as receiver:
            receiver.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            receiver.bind(self.endpoint)
            self.ready.set()
            while True:
                data, ancillary, _, _ = receiver.recvmsg(64, 64)
                seconds, nanoseconds = struct.unpack("qq", ancillary[0][2])
                source, number, _ = PACKET.unpack(data)
                self.arrived[source, number] = seconds * 10**9 + nanoseconds


class Flow:
    def __init__(self, path, flow):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(LIMIT_S)
        self.socket.connect(path)
        self.file = self.socket.makefile("r", encoding="utf-8")
        self.flow = flow

    def switches(self):
        request = {"jsonrpc": "2.0", "id": 1, "method": "flow.get", "params": {"id": self.flow}}
        self.socket.sendall(json.dumps(request).encode() + b"\n")
        return json.loads(self.file.readline())["result"]["failover"]["switches"]


class Sender:
    def __init__(self, source, to):
        self.sent = ([], [])  # [source][number]: ns
        self.sockets, self.active = [], PRIMARY
        for port in (1000, 1001):
            self.sockets.append(udp_make(source))
            self.sockets[-1].bind((source, port))
            self.sockets[-1].connect(to)

    def tick(self, primary):
        # The active source first: when this process had no CPU, that one is not silent alone.
        for source in (self.active, 1 - self.active) if primary else (BACKUP,):
            now_ns = time.time_ns()
            self.sockets[source].send(PACKET.pack(source, len(self.sent[source]), now_ns))
            self.sent[source].append(now_ns)
        time.sleep(TICK_S)

    def run(self, seconds, primary):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.tick(primary)

    def run_until(self, flow, switches, primary):
        """Until the flow has switched so often. RPC comes between packets, every 20 of them."""
        end = time.monotonic() + LIMIT_S
        while (found := flow.switches()) != switches:
            if found > switches or time.monotonic() > end:
                sys.exit(f"found {found} switches, expected {switches}")
            for _ in range(20):
                self.tick(primary)
        self.active = BACKUP if switches % 2 else PRIMARY


def late_ms(sender, receiver, first, last, timeout_ms):
    """How long after the time-out a backup packet was still refused; below 0: none was.

    `first` is the number of the first backup packet since the primary stopped, `last` of its last.
    """
    primary_ns = max(ns for (source, _), ns in receiver.arrived.items()
                     if source == PRIMARY and ns < sender.sent[BACKUP][last])
    went = [n for n in range(first, last + 1) if (BACKUP, n) in receiver.arrived]
    if not went or went != list(range(went[0], last + 1)):
        sys.exit(f"backup packets {first} to {last}: found {len(went)} gone on, not in one row")
    gap_ms = (receiver.arrived[BACKUP, went[0]] - primary_ns) / 1e6
    refused_ms = (sender.sent[BACKUP][went[0] - 1] - primary_ns) / 1e6 if went[0] > first else 0
    print(f"gap {gap_ms:.2f} ms, last refused {refused_ms:.2f} ms after the primary", flush=True)
    return refused_ms - timeout_ms


def main():
    path, name, netns, source, to, at, timeout_ms, return_ms = sys.argv[1:]
    timeout_ms, return_ms = int(timeout_ms), int(return_ms)
    receiver = Receiver(netns, endpoint_parse(at))
    receiver.start()
    receiver.ready.wait(LIMIT_S)
    flow, sender = Flow(path, name), Sender(source, endpoint_parse(to))
    rounds = []
    sender.run(0.2, primary=True)
    for cycle in range(CYCLES):
        first = len(sender.sent[BACKUP])
        sender.run_until(flow, 2 * cycle + 1, primary=False)
        sender.run(0.02, primary=False)
        rounds.append((first, len(sender.sent[BACKUP]) - 1))
        sender.run_until(flow, 2 * cycle + 2, primary=True)
    sender.run_until(flow, 2 * CYCLES + 1, primary=False)
    for _ in range(FLAPS):
        sender.run(return_ms / 2 / 1000, primary=True)
        sender.run(10 * timeout_ms / 1000, primary=False)
    time.sleep(0.5)
    if flow.switches() != 2 * CYCLES + 1:
        sys.exit(f"a source that flaps is active again: found {flow.switches()} switches")
    late = [late_ms(sender, receiver, *numbers, timeout_ms) for numbers in rounds]
    print(f"refused after the time-out: median {statistics.median(late):.2f} ms, "
          f"longest {max(late):.2f} ms", flush=True)
    if statistics.median(late) > MEDIAN_MAX_MS or max(late) > LONGEST_MAX_MS:
        sys.exit(f"expected at most {MEDIAN_MAX_MS} ms and {LONGEST_MAX_MS} ms")


main()
