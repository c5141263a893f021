#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A partner that runs LACP (IEEE 802.1AX) on interfaces, one aggregate, and counts datagrams.

    lacp_partner.py INTERFACE... [--port UDP_PORT]

A host whose kernel has no bonding driver: it answers each LACPDU with what it has heard, as a
partner that is active, with short time-outs, and takes part with all its interfaces. At SIGUSR1,
and at SIGTERM, it prints "phase: " and JSON of the datagrams to the port, as paced.py numbers them,
since the signal before: {"received": of each interface, "lost", "twice"}.
"""

import argparse
import json
import select
import signal
import socket
import struct
import sys
import time

SLOW = 0x8809
SLOW_MAC = bytes.fromhex("0180c2000002")
SYSTEM = bytes.fromhex("020000001001")
ACTIVE, TIMEOUT, AGGREGATION, SYNC, COLLECTING, DISTRIBUTING = (1 << i for i in range(6))
PERIOD_S = 1


def lacpdu(number, partner, state):
    """An LACPDU of our port of that number, 6.4.2.3: what we are, what we know of the partner."""
    actor = struct.pack("!H6sHHHB3x", 0x8000, SYSTEM, 17, 0x8000, number + 1, state)
    source = SYSTEM[:5] + bytes([number + 2])
    return b"".join((SLOW_MAC, source, struct.pack("!H", SLOW), b"\x01\x01", b"\x01\x14", actor,
                     b"\x02\x14", partner, b"\x03\x10", bytes(14), bytes(52)))


class Port:
    """One interface of the aggregate."""

    def __init__(self, number, name):
        self.number = number
        self.partner = bytes(18)
        self.numbers = []
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.bind((name, 3))
        request = struct.pack("IHH8s", socket.if_nametoindex(name), 2, 0, b"")  # all multicast
        self.socket.setsockopt(263, 1, request)
        self.socket.setsockopt(socket.SOL_SOCKET, 33, 1 << 22)  # SO_RCVBUFFORCE

    def speak(self):
        """Say what we are; with a partner that is in sync we distribute."""
        state = ACTIVE | TIMEOUT | AGGREGATION | SYNC
        if self.partner[14] & SYNC:
            state |= COLLECTING | DISTRIBUTING
        try:
            self.socket.send(lacpdu(self.number, self.partner, state))
        except OSError:
            pass  # the link is down

    def hear(self, udp_port):
        """A frame."""
        try:
            frame, address = self.socket.recvfrom(65536)
        except OSError:
            return
        if address[2] == socket.PACKET_OUTGOING:
            return
        if frame[12:16] == b"\x88\x09\x01\x01":
            before, self.partner = self.partner, frame[18:36]
            if before != self.partner:
                self.speak()
        elif frame[12:14] == b"\x08\x00" and frame[23] == 17 and \
                struct.unpack("!H", frame[36:38])[0] == udp_port:
            self.numbers.append(struct.unpack("!I", frame[42:46])[0])


class Phases:
    """What has arrived since the last phase."""

    def __init__(self, ports):
        self.ports = ports
        self.last = None  # highest number of the phases before

    def end(self):
        """Print this one, and begin another."""
        lists = []
        for port in self.ports:
            lists.append(port.numbers)
            port.numbers = []
        arrived = [number for numbers in lists for number in numbers]
        different = set(arrived)
        lost = 0
        if arrived:
            first = min(arrived) if self.last is None else self.last + 1
            self.last = max(arrived)
            lost = self.last + 1 - first - sum(number >= first for number in different)
        print("phase: " + json.dumps({"received": [len(numbers) for numbers in lists], "lost": lost,
                                      "twice": len(arrived) - len(different)}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("interfaces", nargs="+")
    parser.add_argument("--port", type=int, required=True)
    args = parser.parse_args()
    ports = {}
    for i, name in enumerate(args.interfaces):
        port = Port(i, name)
        ports[port.socket] = port
    phases = Phases(list(ports.values()))
    signal.signal(signal.SIGUSR1, lambda *_: phases.end())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print("ready", flush=True)
    spoken = 0
    try:
        while True:
            if time.monotonic() - spoken >= PERIOD_S:
                spoken = time.monotonic()
                for port in ports.values():
                    port.speak()
            for end in select.select(list(ports), [], [], PERIOD_S / 4)[0]:
                ports[end].hear(args.port)
    finally:
        phases.end()


if __name__ == "__main__":
    main()
