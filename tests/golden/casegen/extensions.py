# SPDX-License-Identifier: BSD-3-Clause
"""IPv6 extension headers: those that are taken out of what goes on, and those that are a reason to
refuse the packet."""

from scapy.layers.inet import TCP, UDP
from scapy.layers.inet6 import (ICMPv6MLQuery, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment,
                                IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, PadN, RouterAlert)
from scapy.packet import Raw

from .case import Case, leg4, leg6, listener6, match6, sent4, sent6
from .frames import (LOCAL6, LOCAL_PORT, SENDER6, SENDER_PORT, arriving, leaving, padded, payload,
                     translated)
from .refusals import refusals

HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION, UDP_NUMBER = 0, 43, 44, 60, 17


def behind(headers, data=b"ext", ip=None, udp=None):
    """A datagram with these headers, of scapy's, before UDP."""
    datagram = IPv6(**({"src": SENDER6, "dst": LOCAL6, "hlim": 64} | (ip or {})))
    for header in headers:
        datagram = datagram / header
    return datagram / UDP(**({"sport": SENDER_PORT, "dport": LOCAL_PORT} | (udp or {}))) / Raw(data)


def raw(next_header, n_bytes, body=b""):
    """A header by its bytes; what `body` leaves is a PadN option."""
    room = n_bytes - 2 - len(body)
    pad = b"" if room == 0 else b"\0" if room == 1 else bytes([1, room - 2]) + bytes(room - 2)
    assert len(pad) == room and n_bytes % 8 == 0
    return bytes([next_header, n_bytes // 8 - 1]) + body + pad


def chain(kinds_and_bytes, last=UDP_NUMBER, bodies=()):
    """Raw headers that name each other: (first next header, bytes)."""
    kinds = [kind for kind, _ in kinds_and_bytes] + [last]
    headers = b""
    for i, (_, n_bytes) in enumerate(kinds_and_bytes):
        headers += raw(kinds[i + 1], n_bytes, dict(bodies).get(i, b""))
    return kinds[0], headers


def raw_frame(kinds_and_bytes, last=UDP_NUMBER, bodies=(), data=b"ext"):
    """The frame with such a chain before a good UDP datagram."""
    first, headers = chain(kinds_and_bytes, last, bodies)
    udp = bytes(behind([], data))[40:]
    return arriving(IPv6(src=SENDER6, dst=LOCAL6, hlim=64, nh=first) / Raw(headers + udp))


def ip6_extension_removed():
    case = Case("ip6_extension_removed", "options for hops, for the destination and routing "
                "headers that have been used up were meant for the way to here: what goes on has "
                "none",
                "RFC 8200 4")
    case.flow("f", match6(), [leg6()])
    case.flow("tagged", match6(vlan=5, outer_vlan=6), [leg6(vlan=7)])
    headers = (
        [IPv6ExtHdrHopByHop()], [IPv6ExtHdrHopByHop(options=[RouterAlert()])],
        [IPv6ExtHdrDestOpt()], [IPv6ExtHdrDestOpt(options=[PadN(optdata=bytes(20))])],
        [IPv6ExtHdrRouting(segleft=0, addresses=["2001:db8:9::1", "2001:db8:9::2"])],
        [IPv6ExtHdrHopByHop(), IPv6ExtHdrDestOpt(), IPv6ExtHdrRouting(segleft=0),
         IPv6ExtHdrDestOpt()],
    )
    for i, these in enumerate(headers):
        data = payload(40 + i, seed=i)
        datagram = behind(these, data)
        skipped = len(bytes(datagram)) - 48 - len(data)
        assert skipped >= 8
        case.forward(arriving(datagram), "f", [leaving(sent6(data))], skipped=skipped)
        case.forward(arriving(datagram, vlan=5, outer=6), "tagged", [leaving(sent6(data), vlan=7)],
                     skipped=skipped)
    case.forward(padded(arriving(behind([IPv6ExtHdrHopByHop()], b""))), "f", [leaving(sent6())],
                 skipped=8)
    return case


def ip6_extension_bounds():
    case = Case("ip6_extension_bounds", "eight headers and 256 bytes of them are skipped, and "
                "options that say that who does not know them may skip them", "RFC 8200 4, 4.2")
    case.flow("f", match6(), [leg6()])
    plain = leaving(sent6(b"ext"))
    for kinds, bodies in (
            ([(DESTINATION, 8)] * 8, ()), ([(HOP_BY_HOP, 8)] + [(DESTINATION, 8)] * 7, ()),
            ([(DESTINATION, 256)], ()), ([(HOP_BY_HOP, 128), (DESTINATION, 128)], ()),
            ([(DESTINATION, 8)], ((0, b"\x1e\x02\xab\xcd"),)),
            ([(HOP_BY_HOP, 8)], ((0, b"\x3e\x00"),)),
            ([(HOP_BY_HOP, 8)], ((0, bytes(6)),)),
            ([(DESTINATION, 16), (ROUTING, 8), (DESTINATION, 8)], ((1, b"\xfd\x00" + bytes(4)),))):
        case.forward(raw_frame(kinds, bodies=bodies), "f", [plain],
                     skipped=sum(n_bytes for _, n_bytes in kinds))
    return case


def ip6_extension_replicated():
    case = Case("ip6_extension_replicated", "each copy is without the headers, shared payload or "
                "not, and so is what is translated", "RFC 8200 4, RFC 7915 5.1.1")
    case.flow("any", listener6(), [leg6(), leg4(port="p2"), leg6(dst_port=7000)])
    headers = [IPv6ExtHdrHopByHop(), IPv6ExtHdrDestOpt(options=[PadN(optdata=bytes(12))])]
    for data in (payload(20), payload(900)):
        case.forward(arriving(behind(headers, data)), "any",
                     [leaving(sent6(data)), leaving(translated(sent4(data)), "p2"),
                      leaving(sent6(data, dport=7000))], skipped=24)
    return case


def ip6_extension():
    numbers = [raw_frame([(number, 8)]) for number in (50, 51, 135, 139, 140)]
    late = [raw_frame([(DESTINATION, 8), (number, 8)]) for number in (50, 51, 0)]
    options = [raw_frame([(kind, 8)], bodies=((0, bytes([option, 0])),))
               for kind in (HOP_BY_HOP, DESTINATION) for option in (0x40, 0x9E, 0xC2, 0xC9, 0xFF)]
    segments = [arriving(behind([IPv6ExtHdrRouting(segleft=1, addresses=[LOCAL6])])),
                arriving(behind([IPv6ExtHdrDestOpt(), IPv6ExtHdrRouting(segleft=255)]))]
    overrun = [raw_frame([(kind, 8)], bodies=((0, body),)) for kind in (HOP_BY_HOP, DESTINATION)
               for body in (b"\x01\x05" + bytes(4), b"\x1e\xff" + bytes(4), bytes(5) + b"\x1e")]
    bounds = [raw_frame([(DESTINATION, 8)] * 9), raw_frame([(HOP_BY_HOP, 136), (DESTINATION, 128)]),
              raw_frame([(DESTINATION, 264)], bodies=((0, bytes(262)),))]
    ip = {"src": SENDER6, "dst": LOCAL6}
    short = [arriving(IPv6(**ip, nh=DESTINATION) / Raw(body))
             for body in (b"", bytes([UDP_NUMBER]), bytes([UDP_NUMBER, 0] + [0] * 5),
                          bytes([UDP_NUMBER, 1] + [0] * 13), bytes([UDP_NUMBER, 255] + [0] * 30))]
    return refusals(
        "ip6_extension", "headers that hide what follows or are not for us to skip, an option that "
        "must not be skipped, or chains that are too long, overrun or are cut", "RFC 8200 4",
        "ip6_extension", numbers + late + options + segments + overrun + bounds + short)


def ip6_fragment():
    fragment = IPv6ExtHdrFragment(offset=0, m=0, id=7)
    return refusals(
        "ip6_fragment", "first, last and atomic fragments, also behind headers that are skipped, "
        "be they as many as are", "RFC 8200 4.5, RFC 6946", "ip6_fragment",
        [arriving(behind([fragment])), arriving(behind([IPv6ExtHdrFragment(offset=0, m=1, id=7)])),
         arriving(behind([IPv6ExtHdrFragment(offset=100, m=0, id=7)])),
         arriving(behind([IPv6ExtHdrHopByHop(), fragment])),
         arriving(behind([IPv6ExtHdrDestOpt()] * 8 + [fragment]))])


def ip6_extension_not_udp():
    ip = IPv6(src=SENDER6, dst=LOCAL6)
    return refusals(
        "ip6_extension_not_udp", "what is behind the headers is not UDP: multicast listener "
        "queries, TCP, nothing at all", "RFC 8200 4.7", "ip6_not_udp",
        [arriving(ip / IPv6ExtHdrHopByHop(options=[RouterAlert()]) / ICMPv6MLQuery()),
         arriving(ip / IPv6ExtHdrDestOpt() / TCP(dport=LOCAL_PORT)),
         raw_frame([(DESTINATION, 8)], last=59), raw_frame([(DESTINATION, 8)] * 8, last=6)])


def ip6_extension_udp():
    ip = IPv6(src=SENDER6, dst=LOCAL6, nh=DESTINATION)
    case = Case("ip6_extension_udp", "the rules of UDP hold behind the headers, too: what they "
                "take is not UDP's", "RFC 768, RFC 8200 8.1", step=True)
    case.flow("f", match6(), [leg6()])
    option = IPv6ExtHdrDestOpt()
    for n_bytes in (0, 7):
        case.refuse(arriving(ip / Raw(raw(UDP_NUMBER, 8) + bytes(n_bytes))), "udp_truncated")
    for length in (7, 8 + 3 + 1, 8 + 3 + 8):
        case.refuse(arriving(behind([option], udp={"len": length})), "udp_length")
    case.refuse(arriving(behind([option], udp={"chksum": 0})), "udp6_no_checksum")
    case.refuse(arriving(behind([option], ip={"dst": "2001:db8:1::2"})), "no_flow")
    case.refuse(arriving(behind([option]))[:-1], "ip6_length")
    case.forward(arriving(behind([option])), "f", [leaving(sent6(b"ext"))], skipped=8)
    return case


CASES = (ip6_extension_removed, ip6_extension_bounds, ip6_extension_replicated, ip6_extension,
         ip6_fragment, ip6_extension_not_udp, ip6_extension_udp)
