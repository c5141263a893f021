#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Example of an ICE-lite agent at the local address of a flow, standard library only.

usage: ice_lite.py --flow ID [--socket PATH] [--ufrag TEXT] [--pwd TEXT] [--seconds SECONDS]

The flow punts STUN, for example with `classes: {stun: punt}`, and forwards the rest. The agent
takes the punted binding requests (punt.list), checks them (RFC 8489: FINGERPRINT, MESSAGE-INTEGRITY
with a short-term credential), and answers them (packet.inject) as a lite agent in the controlled
role (RFC 8445): a peer in the controlled role, too, is told to change its role (487). Consent
checks (RFC 7675) are binding requests as well.

Prints the lines of its session description (RFC 8839), then a line for each answer:

    success 192.0.2.10:40000            a check was answered
    nominated 192.0.2.10:40000          the same, with USE-CANDIDATE
    error 487 192.0.2.10:40000          a request was refused
"""

import argparse
import hashlib
import hmac
import ipaddress
import secrets
import signal
import struct
import sys
import time
import zlib

from call_setup import SOCKET, Refused, Sluice

POLL_S = 0.01  # sluiced takes packets from its workers every 10 ms
PAGE = 100
REQUEST, SUCCESS, ERROR = 0x0001, 0x0101, 0x0111  # of method Binding
COOKIE = 0x2112A442
HEADER_BYTES = 20
FINGERPRINT_XOR = 0x5354554E
# Attributes (RFC 8489, 18.3; RFC 8445, 20.1). Those below 0x8000 must be understood.
USERNAME, ERROR_CODE, UNKNOWN_ATTRIBUTES, XOR_MAPPED_ADDRESS = 0x0006, 0x0009, 0x000A, 0x0020
MESSAGE_INTEGRITY, MESSAGE_INTEGRITY_SHA256 = 0x0008, 0x001C
PRIORITY, USE_CANDIDATE = 0x0024, 0x0025
FINGERPRINT, ICE_CONTROLLED = 0x8028, 0x8029
UNDERSTOOD = {USERNAME, MESSAGE_INTEGRITY, MESSAGE_INTEGRITY_SHA256, PRIORITY, USE_CANDIDATE}
HASHES = {MESSAGE_INTEGRITY_SHA256: hashlib.sha256, MESSAGE_INTEGRITY: hashlib.sha1}
INTEGRITY_BYTES_MIN = {MESSAGE_INTEGRITY_SHA256: 16, MESSAGE_INTEGRITY: 20}
REASONS = {400: "Bad Request", 401: "Unauthenticated", 420: "Unknown Attribute",
           487: "Role Conflict"}
FOR_NOW = ("LIMIT", "NO_ROOM", "NOT_FOUND")  # the peer repeats its request


def attribute(kind, value):
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def header(kind, body_bytes, transaction):
    return struct.pack("!HHL", kind, body_bytes, COOKIE) + transaction


def integrity(kind, message, password):
    """The HMAC of a message whose length counts the attribute to come (RFC 8489, 14.5)."""
    return hmac.new(password.encode(), message, HASHES[kind]).digest()


def fingerprint(message):
    return struct.pack("!L", zlib.crc32(message) ^ FINGERPRINT_XOR)


class Message:
    """A binding request with a correct FINGERPRINT; anything else is a ValueError."""

    def __init__(self, data):
        if len(data) < HEADER_BYTES:
            raise ValueError("too short")
        kind, length, cookie = struct.unpack_from("!HHL", data)
        if kind != REQUEST or cookie != COOKIE or length != len(data) - HEADER_BYTES or length % 4:
            raise ValueError("no binding request")
        self.data, self.transaction = data, data[8:HEADER_BYTES]
        self.attributes, self.at = {}, {}  # by type: value, and where it begins
        at = HEADER_BYTES
        while at < len(data):
            kind, length = struct.unpack_from("!HH", data, at)
            if at + 4 + length > len(data):
                raise ValueError("an attribute ends behind the message")
            # What follows the integrity is not protected by it, and ignored (RFC 8489, 14.5).
            if kind in (*HASHES, FINGERPRINT) or not HASHES.keys() & self.attributes.keys():
                self.attributes.setdefault(kind, data[at + 4:at + 4 + length])
                self.at.setdefault(kind, at)
            at += 4 + length + -length % 4
        found = self.attributes.get(FINGERPRINT)
        if self.at.get(FINGERPRINT) != len(data) - 8 or found != fingerprint(data[:-8]):
            raise ValueError("no FINGERPRINT, or a wrong one")

    def integrity_kind(self):
        """The attribute that authenticates it, the stronger of two; None: there is none."""
        return next((kind for kind in HASHES if kind in self.attributes), None)

    def is_authentic(self, password):
        kind = self.integrity_kind()
        found, at = self.attributes[kind], self.at[kind]
        covered = self.data[:2] + struct.pack("!H", at + 4 + len(found) - HEADER_BYTES)
        covered += self.data[4:at]
        expected = integrity(kind, covered, password)[:len(found)]
        return (len(found) >= INTEGRITY_BYTES_MIN[kind]
                and hmac.compare_digest(found, expected))


def xor_mapped_address(source, transaction):
    """RFC 8489, 14.2."""
    address = ipaddress.ip_address(source[0])
    key = struct.pack("!L", COOKIE) + transaction
    xored = bytes(a ^ b for a, b in zip(address.packed, key))
    return attribute(XOR_MAPPED_ADDRESS, struct.pack(
        "!BBH", 0, 1 if address.version == 4 else 2, source[1] ^ COOKIE >> 16) + xored)


class Agent:
    """What answers binding requests: no sockets and no clock."""

    def __init__(self, ufrag, password):
        self.ufrag, self.password = ufrag, password

    def code(self, message):
        """0, or the error code that the request is answered with."""
        attributes = message.attributes
        if USERNAME not in attributes or message.integrity_kind() is None:
            return 400
        if (attributes[USERNAME].split(b":")[0] != self.ufrag.encode()
                or not message.is_authentic(self.password)):
            return 401
        if self.unknown(message):
            return 420
        if PRIORITY not in attributes:
            return 400
        # A lite agent is controlled if its peer is not lite (RFC 8445, 6.1.1).
        return 487 if ICE_CONTROLLED in attributes else 0

    @staticmethod
    def unknown(message):
        return [kind for kind in message.attributes if kind < 0x8000 and kind not in UNDERSTOOD]

    def seal(self, kind, body, message, authentic):
        """A reply, with the integrity of the request's kind if that was authentic."""
        if authentic:
            chosen = message.integrity_kind()
            room = 4 + HASHES[chosen]().digest_size
            covered = header(kind, len(body) + room, message.transaction) + body
            body += attribute(chosen, integrity(chosen, covered, self.password))
        covered = header(kind, len(body) + 8, message.transaction) + body
        return covered + attribute(FINGERPRINT, fingerprint(covered))

    def answer(self, message, source):
        """The reply to a Message from (address, port), and what is to be told of it."""
        code = self.code(message)
        if code:
            body = attribute(ERROR_CODE, struct.pack("!HBB", 0, code // 100, code % 100)
                             + REASONS[code].encode())
            if code == 420:
                unknown = self.unknown(message)
                body += attribute(UNKNOWN_ATTRIBUTES, struct.pack(f"!{len(unknown)}H", *unknown))
            return self.seal(ERROR, body, message, code in (420, 487)), f"error {code}"
        body = xor_mapped_address(source, message.transaction)
        nominated = USE_CANDIDATE in message.attributes
        return (self.seal(SUCCESS, body, message, True),
                "nominated" if nominated else "success")


def datagram_of(frame):
    """Source (address, port) and payload of a punted frame, which is UDP without IP options."""
    at = 12
    while frame[at:at + 2] in (b"\x81\x00", b"\x88\xa8"):
        at += 4
    if frame[at:at + 2] == b"\x08\x00":
        source, udp = frame[at + 14:at + 18], at + 22
    else:
        source, udp = frame[at + 10:at + 26], at + 42
    port, _, udp_bytes, _ = struct.unpack_from("!HHHH", frame, udp)
    payload = frame[udp + 8:udp + udp_bytes]
    if len(payload) != udp_bytes - 8:
        raise ValueError("longer than what punt.list keeps")
    return (str(ipaddress.ip_address(source)), port), payload


def endpoint_text(endpoint):
    address, port = endpoint
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def punted(sluice, after):
    """The punted packets later than `after`; those of a sluiced that was restarted from 1 on."""
    try:
        return sluice.call("punt.list", after=after, limit=PAGE)["packets"]
    except Refused as refusal:
        if refusal.name != "NOT_FOUND":
            raise
        return sluice.call("punt.list", after=0, limit=PAGE)["packets"]


def packet_answer(sluice, agent, packet):
    """Answer one punted packet, if it is a binding request."""
    try:
        source, payload = datagram_of(bytes.fromhex(packet["frame"]))
        reply, told = agent.answer(Message(payload), source)
    except (ValueError, struct.error) as why:
        print(f"not answered: {why}", flush=True)
        return
    try:
        sluice.call("packet.inject", punted=packet["sequence"], payload=reply.hex())
    except Refused as refusal:
        if refusal.name not in FOR_NOW:
            raise
        told = f"not sent, {refusal.name}: {told}"
    print(told, endpoint_text(source), flush=True)


def serve(sluice, agent, flow, after, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        packets = punted(sluice, after)
        for packet in packets:
            after = packet["sequence"]
            if packet["flow"] == flow:
                packet_answer(sluice, agent, packet)
        if len(packets) < PAGE:
            time.sleep(POLL_S)


def description_print(agent, match):
    """What is signalled to the peer: one host candidate (RFC 8445, 5.2; RFC 8839)."""
    print("a=ice-lite")
    print(f"a=ice-ufrag:{agent.ufrag}")
    print(f"a=ice-pwd:{agent.password}")
    priority = (126 << 24) + (65535 << 8) + 255
    print(f"a=candidate:1 1 udp {priority} {match['dst']} {match['dst_port']} typ host")
    print("a=end-of-candidates", flush=True)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--socket", default=SOCKET)
    parser.add_argument("--flow", required=True, metavar="ID")
    parser.add_argument("--ufrag", default=secrets.token_hex(4))
    parser.add_argument("--pwd", default=secrets.token_hex(16))
    parser.add_argument("--seconds", type=float, default=float("inf"))
    return parser.parse_args()


def main():
    args = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    sluice, agent = Sluice(args.socket), Agent(args.ufrag, args.pwd)
    try:
        match = sluice.call("flow.get", id=args.flow)["flow"]["match"]
        after, packets = 0, punted(sluice, 0)  # those of before are not answered
        while packets:
            after = packets[-1]["sequence"]
            packets = punted(sluice, after)
        description_print(agent, match)
        serve(sluice, agent, args.flow, after, args.seconds)
    except (OSError, Refused) as problem:
        sys.exit(f"ice_lite: {problem}")


if __name__ == "__main__":
    main()
