#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Check that every leg of every flow sent exactly the received payloads.

usage: payload_check.py [--json] FLOWS.json PORT=CAPTURE.pcap ...

FLOWS.json contains the params of flow.install; each capture contains both directions of one port.
For each flow the UDP payloads that match it are compared, by hash and in order, with those sent on
each leg. Prints one line per leg; the exit code is 0 if all are equal and every flow, except those
named by --may-be-empty, has packets.
"""

import argparse
import collections
import hashlib
import ipaddress
import json
import struct
import sys

ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_VLAN = 0x0800, 0x86DD, 0x8100
PROTOCOL_UDP = 17

Datagram = collections.namedtuple("Datagram", "vlan src src_port dst dst_port digest")


def read_frames(path):
    """The frames of a pcap file (Ethernet), one bytes object each."""
    with open(path, "rb") as file:
        data = file.read()
    if len(data) < 24:
        sys.exit(f"{path}: not a capture file")
    order = {b"\xd4\xc3\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">"}.get(data[:4])
    if order is None:
        sys.exit(f"{path}: not a capture file of microseconds")
    offset = 24
    while offset + 16 <= len(data):
        captured, length = struct.unpack_from(order + "8xII", data, offset)
        if captured != length:
            sys.exit(f"{path}: holds cut frames; capture them whole")
        frame = data[offset + 16 : offset + 16 + captured]
        if len(frame) < captured:
            sys.exit(f"{path}: ends inside a frame")
        yield frame
        offset += 16 + captured


def parse_ip(ethertype, packet):
    """(src, dst, what follows the IP header), or None if it is not plain UDP over IP."""
    if ethertype == ETHERTYPE_IPV4 and len(packet) >= 20:
        header, length = (packet[0] & 15) * 4, struct.unpack_from("!H", packet, 2)[0]
        if packet[9] == PROTOCOL_UDP:
            return packet[12:16], packet[16:20], packet[header:length]
    if ethertype == ETHERTYPE_IPV6 and len(packet) >= 40:
        if packet[6] == PROTOCOL_UDP:
            length = struct.unpack_from("!H", packet, 4)[0]
            return packet[8:24], packet[24:40], packet[40 : 40 + length]
    return None


def parse_frame(frame):
    """The datagram of a frame, or None."""
    ethertype, vlan, offset = struct.unpack_from("!H", frame, 12)[0], 0, 14
    if ethertype == ETHERTYPE_VLAN:
        tag, ethertype = struct.unpack_from("!HH", frame, 14)
        vlan, offset = tag & 0xFFF, 18
    parsed = parse_ip(ethertype, frame[offset:])
    if parsed is None or len(parsed[2]) < 8:
        return None
    src, dst, udp = parsed
    src_port, dst_port, length = struct.unpack_from("!HHH", udp)
    digest = hashlib.sha256(udp[8:length]).digest()
    return Datagram(vlan, src, src_port, dst, dst_port, digest)


def selected(datagrams, where):
    """Digests of the datagrams that carry the addresses of a match or a leg."""

    def packed(name):
        return ipaddress.ip_address(where[name]).packed if name in where else None

    wanted = (
        where.get("vlan", 0), packed("src"), where.get("src_port"), packed("dst"), where["dst_port"]
    )
    return [
        d.digest for d in datagrams if all(w in (None, have) for w, have in zip(wanted, d[:5]))
    ]


def compare(sent, got):
    """What is wrong with `got`, in words; empty if it equals `sent`, order included."""
    if sent == got:
        return ""
    sent_bag, got_bag = collections.Counter(sent), collections.Counter(got)
    missing, foreign = (sent_bag - got_bag).total(), (got_bag - sent_bag).total()
    if missing or foreign:
        return f"{missing} missing, {foreign} never sent"
    return "order differs"


def check(flows, captures, may_be_empty):
    """One result a leg."""
    for flow in flows:
        sent = selected(captures[flow["match"]["port"]], flow["match"])
        for leg in flow["legs"]:
            got = selected(captures[leg["port"]], leg)
            wrong = compare(sent, got)
            if not sent and not wrong and flow["id"] not in may_be_empty:
                wrong = "nothing was sent"
            yield {
                "flow": flow["id"], "port": leg["port"],
                "sent": len(sent), "got": len(got), "wrong": wrong,
            }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.add_argument("--may-be-empty", default="", metavar="ID,...",
                        help="flows that need not have carried anything")
    parser.add_argument("flows", metavar="FLOWS.json")
    parser.add_argument("captures", nargs="+", metavar="PORT=CAPTURE.pcap")
    args = parser.parse_args()

    with open(args.flows, encoding="utf-8") as file:
        flows = json.load(file)["flows"]
    captures = {}
    for item in args.captures:
        port, _, path = item.partition("=")
        captures[port] = [d for d in map(parse_frame, read_frames(path)) if d]

    results = list(check(flows, captures, args.may_be_empty.split(",")))
    if args.json:
        print(json.dumps(results))
    else:
        for result in results:
            verdict = result["wrong"] or "bit-exact, in order"
            print("{flow} to {port}: sent {sent}, got {got}: ".format(**result) + verdict)
    sys.exit(any(result["wrong"] for result in results))


if __name__ == "__main__":
    main()
