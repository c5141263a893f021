#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Sends datagrams that are what real-time media consists of, and tallies those that arrive.

usage: media.py send --src ADDRESS:PORT --dst ADDRESS:PORT --count N [--gap-us U] [--bytes B]
                     KIND...
       media.py tally --seconds S ADDRESS:PORT...

The sender goes round the KINDs, --count times: stun (a binding request, RFC 8489), dtls (a
ClientHello, RFC 6347), rtp[:SSRC[:TYPE]] (RFC 3550), rtcp[:SSRC] (a receiver report), turn (a
ChannelData message, RFC 8656), quic (a long header, RFC 9000), empty. --bytes is the length of the
payload of RTP. The tally is ready when it prints "ready"; at the end it prints "done: " and JSON:
for each address and port {"kinds": {KIND: packets}, "sources": {ADDRESS:PORT: packets},
"packets", "ip_bytes", "seconds" (from the first to the last)}.
"""

import argparse
import collections
import itertools
import json
import select
import socket
import struct
import sys
import time
import zlib

from udp import endpoint_parse, family_of

SO_TIMESTAMPNS = 35
STUN_COOKIE, STUN_CRC = 0x2112A442, 0x5354554E
DTLS_HANDSHAKE, DTLS_1_2 = 22, 0xFEFD
RTCP_RECEIVER_REPORT = 201


def stun_make(index):
    """A binding request with a FINGERPRINT (RFC 8489, 5 and 14.7)."""
    head = struct.pack("!HHI", 1, 8, STUN_COOKIE) + struct.pack("!IQ", 1, index)
    crc = zlib.crc32(head) ^ STUN_CRC
    return head + struct.pack("!HHI", 0x8028, 4, crc)


def dtls_make(index):
    """A record with a ClientHello of one cipher suite and no cookie (RFC 6347, 4.2.1)."""
    hello = struct.pack("!H", DTLS_1_2) + struct.pack("!Q", index) * 4
    hello += bytes([0, 0]) + struct.pack("!HH", 2, 0xC02B) + bytes([1, 0])
    body = bytes([1]) + len(hello).to_bytes(3, "big") + struct.pack("!H", 0)
    body += (0).to_bytes(3, "big") + len(hello).to_bytes(3, "big") + hello
    record = struct.pack("!BHH", DTLS_HANDSHAKE, DTLS_1_2, 0) + index.to_bytes(6, "big")
    return record + struct.pack("!H", len(body)) + body


def rtp_make(index, ssrc, payload_type, length):
    head = struct.pack("!BBHII", 0x80, payload_type, index & 0xFFFF, index * 960, ssrc)
    return head + bytes((index + n) & 0xFF for n in range(length))


def rtcp_make(ssrc):
    return struct.pack("!BBHI", 0x80, RTCP_RECEIVER_REPORT, 1, ssrc)


def payload_make(kind, index, length):
    """The payload of a KIND of the command line."""
    name, *numbers = kind.split(":")
    numbers = [int(number, 0) for number in numbers]
    if name == "stun":
        return stun_make(index)
    if name == "dtls":
        return dtls_make(index)
    if name == "rtp":
        return rtp_make(index, *(numbers + [1, 96][len(numbers):]), length)
    if name == "rtcp":
        return rtcp_make(*(numbers or [1]))
    if name == "turn":
        return struct.pack("!HH", 0x4001, 8) + struct.pack("!Q", index)
    if name == "quic":
        return bytes([0xC3]) + struct.pack("!IQ", 1, index)
    if name == "empty":
        return b""
    sys.exit(f"no such kind: {kind}")


def kind_of(payload):
    """The KIND of a payload, whole; "broken" when it is none."""
    if not payload:
        return "empty"
    if payload[0] == 0 and payload == stun_make(int.from_bytes(payload[12:20], "big")):
        return "stun"
    if payload[0] == DTLS_HANDSHAKE and payload == dtls_make(int.from_bytes(payload[5:11], "big")):
        return "dtls"
    if payload[0] == 0x80 and len(payload) == 8 and payload[1] == RTCP_RECEIVER_REPORT:
        return f"rtcp:{int.from_bytes(payload[4:8], 'big'):#x}"
    if payload[0] == 0x80 and len(payload) >= 12:
        kind, index, _, ssrc = struct.unpack_from("!xBHII", payload)
        if payload[12:] == bytes((index + n) & 0xFF for n in range(len(payload) - 12)):
            return f"rtp:{ssrc:#x}:{kind & 0x7F}"
    return {0x40: "turn", 0xC3: "quic"}.get(payload[0], "broken")


class Listener:
    """One socket and what arrived on it."""

    def __init__(self, name):
        endpoint = endpoint_parse(name)
        self.name, self.header = name, 48 if family_of(endpoint) == socket.AF_INET6 else 28
        self.kinds, self.sources = collections.Counter(), collections.Counter()
        self.ip_bytes, self.first_ns, self.last_ns = 0, 0, 0
        self.socket = socket.socket(family_of(endpoint), socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        # A sender may have the same port while it sends.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(endpoint)

    def receive(self):
        payload, extra, _, source = self.socket.recvmsg(65536, 256)
        seconds, ns = struct.unpack("qq", next(
            data for _, kind, data in extra if kind == SO_TIMESTAMPNS))
        self.last_ns = seconds * 1000000000 + ns
        self.first_ns = self.first_ns or self.last_ns
        self.ip_bytes += self.header + len(payload)
        self.kinds[kind_of(payload)] += 1
        self.sources[f"{source[0]}:{source[1]}"] += 1

    def told(self):
        return {"kinds": self.kinds, "sources": self.sources, "packets": self.kinds.total(),
                "ip_bytes": self.ip_bytes, "seconds": (self.last_ns - self.first_ns) / 1e9}


def tally(args):
    listeners = {}
    for listener in map(Listener, args.what):
        listeners[listener.socket] = listener
    deadline = time.monotonic() + args.seconds
    print("ready", flush=True)
    while (left := deadline - time.monotonic()) > 0:
        for sock in select.select(list(listeners), [], [], left)[0]:
            listeners[sock].receive()
    told = {listener.name: listener.told() for listener in listeners.values()}
    print(f"done: {json.dumps(told)}", flush=True)


def send(args):
    sock = socket.socket(family_of(args.src), socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(args.src)
    beat = time.monotonic()
    for index in range(args.count):
        for kind in args.what:
            try:
                sock.sendto(payload_make(kind, index, args.bytes), args.dst)
            except ConnectionRefusedError:  # an ICMP answer to an earlier one
                sock.sendto(payload_make(kind, index, args.bytes), args.dst)
            beat += args.gap_us / 1e6
            time.sleep(max(0, beat - time.monotonic()))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=("send", "tally"))
    parser.add_argument("what", nargs="+")
    parser.add_argument("--src", type=endpoint_parse)
    parser.add_argument("--dst", type=endpoint_parse)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--gap-us", type=int, default=1000)
    parser.add_argument("--bytes", type=int, default=160)
    parser.add_argument("--seconds", type=float, default=5)
    args = parser.parse_args()
    (send if args.action == "send" else tally)(args)


if __name__ == "__main__":
    main()
