#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The wires of the guest's NICs: sends numbered UDP frames into one, and checks all that comes out.

    nic_peer.py DIRECTORY --in 0 --from SRC --to DST --count 1000 --leg 1,SRC,DST[,TTL] ...

SRC and DST are ADDRESS:PORT. Frame i has a length and a payload that follow from i; with
--sources N the port of SRC goes on through N values. What a leg's frame must be is built anew, by
scapy, from i and the arguments: it must come out of the leg's NIC once, and nothing else may come
out of any NIC. DIRECTORY/nicN.peer is our socket of NIC N and DIRECTORY/nicN.qemu that of qemu.
Prints a JSON object of what was counted.
"""

import argparse
import collections
import json
import os
import random
import select
import socket
import sys
import time

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

NICS_MAX = 3
SIZES = (1, 18, 172, 700, 1400, 1472)  # bytes of payload, beside the four of the number
NIC_MACS = [f"02:00:00:00:{nic:02x}:01" for nic in range(NICS_MAX)]  # _lib.sh's BOX_MAC, --mac
PEER_MAC = "02:00:00:00:{:02x}:10"  # and HOST_MAC
FRAME_BYTES_MIN = 60


def address(text):
    """(address, port) of ADDRESS:PORT, in IPv6 [ADDRESS]:PORT."""
    host, port = text.rsplit(":", 1)
    return host.strip("[]"), int(port)


def payload(number):
    """The number, and bytes by chance that follow from it."""
    size = min(SIZES[number % len(SIZES)], 1472 - 4)
    return number.to_bytes(4, "big") + random.Random(number).randbytes(size)


def datagram(src_mac, dst_mac, src, dst, ttl, number):
    """A frame as it must be on the wire."""
    body = payload(number)
    if ":" in src[0]:
        body = body[:1400]
        ip = IPv6(src=src[0], dst=dst[0], hlim=ttl)
    else:
        ip = IP(src=src[0], dst=dst[0], ttl=ttl, id=number & 0xffff, flags="DF")
    frame = Ether(src=src_mac, dst=dst_mac) / ip / UDP(sport=src[1], dport=dst[1]) / Raw(body)
    return bytes(frame).ljust(FRAME_BYTES_MIN, b"\0")


class Leg:
    """NIC,SRC,DST[,TTL] of --leg."""

    def __init__(self, text):
        nic, src, dst, *ttl = text.split(",")
        self.nic, self.src, self.dst = int(nic), address(src), address(dst)
        self.ttl = int(ttl[0]) if ttl else 63

    def frame(self, number):
        return datagram(NIC_MACS[self.nic], PEER_MAC.format(self.nic),
                        self.src, self.dst, self.ttl, number)


class Wires:
    """Our ends of the NICs that there are, and what came out of them."""

    def __init__(self, directory):
        self.sockets = {}
        self.received = collections.Counter()
        self.received_bytes = collections.Counter()
        for nic in range(NICS_MAX):
            qemu, ours = (f"{directory}/nic{nic}.{end}" for end in ("qemu", "peer"))
            if not os.path.exists(qemu):
                continue
            if os.path.exists(ours):
                os.unlink(ours)
            end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            end.bind(ours)
            end.connect(qemu)
            self.sockets[nic] = end

    def send(self, nic, frame):
        self.sockets[nic].send(frame)

    def receive(self, timeout_s):
        """A list of (nic, frame); an empty one after the time-out."""
        found = []
        for end in select.select(list(self.sockets.values()), [], [], timeout_s)[0]:
            nic = next(n for n, s in self.sockets.items() if s is end)
            frame = end.recv(65536)
            self.received[nic] += 1
            self.received_bytes[nic] += len(frame)
            found.append((nic, frame))
        return found


class Check:
    """What has to come yet: for each NIC, a frame and how often."""

    def __init__(self):
        self.missing = collections.Counter()
        self.wrong = []

    def expect(self, nic, frame):
        self.missing[nic, frame] += 1

    def take(self, nic, frame):
        """A NIC pads a short frame on the wire, an emulated one may leave that out."""
        frame = frame.ljust(FRAME_BYTES_MIN, b"\0")
        if self.missing[nic, frame] > 1:
            self.missing[nic, frame] -= 1
        elif self.missing.pop((nic, frame), 0) == 0:
            self.wrong.append((nic, frame))


def exchange(wires, args):
    """Send all frames, a window of them at a time, and receive until all is there."""
    check, sent_bytes = Check(), 0
    source, destination = address(args.source), address(args.to)
    quiet = False
    for first in range(0, args.count, args.window):
        for number in range(first, min(first + args.window, args.count)):
            src = (source[0], source[1] + number % args.sources)
            frame = datagram(PEER_MAC.format(args.nic), NIC_MACS[args.nic], src,
                             destination, 64, number)
            for leg in args.leg:
                check.expect(leg.nic, leg.frame(number))
            wires.send(args.nic, frame)
            sent_bytes += len(frame)
        deadline = time.monotonic() + args.patience
        while check.missing and not quiet and time.monotonic() < deadline:
            for nic, frame in wires.receive(0.1):
                check.take(nic, frame)
        quiet = quiet or bool(check.missing)
    # What should not come.
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        for nic, frame in wires.receive(0.1):
            check.take(nic, frame)
    return check, sent_bytes


def main():
    parser = argparse.ArgumentParser(description="Sends frames into a NIC, checks what comes out.")
    parser.add_argument("directory")
    parser.add_argument("--in", dest="nic", type=int, default=0, metavar="NIC")
    parser.add_argument("--from", dest="source", required=True, metavar="ADDRESS:PORT")
    parser.add_argument("--to", required=True, metavar="ADDRESS:PORT")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--sources", type=int, default=1, metavar="N")
    parser.add_argument("--window", type=int, default=32, metavar="FRAMES")
    parser.add_argument("--patience", type=float, default=10, metavar="SECONDS")
    parser.add_argument("--leg", type=Leg, action="append", default=[])
    parser.add_argument("--mac", action="append", default=[], metavar="NIC,MAC")
    args = parser.parse_args()
    for text in args.mac:
        nic, mac = text.split(",")
        NIC_MACS[int(nic)] = mac
    wires = Wires(args.directory)
    check, sent_bytes = exchange(wires, args)
    print(json.dumps({"sent": args.count, "sent_bytes": sent_bytes,
                      "received": wires.received, "received_bytes": wires.received_bytes}))
    for nic, frame in check.wrong[:3]:
        print(f"not expected from NIC {nic}: {frame[:64].hex()}", file=sys.stderr)
    for nic, frame in list(check.missing)[:3]:
        print(f"missing from NIC {nic}: {frame[:64].hex()}", file=sys.stderr)
    if check.wrong or check.missing:
        sys.exit(f"nic_peer.py: {len(check.wrong)} frames that were not expected, "
                 f"{sum(check.missing.values())} of "
                 f"{args.count * len(args.leg)} missing")


if __name__ == "__main__":
    main()
