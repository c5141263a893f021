#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Sends and receives UDP datagrams whose payloads both ends can compute, for the system tests.

usage: udp.py send    --src ADDRESS:PORT --dst ADDRESS:PORT --count N [--seed S] [--gap-us U]
                      [--no-checksum] [--until FILE]
       udp.py receive --src ADDRESS:PORT --dst ADDRESS:PORT --count N [--seed S] [--timeout SECONDS]
                      [--ttl N] [--dscp N]

The sender numbers its datagrams; lengths vary from 1 to 1400 bytes. The receiver is ready when it
prints "ready"; at the end it prints "done: all N", or "done: " and what was wrong. It checks who
sent, what the payload is, that the order is kept and, when asked, TTL and DSCP. --count 0 of a
receiver means that nothing must arrive before the time is over.

With --until the sender slows down after half of its datagrams until FILE exists: a test that
changes things meanwhile may take its time, and the number of datagrams is known all the same.

With --interface NAME --vlan ID [--outer-vlan ID] (and --dst-mac MAC to send) frames are made and
read here, tags included, as the kernel may know no VLANs; checksums are then checked here as well.
"""

import argparse
import collections
import hashlib
import ipaddress
import os
import random
import socket
import struct
import sys
import time

UNTIL_GAP_S = 0.05
TPID_VLAN, TPID_OUTER = 0x8100, 0x88A8
SOL_PACKET, PACKET_AUXDATA, TP_STATUS_VLAN_VALID = 263, 8, 1 << 4
PACKET_OUTGOING = 4
IP_RECVTTL = 12
SO_NO_CHECK = 11
IPV6_RECVHOPLIMIT, IPV6_HOPLIMIT, IPV6_RECVTCLASS, IPV6_TCLASS = 51, 52, 66, 67

Arrival = collections.namedtuple("Arrival", "source payload ttl dscp")


def payload_make(seed, index):
    """Payload of datagram `index`, the same at both ends."""
    generator = random.Random(f"{seed}/{index}")
    return struct.pack("!I", index) + generator.randbytes(generator.randint(1, 1396))


def endpoint_parse(text):
    """("192.0.2.1", 5004) of "192.0.2.1:5004" or "[2001:db8::1]:5004"."""
    address, _, port = text.rpartition(":")
    return str(ipaddress.ip_address(address.strip("[]"))), int(port)


def family_of(endpoint):
    return socket.AF_INET6 if ":" in endpoint[0] else socket.AF_INET


def checksum(data):
    """The Internet checksum (RFC 1071)."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class KernelEnd:
    """One end of the stream as an ordinary UDP socket."""

    def __init__(self, args, local):
        self.peer = args.dst
        family = family_of(local)
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        if args.no_checksum:
            self.socket.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
        if family == socket.AF_INET:
            self.socket.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
            self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
        else:
            self.socket.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1)
            self.socket.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVTCLASS, 1)
        self.socket.bind(local)

    def send(self, payload):
        try:
            self.socket.sendto(payload, self.peer)
        except ConnectionRefusedError:  # an ICMP answer to an earlier one
            self.socket.sendto(payload, self.peer)

    def receive(self):
        payload, extra, _, source = self.socket.recvmsg(65536, 256)
        values = {kind: data for _, kind, data in extra}
        ttl = values.get(socket.IP_TTL, values.get(IPV6_HOPLIMIT))
        tos = values.get(socket.IP_TOS, values.get(IPV6_TCLASS))
        number = {1: "B", 4: "i"}
        return Arrival(
            source[:2], payload, struct.unpack(number[len(ttl)], ttl)[0],
            struct.unpack(number[len(tos)], tos)[0] >> 2,
        )


class FrameEnd:
    """One end of the stream as frames with one or two VLAN tags."""

    def __init__(self, args, _local):
        self.args = args
        self.family = family_of(args.dst)
        self.ethertype = 0x86DD if self.family == socket.AF_INET6 else 0x0800
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.bind((args.interface, 3))
        self.socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)

    def packed(self, endpoint):
        return socket.inet_pton(self.family, endpoint[0])

    def pseudo(self, length):
        """The pseudo-header that the UDP checksum covers (RFC 768, RFC 8200 8.1)."""
        layout = "!IxxxB" if self.family == socket.AF_INET6 else "!xBH"
        rest = (length, 17) if self.family == socket.AF_INET6 else (17, length)
        return self.packed(self.args.src) + self.packed(self.args.dst) + struct.pack(layout, *rest)

    def send(self, payload):
        args, length = self.args, 8 + len(payload)
        udp = struct.pack("!HHHH", args.src[1], args.dst[1], length, 0) + payload
        udp = udp[:6] + struct.pack("!H", checksum(self.pseudo(length) + udp) or 0xFFFF) + udp[8:]
        if self.family == socket.AF_INET6:
            header = struct.pack("!IHBB", 6 << 28, length, 17, 64)
            header += self.packed(args.src) + self.packed(args.dst)
        else:
            header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 1, 0, 64, 17, 0)
            header += self.packed(args.src) + self.packed(args.dst)
            header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
        macs = bytes.fromhex((args.dst_mac + args.src_mac).replace(":", ""))
        tags = struct.pack("!HH", TPID_OUTER, args.outer_vlan) if args.outer_vlan else b""
        tags += struct.pack("!HH", TPID_VLAN, args.vlan) if args.vlan else b""
        self.socket.send(macs + tags + struct.pack("!H", self.ethertype) + header + udp)

    @staticmethod
    def tags_of(frame, extra):
        """([(TPID, VLAN id)], EtherType, what is behind). The kernel takes the first tag off."""
        tags = []
        for _, kind, data in extra:
            if kind == PACKET_AUXDATA and struct.unpack_from("=I", data)[0] & TP_STATUS_VLAN_VALID:
                vlan, tpid = struct.unpack_from("=16xHH", data)
                tags.append((tpid or TPID_VLAN, vlan & 0xFFF))
        at = 12
        while len(frame) >= at + 4 and struct.unpack_from("!H", frame, at)[0] in (
                TPID_VLAN, TPID_OUTER):
            tpid, vlan = struct.unpack_from("!HH", frame, at)
            tags.append((tpid, vlan & 0xFFF))
            at += 4
        return tags, struct.unpack_from("!H", frame, at)[0], frame[at + 2:]

    def receive(self):
        """The next datagram of the VLANs; other frames are passed over."""
        args = self.args
        wanted = [(TPID_OUTER, args.outer_vlan)] if args.outer_vlan else []
        wanted += [(TPID_VLAN, args.vlan)] if args.vlan else []
        while True:
            frame, extra, _, address = self.socket.recvmsg(65536, 256)
            tags, ethertype, packet = self.tags_of(frame, extra)
            if address[2] != PACKET_OUTGOING and tags == wanted and ethertype == self.ethertype:
                return self.parse(packet)

    def parse(self, packet):
        if self.family == socket.AF_INET6:
            source, ttl = packet[8:24], packet[7]
            dscp, udp = (struct.unpack("!H", packet[:2])[0] >> 6) & 63, packet[40:]
        else:
            source, ttl, dscp, udp = packet[12:16], packet[8], packet[1] >> 2, packet[20:]
            if checksum(packet[:20]) != 0:
                sys.exit("done: an IPv4 header checksum is wrong")
        port, _, length, carried = struct.unpack("!HHHH", udp[:8])
        if carried == 0 or checksum(self.pseudo(length) + udp[:length]) != 0:
            sys.exit("done: a UDP checksum is wrong")
        return Arrival(
            (socket.inet_ntop(self.family, source), port), udp[8:length], ttl, dscp)


def fault_of(arrival, index, args):
    """What is wrong with datagram number `index`; empty if nothing is."""
    expected = payload_make(args.seed, index)
    if arrival.source != args.src:
        return f"datagram {index} comes from {arrival.source}, expected {args.src}"
    if arrival.payload != expected:
        digest = hashlib.sha256(arrival.payload).hexdigest()[:12]
        return f"datagram {index} has another payload: {len(arrival.payload)} bytes, {digest}"
    for name in ("ttl", "dscp"):
        wanted, found = getattr(args, name), getattr(arrival, name)
        if wanted is not None and wanted != found:
            return f"datagram {index} has {name} {found}, expected {wanted}"
    return ""


def receive(args, end):
    """Read what is expected, or until the time is over; what was wrong."""
    deadline = time.monotonic() + args.timeout
    print("ready", flush=True)
    index = 0
    while args.count == 0 or index < args.count:
        left = deadline - time.monotonic()
        if left <= 0:
            break
        end.socket.settimeout(left)
        try:
            arrival = end.receive()
        except TimeoutError:
            break
        wrong = fault_of(arrival, index, args)
        if wrong:
            return wrong
        index += 1
    return "" if index == args.count else f"{index} arrived, expected {args.count}"


def send(args, end):
    for index in range(args.count):
        end.send(payload_make(args.seed, index))
        waits = args.until and 2 * index >= args.count and not os.path.exists(args.until)
        time.sleep(UNTIL_GAP_S if waits else args.gap_us / 1e6)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=("send", "receive"))
    parser.add_argument("--src", type=endpoint_parse, required=True)
    parser.add_argument("--dst", type=endpoint_parse, required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--seed", default="sluice")
    parser.add_argument("--gap-us", type=int, default=500)
    parser.add_argument("--until")
    parser.add_argument("--timeout", type=float, default=10)
    parser.add_argument("--ttl", type=int)
    parser.add_argument("--dscp", type=int)
    parser.add_argument("--no-checksum", action="store_true")
    parser.add_argument("--interface")
    parser.add_argument("--vlan", type=int, default=0)
    parser.add_argument("--outer-vlan", type=int, default=0)
    parser.add_argument("--src-mac", default="02:00:00:00:00:10")
    parser.add_argument("--dst-mac")
    return parser.parse_args()


def main():
    args = parse_arguments()
    local = args.src if args.action == "send" else args.dst
    end = FrameEnd(args, local) if args.interface else KernelEnd(args, local)
    if args.action == "send":
        send(args, end)
        return
    wrong = receive(args, end)
    print(f"done: {wrong or f'all {args.count}'}", flush=True)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
