#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""One party of a call: sends and receives on one UDP socket with an ephemeral port.

usage: call.py --to ADDRESS:PORT --count N [--gap-ms MS] [--linger SECONDS] [--rtcp]
               [--at N,... COMMAND]

It sends N numbered RTP packets to the address, at least a gap apart, prints "sending" after the
first, receives until --linger seconds after the last one, and prints a line "done: " with a JSON
object: its own port, the numbers that it received, in order, how many came from elsewhere than the
address, and for each number that it sent the last one that it had received before. With --rtcp a
second socket does the same on the next port above ADDRESS:PORT, and the object has a member
"rtcp". With --at it starts a command after each of these numbers, and goes on meanwhile.
"""

import argparse
import ipaddress
import json
import random
import select
import shlex
import socket
import struct
import subprocess
import time


class Party:
    """A socket, where it sends, and what it heard."""

    def __init__(self, address, port):
        family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
        self.to = (str(address), port)
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.bind(("", 0))
        self.ssrc = random.getrandbits(32)
        self.heard, self.strangers, self.sent_after = [], 0, []

    def send(self, number):
        self.sent_after.append(self.heard[-1] if self.heard else -1)
        packet = struct.pack("!BBHII", 0x80, 0, number % 65536, number * 160, self.ssrc)
        self.socket.sendto(packet + struct.pack("!I", number) + bytes(156), self.to)

    def receive(self):
        payload, source = self.socket.recvfrom(2048)
        if source[:2] == self.to:
            self.heard.append(struct.unpack("!I", payload[12:16])[0])
        else:
            self.strangers += 1

    def figures(self):
        return {"port": self.socket.getsockname()[1], "heard": self.heard,
                "strangers": self.strangers, "sent_after": self.sent_after}


def listen(parties, until):
    """Receive on all sockets until that moment; what waits, even if the moment has passed."""
    by_socket = {party.socket: party for party in parties}
    while True:
        left = until - time.monotonic()
        readable = select.select(list(by_socket), [], [], max(left, 0))[0]
        if not readable and left <= 0:
            return
        for ready in readable:
            by_socket[ready].receive()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--to", required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--gap-ms", type=float, default=20)
    parser.add_argument("--linger", type=float, default=1)
    parser.add_argument("--rtcp", action="store_true")
    parser.add_argument("--at", nargs=2, default=["", ""], metavar=("N,...", "COMMAND"))
    arguments = parser.parse_args()
    numbers, command = arguments.at
    numbers = {int(number) for number in numbers.split(",") if number}
    commands = []
    address, _, port = arguments.to.rpartition(":")
    address, port = ipaddress.ip_address(address.strip("[]")), int(port)
    parties = [Party(address, port + i) for i in range(1 + arguments.rtcp)]
    for number in range(arguments.count):
        for party in parties:
            party.send(number)
        if number == 0:
            print("sending", flush=True)
        if number in numbers:
            commands.append(subprocess.Popen(shlex.split(command), stdout=subprocess.DEVNULL))
        listen(parties, time.monotonic() + arguments.gap_ms / 1000)
    listen(parties, time.monotonic() + arguments.linger)
    if any(each.wait() for each in commands):
        raise SystemExit(f"failed: {command}")
    figures = parties[0].figures()
    if arguments.rtcp:
        figures["rtcp"] = parties[1].figures()
    print("done: " + json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
