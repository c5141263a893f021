# SPDX-License-Identifier: BSD-3-Clause
"""Generated sweeps: every prefix of a valid frame, every bit of its headers, and many flows drawn
at random (from a fixed seed)."""

import random

from .case import Case, leg4, leg6, match4, match6, sent4, sent6
from .frames import (arriving, l3_offset, leaving, payload, udp4, udp6, with_byte)


def truncated(name, why, family, vlan):
    """Each proper prefix of a frame gets the one reason that its length allows."""
    case = Case(name, why, "RFC 791, RFC 8200, RFC 768", step=True)
    if family == 4:
        case.flow("f", match4(vlan=vlan), [leg4()])
        frame, header = arriving(udp4(data=payload(24)), vlan=vlan), 20
    else:
        case.flow("f", match6(vlan=vlan), [leg6()])
        frame, header = arriving(udp6(data=payload(24)), vlan=vlan), 40
    l3 = l3_offset(frame)
    for n_bytes in range(len(frame)):
        if n_bytes < 14:
            reason = "eth_truncated"
        elif n_bytes < l3:
            reason = "vlan_truncated"
        elif n_bytes < l3 + header:
            reason = f"ip{family}_truncated"
        else:
            reason = f"ip{family}_length"
        case.refuse(frame[:n_bytes], reason)
    sent = sent4(payload(24)) if family == 4 else sent6(payload(24))
    case.forward(frame, "f", [leaving(sent)])
    return case


def truncated_ipv4():
    return truncated("truncated_ipv4", "every prefix of a frame gets exactly one named drop", 4,
                     None)


def truncated_ipv4_vlan():
    return truncated("truncated_ipv4_vlan", "the same behind a VLAN tag", 4, 12)


def truncated_ipv6():
    return truncated("truncated_ipv6", "every prefix of an IPv6 frame gets exactly one named drop",
                     6, None)


def truncated_ipv6_vlan():
    return truncated("truncated_ipv6_vlan", "the same behind a VLAN tag", 6, 12)


def truncated_datagram():
    case = Case("truncated_datagram", "the same where the IP length goes with the cut: what is "
                "then missing is UDP's", "RFC 768", step=True)
    case.flow("v4", match4(), [leg4()])
    case.flow("v6", match6(), [leg6()])
    data = payload(24)
    for n_bytes in range(8 + len(data)):
        reason = "udp_truncated" if n_bytes < 8 else "udp_length"
        case.refuse(arriving(udp4(data=data, ip={"len": 20 + n_bytes}))[:34 + n_bytes], reason)
        case.refuse(arriving(udp6(data=data, ip={"plen": n_bytes}))[:54 + n_bytes], reason)
    return case


def word_at(frame, offset):
    return int.from_bytes(frame[offset:offset + 2], "big")


def flipped(frame, bit):
    return with_byte(frame, bit // 8, frame[bit // 8] ^ 0x80 >> bit % 8)


def stand_in(build, word, checksum, wanted):
    """
    A wrong checksum is the right one of another frame: that which differs in one word of data.
    Find the word for which build(word) carries the checksum `wanted`.
    """
    word = (word + checksum - wanted) % 0xFFFF
    assert build(word) == wanted
    return word


class Flips:
    """All one-bit errors in the headers of one frame. `verdict` knows the wire format and gives
    the drop that an error must cause; `follow` gives the frame that leaves otherwise."""

    DATA = b"media!"

    def __init__(self, case, sent_flow, came, left):
        self.case, self.flow, self.came, self.left = case, sent_flow, came, left
        self.frame, self.sent = arriving(came(self.DATA)), leaving(left(self.DATA))

    def run(self, n_header_bytes, verdict, follow):
        for bit in range(8 * n_header_bytes):
            bad = flipped(self.frame, bit)
            reason = verdict(bad, bit // 8)
            if reason is None:
                self.case.forward(bad, self.flow, [follow(bad, bit)])
            elif reason == "ttl_expired":
                self.case.forward(bad, self.flow, [reason])
            else:
                self.case.refuse(bad, reason)

    def udp_checksum_follows(self, bad, udp_at):
        """What leaves when the UDP checksum came wrong: wrong by as much."""
        def checksum(word):
            return word_at(arriving(self.came(self.DATA[:-2] + word.to_bytes(2, "big"))),
                           udp_at + 6)

        word = word_at(self.DATA, len(self.DATA) - 2)
        other = stand_in(checksum, word, checksum(word), word_at(bad, udp_at + 6))
        return leaving(self.left(self.DATA[:-2] + other.to_bytes(2, "big")))[:-2] + self.DATA[-2:]


def ip4_verdict(frame, offset):
    field = offset - 14
    total, udp = word_at(frame, 16), word_at(frame, 38)
    if offset < 12:
        return None
    if offset in (12, 13):
        return "not_ip"
    if field == 0:
        good = frame[14] >> 4 == 4 and frame[14] & 15 >= 5
        return "ip4_options" if good else "ip4_header"
    if field in (2, 3):
        return "ip4_length" if total > len(frame) - 14 or total < 20 else "ip4_checksum"
    if field < 20:
        return "ip4_checksum"
    if field < 24:
        return "no_flow"
    if field in (24, 25) and not 8 <= udp <= total - 20:
        return "udp_length"
    return None


def bit_flips_ipv4():
    case = Case("bit_flips_ipv4", "every one-bit error in the headers: refused by the one name, or "
                "sent on with the error still there to be found", "RFC 1812 5.2.2, RFC 768",
                corrupt=True, step=True)
    case.flow("f", match4(), [leg4()])
    flips = Flips(case, "f", lambda data: udp4(data=data), sent4)

    def follow(bad, bit):
        offset = bit // 8
        if offset < 12:
            return flips.sent
        if offset in (40, 41):
            return flips.udp_checksum_follows(bad, 34)
        return flipped(flips.sent, bit)

    flips.run(42, ip4_verdict, follow)
    return case


def ip6_verdict(frame, offset):
    field = offset - 14
    plen, udp = word_at(frame, 18), word_at(frame, 58)
    if offset in (12, 13):
        return "not_ip"
    if field == 0 and frame[14] >> 4 != 6:
        return "ip6_header"
    if field in (4, 5):
        if plen > len(frame) - 54:
            return "ip6_length"
        return "udp_truncated" if plen < 8 else "udp_length"
    if field == 6:
        return "ip6_not_udp"
    if field == 7 and frame[21] <= 1:
        return "ttl_expired"
    if 8 <= field < 44:
        return "no_flow"
    if field in (44, 45) and not 8 <= udp <= plen:
        return "udp_length"
    return None


def bit_flips_ipv6():
    case = Case("bit_flips_ipv6", "the same for IPv6, where no header checksum guards traffic "
                "class and flow label: they pass as they came", "RFC 8200, RFC 768, RFC 1624",
                corrupt=True, step=True)
    case.flow("f", match6(), [leg6()])
    flips = Flips(case, "f", lambda data: udp6(data=data), sent6)

    def follow(bad, bit):
        offset = bit // 8
        if offset < 12:
            return flips.sent
        if offset == 21:
            return with_byte(flips.sent, 21, bad[21] - 1)
        if offset in (60, 61):
            return flips.udp_checksum_follows(bad, 54)
        return flipped(flips.sent, bit)

    flips.run(62, ip6_verdict, follow)
    return case


def bit_flips_vlan():
    case = Case("bit_flips_vlan", "every one-bit error in a VLAN tag: priority and DEI do not "
                "matter, another id is another VLAN", "IEEE 802.1Q 9.3", step=True)
    case.flow("f", match4(vlan=0x123), [leg4(vlan=0x456)])
    frame = arriving(udp4(data=b"tag"), vlan=0x123)
    sent = leaving(sent4(b"tag"), vlan=0x456)
    for bit in range(12 * 8, 18 * 8):
        if bit < 14 * 8 or bit >= 16 * 8:
            case.refuse(flipped(frame, bit), "not_ip")
        elif bit < 14 * 8 + 4:
            case.forward(flipped(frame, bit), "f", [sent])
        else:
            case.refuse(flipped(frame, bit), "no_flow")
    return case


class Draw(random.Random):
    """Fields of flows, from a fixed seed."""

    def address4(self):
        return self.choice(("192.0.2.", "198.51.100.", "203.0.113.")) + str(self.randint(1, 254))

    def address6(self):
        return "2001:db8:" + ":".join(f"{self.getrandbits(16):x}" for _ in range(6))

    def address(self, family):
        return self.address4() if family == 4 else self.address6()

    def port(self):
        return self.randint(1, 65535)


def random_flow(case, draw, family, n):
    """One flow with random addresses, ports and leg settings, and three packets for it."""
    udp, base = (udp4, match4()) if family == 4 else (udp6, match6())
    tos, ttl = ("tos", "ttl") if family == 4 else ("tc", "hlim")
    listener = n % 4 == 0
    dst, dport, source, sport = (draw.address(family), draw.port(), draw.address(family),
                                 draw.port())
    vlan = draw.choice((None, draw.randint(1, 4094)))
    out = {"src": draw.address(family), "src_port": draw.port(), "dst": draw.address(family),
           "dst_port": draw.port()}
    setting = {"vlan": draw.choice((None, draw.randint(1, 4094))),
               "dscp": draw.choice((None, draw.randint(0, 63))),
               "ttl": draw.choice((None, draw.randint(1, 255)))}
    key = {"src": None, "src_port": None} if listener else {"src": source, "src_port": sport}
    flow_id = case.flow(f"f{n}", match4(**base | key | {"vlan": vlan, "dst": dst,
                                                        "dst_port": dport}),
                        [leg4(**out, **setting)])
    for _ in range(3):
        data = draw.randbytes(draw.choice((0, 1, draw.randint(2, 200))))
        came = {tos: draw.getrandbits(8), ttl: draw.randint(2, 255)}
        dscp = came[tos] >> 2 if setting["dscp"] is None else setting["dscp"]
        left = {tos: dscp << 2 | came[tos] & 3, ttl: setting["ttl"] or came[ttl] - 1}
        case.forward(
            arriving(udp(source, dst, sport, dport, data, came), vlan=vlan), flow_id,
            [leaving(udp(out["src"], out["dst"], out["src_port"], out["dst_port"], data, left),
                     vlan=setting["vlan"])])
        if listener:
            source, sport = draw.address(family), draw.port()


def random_ipv4():
    case = Case("random_ipv4", "random fields, lengths and payloads: incremental checksums are "
                "what a full sum gives", "RFC 1624")
    draw = Draw(1624)
    for n in range(64):
        random_flow(case, draw, 4, n)
    return case


def random_ipv6():
    case = Case("random_ipv6", "the same for IPv6", "RFC 1624")
    draw = Draw(8200)
    for n in range(64):
        random_flow(case, draw, 6, n)
    return case


CASES = (truncated_ipv4, truncated_ipv4_vlan, truncated_ipv6, truncated_ipv6_vlan,
         truncated_datagram, bit_flips_ipv4, bit_flips_ipv6, bit_flips_vlan, random_ipv4,
         random_ipv6)
