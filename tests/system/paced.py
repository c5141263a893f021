#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Media at a pace, and what of it was lost while something changed.

paced.py send SRC>DST...
    Numbered datagrams, one a millisecond at most from each ADDRESS:PORT, until SIGTERM.
paced.py receive ADDRESS:PORT...
    Prints "ready". On SIGUSR1 it prints "phase: " and JSON of what has arrived, for each address
    and port: {"received", "lost", "late", "twice", "outage_ms"}; on SIGUSR2, too, and counts from
    0 again. A datagram is late behind one of a higher number; outage_ms is the longest time between
    the sending of two datagrams that arrived one after the other, of which there were others in
    between; 0: none.
"""
import json
import selectors
import signal
import socket
import struct
import sys
import time

from udp import endpoint_parse, family_of

GAP_S = 0.001
HEAD = struct.Struct("!IQ")  # number, CLOCK_MONOTONIC in ns
LENGTH = 200


def send(pairs):
    sockets = []
    for pair in pairs:
        src, dst = (endpoint_parse(end) for end in pair.split(">"))
        sender = socket.socket(family_of(src), socket.SOCK_DGRAM)
        sender.bind(src)
        sockets.append((sender, dst))
    number = 0
    while True:
        for sender, dst in sockets:
            payload = HEAD.pack(number, time.monotonic_ns()).ljust(LENGTH, b"\0")
            try:
                sender.sendto(payload, dst)
            except OSError:  # an ICMP error of an earlier one, or no neighbour: it is lost
                pass
        number += 1
        time.sleep(GAP_S)


class Stream:
    """What arrives at an address and port."""

    def __init__(self):
        self.last = None  # (number, sent_ns) of the highest number
        self.missing = set()
        self.begin()

    def begin(self):
        self.missing.clear()
        self.received = self.late = self.twice = self.outage_ns = 0

    def take(self, payload):
        number, sent_ns = HEAD.unpack_from(payload)
        self.received += 1
        if self.last is None or number == self.last[0] + 1:
            self.last = number, sent_ns
        elif number > self.last[0]:
            self.missing.update(range(self.last[0] + 1, number))
            self.outage_ns = max(self.outage_ns, sent_ns - self.last[1])
            self.last = number, sent_ns
        elif number in self.missing:
            self.missing.remove(number)
            self.late += 1
        else:
            self.twice += 1

    def report(self):
        return {"received": self.received, "lost": len(self.missing), "late": self.late,
                "twice": self.twice, "outage_ms": round(self.outage_ns / 1e6, 1)}


def receive(names):
    selector = selectors.DefaultSelector()
    streams = {name: Stream() for name in names}
    for name in names:
        local = endpoint_parse(name)
        receiver = socket.socket(family_of(local), socket.SOCK_DGRAM)
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        receiver.setblocking(False)
        receiver.bind(local)
        selector.register(receiver, selectors.EVENT_READ, streams[name])
    phase, told = socket.socketpair()
    told.setblocking(False)
    signal.set_wakeup_fd(told.fileno())
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, lambda *_: None)
    selector.register(phase, selectors.EVENT_READ, None)
    print("ready", flush=True)
    while True:
        for key, _ in selector.select():
            if key.data:
                key.data.take(key.fileobj.recv(2048))
            else:
                for number in phase.recv(64):
                    print("phase:", json.dumps({n: s.report() for n, s in streams.items()}),
                          flush=True)
                    for stream in streams.values() if number == signal.SIGUSR2 else ():
                        stream.begin()


def main():
    what, *names = sys.argv[1:]
    (send if what == "send" else receive)(names)


main()
