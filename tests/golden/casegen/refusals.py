# SPDX-License-Identifier: BSD-3-Clause
"""Every reason for which a packet is refused before it has a copy. A flow that would match is
there each time, and a good packet follows the bad ones and must pass."""

from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_NOP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether
from scapy.packet import Raw

from .case import Case, leg4, leg6, match4, match6, sent4, sent6
from .frames import (LOCAL4, LOCAL6, LOCAL_PORT, SENDER4, SENDER6, SENDER_MAC, SENDER_PORT,
                     PORT_MAC, arriving, leaving, payload, udp4, udp6, with_byte)

IP_AT = 14 # of an untagged frame
UDP4_AT = IP_AT + 20
UDP6_AT = IP_AT + 40


def refusals(name, why, rfc, reason, bad_frames):
    """Each frame gets the reason; then a good packet of either family passes."""
    case = Case(name, why, rfc, step=True)
    case.flow("v4", match4(), [leg4()])
    case.flow("v6", match6(), [leg6(port="p2")])
    case.flow("tagged", match4(vlan=5), [leg4()])
    for frame in bad_frames:
        case.refuse(frame, reason)
    case.forward(arriving(udp4(data=b"good")), "v4", [leaving(sent4(b"good"))])
    case.forward(arriving(udp6(data=b"good")), "v6", [leaving(sent6(b"good"), "p2")])
    return case


def ethernet(*layers, **fields):
    frame = Ether(src=SENDER_MAC, dst=PORT_MAC["p0"], **fields)
    for layer in layers:
        frame = frame / layer
    return bytes(frame)


def frame_segmented():
    case = Case("frame_segmented", "a frame that a driver hands over in several buffers is refused "
                "whole, wherever it is cut", "none: of drivers, not of the wire")
    case.flow("f", match4(), [leg4()])
    frame = arriving(udp4(data=payload(60)))
    for split in (1, 14, 34, 42, len(frame) - 1):
        case.refuse(frame, "frame_segmented", split=split)
    case.forward(frame, "f", [leaving(sent4(payload(60)))])
    return case


def eth_truncated():
    frame = arriving(udp4())
    return refusals("eth_truncated", "no frame is shorter than its Ethernet header", "RFC 894",
                    "eth_truncated", [b"", frame[:1], frame[:13]])


def vlan_truncated():
    frame = arriving(udp4(), vlan=5)
    two = arriving(udp4(), vlan=5, outer=6)
    return refusals("vlan_truncated", "a frame may end inside its VLAN tags, the last two bytes of "
                    "which say what follows", "IEEE 802.1Q 9.3", "vlan_truncated",
                    [frame[:14], frame[:17], two[:14], two[:17], two[:18], two[:21]])


def vlan_stacked():
    datagram = udp4(data=b"deep")
    return refusals(
        "vlan_stacked", "three tags, be they priority tags, or a service tag inside another tag, "
        "are not looked into", "IEEE 802.1Q 9.5", "vlan_stacked",
        [ethernet(Dot1Q(vlan=5), Dot1Q(vlan=5), Dot1Q(vlan=5), datagram),
         ethernet(Dot1AD(vlan=5), Dot1Q(vlan=5), Dot1Q(vlan=5), datagram),
         ethernet(Dot1Q(vlan=0), Dot1Q(vlan=0), Dot1Q(vlan=0), datagram),
         ethernet(Dot1AD(vlan=5), Dot1AD(vlan=5), datagram),
         ethernet(Dot1Q(vlan=5), Dot1AD(vlan=5), datagram),
         ethernet(Dot1Q(vlan=5), Dot1Q(vlan=5), Dot1AD(vlan=5), datagram),
         ethernet(Dot1Q(vlan=5, type=0x88A8), datagram)[:18],
         ethernet(Dot1AD(vlan=5), Dot1Q(vlan=5, type=0x8100), datagram)[:22]])


def not_ip():
    datagram = udp4(data=b"what")
    return refusals(
        "not_ip", "ARP, 802.3 length fields, loopback tests and unknown EtherTypes, tagged or not",
        "RFC 894, RFC 2464 3", "not_ip",
        [ethernet(ARP(psrc=SENDER4, pdst=LOCAL4)), ethernet(datagram, type=46),
         ethernet(datagram, type=0x9000), ethernet(datagram, type=0xFFFF),
         ethernet(Dot1Q(vlan=5, type=0x0806), datagram), arriving(datagram)[:12] + b"\x88\xcc"])


def ip4_truncated():
    frame, tagged = arriving(udp4()), arriving(udp4(), vlan=5)
    return refusals("ip4_truncated", "a frame may end inside the IPv4 header", "RFC 791 3.1",
                    "ip4_truncated", [frame[:14], frame[:33], tagged[:18], tagged[:37]])


def ip4_header():
    return refusals(
        "ip4_header", "an EtherType of IPv4 with another version, or a header length of less than "
        "five words", "RFC 791 3.1", "ip4_header",
        [with_byte(arriving(udp4(data=payload(60))), IP_AT, value)
         for value in (0x44, 0x40, 0x65, 0x55, 0x05, 0x00, 0xFF)])


def ip4_options():
    return refusals(
        "ip4_options", "IPv4 options are refused by name, not skipped: their packets deserve the "
        "slow path of a router, which this is not", "RFC 7126", "ip4_options",
        [arriving(udp4(data=b"opt", ip={"options": [IPOption_NOP()] * n})) for n in (1, 4, 5, 40)])


def ip4_length():
    cut = arriving(udp4(data=payload(20)))[:-1]
    return refusals(
        "ip4_length", "a total length that the frame does not hold, or that does not hold the "
        "header", "RFC 791 3.1", "ip4_length",
        [cut] + [arriving(udp4(data=b"len", ip={"len": n})) for n in (0, 19, 32, 1500, 65535)])


def ip4_checksum():
    frame = arriving(udp4(data=b"sum"))
    checksum = int.from_bytes(frame[24:26], "big")
    assert checksum not in (0, 1, 0xFFFE, 0xFFFF)
    wrong = (0, 0xFFFF, checksum ^ 0xFFFF, checksum + 1, checksum - 1, checksum ^ 0x8000)
    return refusals(
        "ip4_checksum", "a header checksum that is wrong by anything, zero included: IPv4 has none "
        "that says that there is none", "RFC 1812 5.2.2", "ip4_checksum",
        [frame[:24] + value.to_bytes(2, "big") + frame[26:] for value in wrong]
        + [with_byte(frame, IP_AT + offset, frame[IP_AT + offset] ^ 0x20)
           for offset in (1, 4, 6, 8, 9, 12, 16)])


def ip4_fragment():
    return refusals(
        "ip4_fragment", "first, middle and last fragments: ports are in the first only, so none is "
        "looked at", "RFC 791 3.2", "ip4_fragment",
        [arriving(udp4(data=payload(32), ip={"flags": flags, "frag": frag}))
         for flags, frag in (("MF", 0), ("MF", 185), (0, 1), (0, 0x1FFF), ("MF+DF", 0))])


def ip4_not_udp():
    ip = IP(src=SENDER4, dst=LOCAL4)
    udp = UDP(sport=SENDER_PORT, dport=LOCAL_PORT)
    return refusals(
        "ip4_not_udp", "other protocols, also those whose ports lie where UDP's do",
        "RFC 791 3.1", "ip4_not_udp",
        [ethernet(ip / ICMP() / Raw(b"ping")), ethernet(ip / TCP(sport=5004, dport=30000)),
         arriving(IP(src=SENDER4, dst=LOCAL4, proto=136) / udp),
         arriving(IP(src=SENDER4, dst=LOCAL4, proto=0) / udp)])


def ip6_truncated():
    frame, tagged = arriving(udp6()), arriving(udp6(), vlan=5)
    return refusals("ip6_truncated", "a frame may end inside the IPv6 header", "RFC 8200 3",
                    "ip6_truncated", [frame[:14], frame[:53], tagged[:18], tagged[:57]])


def ip6_header():
    return refusals(
        "ip6_header", "an EtherType of IPv6 with another version", "RFC 8200 3", "ip6_header",
        [with_byte(arriving(udp6(data=b"six")), IP_AT, value) for value in (0x40, 0x45, 0x70, 0)])


def ip6_length():
    cut = arriving(udp6(data=payload(20)))[:-1]
    return refusals(
        "ip6_length", "a payload length that the frame does not hold", "RFC 8200 3", "ip6_length",
        [cut] + [arriving(udp6(data=b"len", ip={"plen": n})) for n in (12, 1460, 65535)])


def ip6_not_udp():
    ip = IPv6(src=SENDER6, dst=LOCAL6)
    return refusals(
        "ip6_not_udp", "other next headers, No Next Header among them", "RFC 8200 4.7",
        "ip6_not_udp",
        [arriving(ip / ICMPv6EchoRequest(data=b"ping")), arriving(ip / TCP(dport=LOCAL_PORT)),
         arriving(udp6(data=b"no", ip={"nh": 59})), arriving(udp6(data=b"no", ip={"nh": 136}))])


def udp_truncated():
    return refusals(
        "udp_truncated", "the datagram ends inside the UDP header, though the frame goes on",
        "RFC 768", "udp_truncated",
        [arriving(udp4(data=payload(40), ip={"len": 20 + n})) for n in (0, 1, 7)]
        + [arriving(udp6(data=payload(40), ip={"plen": n})) for n in (0, 1, 7)])


def udp_length():
    lengths = (0, 7, 8 + 10 + 1, 65535)
    return refusals(
        "udp_length", "a UDP length that does not hold the header, or that the datagram does not "
        "hold; zero as of a jumbogram included", "RFC 768", "udp_length",
        [arriving(udp4(data=payload(10), udp={"len": n})) for n in lengths]
        + [arriving(udp6(data=payload(10), udp={"len": n})) for n in lengths])


def udp6_no_checksum():
    return refusals(
        "udp6_no_checksum", "over IPv6 UDP must have a checksum", "RFC 8200 8.1",
        "udp6_no_checksum",
        [arriving(udp6(data=payload(n), udp={"chksum": 0})) for n in (0, 1, 100)])


def no_flow():
    case = Case("no_flow", "one field of the key differs, or the table of that family is empty",
                "RFC 1122 3.2.1.3", step=True)
    case.flow("f", match4(), [leg4()])
    for frame in (udp4(src="192.0.2.11"), udp4(dst="192.0.2.2"), udp4(sport=5005),
                  udp4(dport=30001), udp6(),
                  udp4(src=LOCAL4, dst=SENDER4, sport=LOCAL_PORT, dport=SENDER_PORT)):
        case.refuse(arriving(frame), "no_flow")
    case.refuse(arriving(udp4(), "p1"), "no_flow", port="p1")
    case.refuse(arriving(udp4(), vlan=1), "no_flow")
    case.forward(arriving(udp4()), "f", [leaving(sent4())])
    return case


CASES = (frame_segmented, eth_truncated, vlan_truncated, vlan_stacked, not_ip, ip4_truncated,
         ip4_header, ip4_options, ip4_length, ip4_checksum, ip4_fragment, ip4_not_udp,
         ip6_truncated, ip6_header, ip6_length, ip6_not_udp, udp_truncated, udp_length,
         udp6_no_checksum, no_flow)
