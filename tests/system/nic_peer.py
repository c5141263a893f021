#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The wires of the guest's NICs: sends numbered UDP frames into one, and checks all that comes out.

    nic_peer.py DIRECTORY --in 0 --from SRC --to DST --count 9 --leg 1,SRC,DST[,TTL[,MAC]] ...

SRC and DST are ADDRESS:PORT, MAC is that of the destination. A NIC may have VLAN tags behind it:
1/20 is 802.1Q, 1/400.20 that inside 802.1ad. Frame i has a length and a payload that follow from
i; with --flows N it is of flow i % N, whose peers have ports higher by this number, and sluiced by
twice as much, as with RTP. What a leg's frame must be is built anew, by scapy, from i and the
arguments: it must come out of the leg's NIC once, in the order of its flow, and nothing else may
come out of any NIC.
With --queues N it is computed how many frames RSS with the key of the profiles puts into each of so
many queues. With --seconds N the frames are sent again and again for so long, and what comes out is
not read.
DIRECTORY/nicN.peer is our socket of NIC N and DIRECTORY/nicN.qemu that of qemu; without those the
interface nicN of this network namespace is the wire. Prints a JSON object of what was counted.
"""

import argparse
import collections
import ipaddress
import json
import os
import random
import select
import socket
import struct
import sys
import time

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

NICS_MAX = 3
TPIDS = (0x88a8, 0x8100)
SIZES = (1, 18, 172, 700, 1400, 1472)  # bytes of payload, beside the four of the number
NIC_MACS = [f"02:00:00:00:{nic:02x}:01" for nic in range(NICS_MAX)]  # _lib.sh's BOX_MAC, --mac
PEER_MAC = "02:00:00:00:{:02x}:10"  # and HOST_MAC
FRAME_BYTES_MIN = 60
RSS_KEY = bytes.fromhex("6d5a") * 20  # rss_key of drivers-conf/profiles
RSS_TABLE_ENTRIES = 128
ETH_P_ALL = 3


def address(text):
    """(address, port) of ADDRESS:PORT, in IPv6 [ADDRESS]:PORT."""
    host, port = text.rsplit(":", 1)
    return host.strip("[]"), int(port)


def wire(text):
    """(NIC, tags) of NIC[/TAGS]: the tags are (TPID, VLAN), the outer one first."""
    nic, _, tags = text.partition("/")
    ids = [int(tag) for tag in tags.split(".") if tag]
    return int(nic), tuple(zip(TPIDS[-len(ids):], ids)) if ids else ()


def tagged(frame, tags):
    """The frame, with tags inserted."""
    return frame[:12] + b"".join(struct.pack("!HH", *tag) for tag in tags) + frame[12:]


def tags_of(frame):
    """The tags that a frame has, without their priority."""
    tags, at = [], 12
    while (tag := struct.unpack_from("!HH", frame, at))[0] in TPIDS:
        tags.append((tag[0], tag[1] & 0xfff))
        at += 4
    return tuple(tags)


def port_add(end, n):
    """An (address, port) with a higher port."""
    return end[0], end[1] + n


def rss_queue(src, dst, n_queues):
    """The queue that Toeplitz's hash and the default table of DPDK's drivers lead to."""
    data = b"".join(ipaddress.ip_address(end[0]).packed for end in (src, dst)) + b"".join(
        end[1].to_bytes(2, "big") for end in (src, dst))
    key, key_bits, value = int.from_bytes(RSS_KEY, "big"), 8 * len(RSS_KEY), 0
    for bit in range(8 * len(data)):
        if data[bit // 8] & 0x80 >> bit % 8:
            value ^= key >> (key_bits - 32 - bit) & 0xffffffff
    return value % RSS_TABLE_ENTRIES % n_queues


def payload(number):
    """The number, and bytes by chance that follow from it."""
    size = min(SIZES[number % len(SIZES)], 1472 - 4)
    return number.to_bytes(4, "big") + random.Random(number).randbytes(size)


def datagram(src_mac, dst_mac, tags, src, dst, ttl, number):
    """A frame as it must be on the wire."""
    body = payload(number)
    if ":" in src[0]:
        body = body[:1400]
        ip = IPv6(src=src[0], dst=dst[0], hlim=ttl)
    else:
        ip = IP(src=src[0], dst=dst[0], ttl=ttl, id=number & 0xffff, flags="DF")
    frame = Ether(src=src_mac, dst=dst_mac) / ip / UDP(sport=src[1], dport=dst[1]) / Raw(body)
    return tagged(bytes(frame), tags).ljust(FRAME_BYTES_MIN, b"\0")


class Leg:
    """NIC[/TAGS],SRC,DST[,TTL[,MAC]] of --leg."""

    def __init__(self, text):
        place, src, dst, *more = text.split(",")
        self.nic, self.tags = wire(place)
        self.src, self.dst = address(src), address(dst)
        self.ttl = int(more[0]) if more else 63
        self.mac = more[1] if more[1:] else PEER_MAC.format(self.nic)

    def frame(self, number, flow):
        return datagram(NIC_MACS[self.nic], self.mac, self.tags, port_add(self.src, 2 * flow),
                        port_add(self.dst, flow), self.ttl, number)


class Wires:
    """Our ends of the NICs that there are, and what came out of them."""

    def __init__(self, directory):
        self.sockets = {}
        self.received = collections.Counter()
        self.received_bytes = collections.Counter()
        for nic in range(NICS_MAX):
            qemu, ours = (f"{directory}/nic{nic}.{end}" for end in ("qemu", "peer"))
            if os.path.exists(qemu):
                self.sockets[nic] = self.unix_socket(qemu, ours)
            elif f"nic{nic}" in dict(map(reversed, socket.if_nameindex())):
                self.sockets[nic] = self.packet_socket(f"nic{nic}")

    @staticmethod
    def unix_socket(qemu, ours):
        if os.path.exists(ours):
            os.unlink(ours)
        end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        end.bind(ours)
        end.connect(qemu)
        return end

    @staticmethod
    def packet_socket(interface):
        end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        end.bind((interface, ETH_P_ALL))
        return end

    def send(self, nic, frame):
        self.sockets[nic].send(frame)

    def receive(self, timeout_s):
        """A list of (nic, frame); after the time-out, or for what we sent, an empty one."""
        found = []
        for end in select.select(list(self.sockets.values()), [], [], timeout_s)[0]:
            nic = next(n for n, s in self.sockets.items() if s is end)
            frame, sender = end.recvfrom(65536)
            if end.family == socket.AF_PACKET and sender[2] == socket.PACKET_OUTGOING:
                continue
            self.received[nic] += 1
            self.received_bytes[nic] += len(frame)
            found.append((nic, frame))
        return found


class Check:
    """What has to come yet: for each NIC, a frame and how often."""

    def __init__(self):
        self.missing = collections.Counter()
        self.wrong = []
        self.places = {}  # (flow, leg) of a frame, and its number there
        self.last = {}  # number of the last frame of a (flow, leg)
        self.late = 0  # frames that came after a later one of theirs

    def expect(self, nic, frame, place):
        self.missing[nic, frame] += 1
        self.places[nic, frame] = place

    def take(self, nic, frame):
        """A NIC pads a short frame on the wire, an emulated one may leave that out."""
        frame = frame.ljust(FRAME_BYTES_MIN, b"\0")
        if (nic, frame) in self.missing:
            line, number = self.places[nic, frame]
            self.late += number < self.last.get(line, -1)
            self.last[line] = number
        if self.missing[nic, frame] > 1:
            self.missing[nic, frame] -= 1
        elif self.missing.pop((nic, frame), 0) == 0:
            self.wrong.append((nic, frame))


def exchange(wires, args):
    """Send all frames, a window of them at a time, and receive until all is there."""
    check, sent_bytes, queues = Check(), 0, [0] * args.queues
    source_nic, tags = args.nic
    source, destination = address(args.source), address(args.to)
    quiet = False
    for first in range(0, args.count, args.window):
        for number in range(first, min(first + args.window, args.count)):
            flow = number % args.flows
            src = port_add(source, flow)
            dst = port_add(destination, 2 * flow)
            frame = datagram(PEER_MAC.format(source_nic), args.to_mac or NIC_MACS[source_nic],
                             tags, src, dst, 64, number)
            for i, leg in enumerate(args.leg):
                copy = leg.frame(number, flow)
                if len(copy) <= 14 + 4 * len(leg.tags) + args.mtu:
                    check.expect(leg.nic, copy, ((flow, i), number))
            if queues:
                queues[rss_queue(src, dst, len(queues))] += 1
            wires.send(source_nic, frame)
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
    return check, sent_bytes, queues


def flood(wires, args):
    """Send the frames without end; a wire that is full loses some."""
    nic, tags = args.nic
    frames = [datagram(PEER_MAC.format(nic), NIC_MACS[nic], tags, address(args.source),
                       address(args.to), 64, number) for number in range(args.count)]
    deadline = time.monotonic() + args.seconds
    while time.monotonic() < deadline:
        for frame in frames:
            try:
                wires.send(nic, frame)
            except OSError:
                time.sleep(0.001)


def main():
    parser = argparse.ArgumentParser(description="Sends frames into a NIC, checks what comes out.")
    parser.add_argument("directory")
    parser.add_argument("--in", dest="nic", type=wire, default=(0, ()), metavar="NIC[/TAGS]")
    parser.add_argument("--from", dest="source", required=True, metavar="ADDRESS:PORT")
    parser.add_argument("--to", required=True, metavar="ADDRESS:PORT")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--flows", type=int, default=1, metavar="N")
    parser.add_argument("--queues", type=int, default=0, metavar="N")
    parser.add_argument("--window", type=int, default=32, metavar="FRAMES")
    parser.add_argument("--seconds", type=float, default=0, metavar="N")
    parser.add_argument("--patience", type=float, default=10, metavar="SECONDS")
    parser.add_argument("--leg", type=Leg, action="append", default=[])
    parser.add_argument("--to-mac", metavar="MAC", help="other than the NIC's")
    parser.add_argument("--mtu", type=int, default=1500, metavar="BYTES",
                        help="longer IP packets must not come out")
    parser.add_argument("--mac", action="append", default=[], metavar="NIC,MAC")
    args = parser.parse_args()
    for text in args.mac:
        nic, mac = text.split(",")
        NIC_MACS[int(nic)] = mac
    wires = Wires(args.directory)
    if args.seconds:
        flood(wires, args)
        return
    check, sent_bytes, queues = exchange(wires, args)
    print(json.dumps({"sent": args.count, "sent_bytes": sent_bytes, "queues": queues,
                      "received": wires.received, "received_bytes": wires.received_bytes}))
    for nic, frame in check.wrong[:3]:
        print(f"not expected from NIC {nic}: {frame[:64].hex()}", file=sys.stderr)
    for nic, frame in list(check.missing)[:3]:
        print(f"missing from NIC {nic}: {frame[:64].hex()}", file=sys.stderr)
    if check.wrong or check.missing or check.late:
        sys.exit(f"nic_peer.py: {len(check.wrong)} frames that were not expected, "
                 f"{check.late} out of order, "
                 f"{sum(check.missing.values())} of "
                 f"{args.count * len(args.leg)} missing")


if __name__ == "__main__":
    main()
