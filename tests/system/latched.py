#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Measures how long after a packet its source is told of, by the event flow_latched.

usage: latched.py SOCKET ADDRESS:PORT SOURCE FLOWS

Installs FLOWS listeners on port p0 at ADDRESS, from PORT on, and sends each one packet from SOURCE.
Prints the median and the longest time, and fails if they are too long: a sweep once a second had a
median of half a second. A round in which others took the CPU is done again.
"""

import json
import socket
import statistics
import sys
import time

ROUNDS = 5
MEDIAN_MAX_MS, LONGEST_MAX_MS = 10, 400


class Client:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(30)
        self.socket.connect(path)
        self.file = self.socket.makefile("r", encoding="utf-8")

    def read(self):
        return json.loads(self.file.readline())

    def call(self, method, params):
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        self.socket.sendall(json.dumps(request).encode() + b"\n")
        reply = self.read()
        if "result" not in reply:
            sys.exit(f"{method} was refused: {reply}")


def flow_make(address, port):
    return {"id": f"told-{port}", "latch": "first",
            "match": {"port": "p0", "dst": address, "dst_port": port},
            "legs": [{"port": "p1", "src": "198.51.100.1", "src_port": port,
                      "dst": "198.51.100.10", "dst_port": port}]}


def told_ms(events, sender, address, port):
    """From the packet to its event."""
    begin = time.monotonic()
    sender.sendto(b"media", (address, port))
    event = events.read()["params"]
    took_ms = (time.monotonic() - begin) * 1000
    if event["flow"] != f"told-{port}" or event["src_port"] != sender.getsockname()[1]:
        sys.exit(f"found the event {event} after a packet to port {port}")
    return took_ms


def round_measure(path, address, first, source, n_flows):
    calls, events = Client(path), Client(path)
    ports = range(first, first + n_flows)
    calls.call("flow.install", {"flows": [flow_make(address, port) for port in ports]})
    events.call("events.subscribe", {"kinds": ["flow_latched"]})
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind((source, 0))
        times = [told_ms(events, sender, address, port) for port in ports]
    calls.call("flow.remove", {"ids": [f"told-{port}" for port in ports]})
    return statistics.median(times), max(times)


def main():
    path, endpoint, source, n_flows = sys.argv[1:]
    address, _, first = endpoint.rpartition(":")
    for _ in range(ROUNDS):
        median, longest = round_measure(path, address, int(first), source, int(n_flows))
        print(f"median {median:.1f} ms, longest {longest:.1f} ms", flush=True)
        if median < MEDIAN_MAX_MS and longest < LONGEST_MAX_MS:
            return
    sys.exit(f"expected at most {MEDIAN_MAX_MS} ms and {LONGEST_MAX_MS} ms")


main()
