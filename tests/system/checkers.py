#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Gives the checkers of drivers-conf/lib and of the documents right and wrong input.

usage: checkers.py SCRATCH_DIRECTORY
"""

import copy
import json
import pathlib
import socket
import struct
import subprocess
import sys
import types

import either
import media
import udp

LIB = pathlib.Path("drivers-conf/lib")
COUNTERS = {
    "ports": [
        {"name": "p0", "rx_packets": 16, "forwarded": 7, "punted": 2, "copies": 0, "tx_packets": 3,
         "injected": 3, "drops": {"no_flow": 2, "ip4_options": 1, "policed": 4}},
        {"name": "p1", "rx_packets": 0, "forwarded": 0, "punted": 0, "copies": 14,
         "injected": 0, "tx_packets": 13, "drops": {"tx_full": 1}},
    ],
    "flows": [
        {"id": "a", "packets": 12, "forwarded": 7, "punted": 1, "drops": {"policed": 4}, "legs": [
            {"copies": 7, "sent": 7, "drops": {}},
            {"copies": 7, "sent": 6, "drops": {"tx_full": 1}},
        ]},
    ],
}
FLOWS = {"flows": [{
    "id": "a",
    "match": {"port": "p0", "src": "192.0.2.10", "src_port": 1, "dst": "192.0.2.1", "dst_port": 2},
    "legs": [{"port": "p1", "src": "198.51.100.1", "src_port": 3,
              "dst": "198.51.100.10", "dst_port": 4}],
}]}
IN = ("192.0.2.10", 1, "192.0.2.1", 2)
OUT = ("198.51.100.1", 3, "198.51.100.10", 4)


def frame(addresses, payload):
    """An Ethernet frame with a UDP datagram."""
    src, src_port, dst, dst_port = addresses
    udp = struct.pack("!HHHH", src_port, dst_port, 8 + len(payload), 0) + payload
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0)
    return bytes(12) + b"\x08\0" + header + socket.inet_aton(src) + socket.inet_aton(dst) + udp


def capture_write(path, frames):
    """A pcap file."""
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    records = (struct.pack("<IIII", 0, 0, len(f), len(f)) + f for f in frames)
    path.write_bytes(header + b"".join(records))


def passes(*argv):
    """Does the command end with 0? A crash is neither: it ends this program."""
    done = subprocess.run(argv, check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True)
    if "Traceback" in done.stderr:
        sys.exit(done.stderr)
    return done.returncode == 0


def check_conservation(scratch):
    """conservation_check.py, with each number off by one in turn."""
    def holds(counters, *options):
        path = scratch / "counters.json"
        path.write_text(json.dumps(counters), encoding="utf-8")
        return passes(LIB / "conservation_check.py", *options, "cat", path)

    yield "law holds", holds(COUNTERS)
    for port, key in ((0, "rx_packets"), (0, "forwarded"), (0, "punted"), (1, "copies"),
                      (1, "tx_packets")):
        wrong = copy.deepcopy(COUNTERS)
        wrong["ports"][port][key] += 1
        yield f"port {key}", not holds(wrong)
    for leg, key in ((0, "copies"), (0, "sent"), (1, "sent")):
        wrong = copy.deepcopy(COUNTERS)
        wrong["flows"][0]["legs"][leg][key] += 1
        yield f"leg {leg} {key}", not holds(wrong)
    for key in ("packets", "forwarded", "punted"):
        wrong = copy.deepcopy(COUNTERS)
        wrong["flows"][0][key] += 1
        yield f"flow {key}", not holds(wrong)
    wrong = copy.deepcopy(COUNTERS)
    wrong["flows"][0]["drops"]["policed"] += 1
    wrong["flows"][0]["packets"] += 1
    yield "more policed by flows than by ports", not holds(wrong)
    fewer = copy.deepcopy(COUNTERS)
    fewer["flows"][0]["legs"][0].update(copies=5, sent=5)
    yield "leg with fewer copies", not holds(fewer, "--flows-removed")
    yield "leg with fewer copies, and said so", holds(fewer, "--flows-removed", "--legs-vary")
    fewer["flows"][0]["legs"][0].update(copies=8, sent=8)
    yield "leg with more copies", not holds(fewer, "--flows-removed", "--legs-vary")
    wrong = copy.deepcopy(COUNTERS)
    wrong["ports"][0]["drops"] = {"no_flow": 2, "mystery": 5}
    yield "unknown reason", not holds(wrong)
    removed = copy.deepcopy(COUNTERS)
    removed["flows"] = []
    yield "flow gone", not holds(removed)
    yield "flow gone, and said so", holds(removed, "--flows-removed")


def check_payloads(scratch):
    """payload_check.py, with one payload changed, missing, doubled or moved."""
    (scratch / "flows.json").write_text(json.dumps(FLOWS), encoding="utf-8")
    payloads = [bytes([n]) * (n + 1) for n in range(20)]

    def equal(received, sent=None):
        sent = payloads if sent is None else sent
        capture_write(scratch / "in.pcap", [frame(IN, p) for p in sent])
        capture_write(scratch / "out.pcap", [frame(OUT, p) for p in received])
        return passes(LIB / "payload_check.py", scratch / "flows.json",
                      f"p0={scratch}/in.pcap", f"p1={scratch}/out.pcap")

    yield "all arrived", equal(payloads)
    yield "one changed", not equal([*payloads[:5], b"x", *payloads[6:]])
    yield "one missing", not equal(payloads[:-1])
    yield "one doubled", not equal([*payloads, payloads[-1]])
    yield "two swapped", not equal([payloads[1], payloads[0], *payloads[2:]])
    yield "nothing sent", not equal([], [])


def check_pictures(scratch):
    """picture_check.py, with too few pictures, or others."""
    def enough(hashes, sent=20):
        for name, lines in (("clip", range(10)), ("player", hashes)):
            (scratch / name).write_text(
                "#format\n" + "".join(f"0, 1, 1, 1, 9, {h:032x}\n" for h in lines), "ascii")
        return passes(LIB / "picture_check.py", str(sent), scratch / "clip",
                      f"rx={scratch}/player")

    yield "all decoded", enough([n % 10 for n in range(20)])
    yield "few decoded", not enough([n % 10 for n in range(10)])
    yield "others decoded", not enough(range(100, 120))
    yield "none sent", not enough([], 0)


def check_documents(scratch):
    """document_examples.py, with a command that fails, and output that differs."""
    def holds(block, mark="<!-- tested -->"):
        (scratch / "doc.md").write_text(f"{mark}\n```console\n{block}```\n", encoding="utf-8")
        return passes("tests/system/document_examples.py", scratch / "doc.md")

    yield "same output", holds("$ echo one two 3\none  two 4\n$ echo \\\n  more\nmore\n")
    yield "lines left out", holds("$ seq 5; echo end\n1\n...\nend\n")
    yield "other output", not holds("$ echo one\ntwo\n")
    yield "line missing", not holds("$ echo one\none\ntwo\n")
    yield "command fails", not holds("$ false\n")
    yield "not marked", holds("$ false\n", "")


def check_peers(_scratch):
    """media.py and either.py, with payloads and headers that are not what was sent."""
    for kind in ("stun", "dtls", "rtp:0x7:111", "rtcp:0x7", "turn", "quic", "empty"):
        yield kind, media.kind_of(media.payload_make(kind, 5, 20)) == kind
    for kind in ("stun", "dtls", "rtp"):
        payload = media.payload_make(kind, 5, 20)
        yield f"{kind} cut", media.kind_of(payload[:-1]) != kind
        damaged = payload[:-1] + bytes([payload[-1] ^ 1])
        yield f"{kind} damaged", media.kind_of(damaged) == "broken"

    one = either.Version(("192.0.2.1", 1), 64, 10)
    args = types.SimpleNamespace(seed="s", count=9)

    def whole(payload=udp.payload_make("s", 3), source=one.source, ttl=one.ttl, dscp=one.dscp):
        return not either.fault_of(udp.Arrival(source, payload, ttl, dscp), 3, one, args)

    yield "whole", whole()
    yield "other source", not whole(source=("192.0.2.1", 2))
    yield "other TTL", not whole(ttl=63)
    yield "other DSCP", not whole(dscp=11)
    yield "other payload", not whole(payload=udp.payload_make("s", 4))


def main():
    scratch = pathlib.Path(sys.argv[1])
    checks = (check_conservation, check_payloads, check_pictures, check_documents,
              check_peers)
    wrong = [f"{check.__name__}: {what}" for check in checks
             for what, held in check(scratch) if not held]
    print("\n".join(wrong), end="\n" if wrong else "")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
