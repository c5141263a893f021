#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Packets that are traced and sent, and what was foretold of them against what arrived.

usage: trace.py make FILE.pcap DESTINATION_MAC
       trace.py send FILE.pcap INTERFACE
       trace.py compare TRACES.json PORT CAPTURE.pcap
       trace.py write TRACES.json FILE.pcap

make writes packets for the flows of trace.sh; send puts a capture's frames on the wire as they are;
compare holds the frames that were foretold to leave by a port against those that were captured
behind it; write makes a capture of all that were foretold.
"""

import json
import socket
import sys

from scapy.all import UDP, Ether, IP, IPv6, IPv6ExtHdrDestOpt, PadN, Raw, rdpcap, wrpcap

PORTS = range(5004, 5016, 2)
LENGTHS = (0, 1, 12, 200, 257, 1200)


def packets_make(mac):
    link = Ether(src="02:00:00:00:00:10", dst=mac)
    for port in PORTS:
        for number, length in enumerate(LENGTHS):
            payload = Raw(bytes((128 + i) % 256 for i in range(length)))
            udp = UDP(sport=1000, dport=port)
            yield link / IP(src="192.0.2.10", dst="192.0.2.1", id=number, tos=184) / udp / payload
            yield (link / IPv6(src="2001:db8:0::10", dst="2001:db8:0::1", fl=number, hlim=33)
                   / udp / payload)
    udp = UDP(sport=1000, dport=5004)
    yield link / IP(src="192.0.2.10", dst="192.0.2.1", ttl=1) / udp / Raw(b"\x80too far")
    yield link / IP(src="192.0.2.10", dst="192.0.2.1") / UDP(sport=1000, dport=5004, chksum=0)
    yield (link / IPv6(src="2001:db8:0::10", dst="2001:db8:0::1")
           / IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0" * 4)]) / udp / Raw(b"\x80options"))


def frames_read(path):
    return [bytes(packet) for packet in rdpcap(path)]


def send(path, interface):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind((interface, 0))
        for frame in frames_read(path):
            wire.send(frame)


def foretold(path, port=None):
    with open(path, encoding="utf-8") as file:
        traces = json.load(file)["packets"]
    return [bytes.fromhex(leg["frame"]) for trace in traces for leg in trace["legs"]
            if leg["outcome"] == "sent" and port in (None, leg["port"])]


def compare(path, port, capture):
    wanted, found = foretold(path, port), frames_read(capture)
    if not wanted:
        sys.exit(f"nothing was foretold to leave by {port}")
    # Packets that come in another family may overtake each other.
    wanted.sort()
    found.sort()
    for number, (one, other) in enumerate(zip(wanted, found)):
        if one != other:
            sys.exit(f"{port}: frame {number} of the sorted ones\nforetold {one.hex()}\n"
                     f"captured {other.hex()}")
    if len(wanted) != len(found):
        sys.exit(f"{port}: {len(wanted)} frames foretold, {len(found)} captured")
    print(len(wanted))


def main():
    verb, *args = sys.argv[1:]
    if verb == "make":
        wrpcap(args[0], list(packets_make(args[1])))
    elif verb == "write":
        wrpcap(args[1], [Ether(frame) for frame in foretold(args[0])])
    elif verb in ("send", "compare"):
        {"send": send, "compare": compare}[verb](*args)
    else:
        sys.exit(__doc__)


main()
