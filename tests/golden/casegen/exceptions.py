# SPDX-License-Identifier: BSD-3-Clause
"""What no flow claims goes to the kernel, where the port has a path there: by classes, each of
which has a rate and a ring of its own."""

from scapy.contrib.igmp import IGMP
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_Router_Alert
from scapy.layers.inet6 import (ICMPv6EchoRequest, ICMPv6MLReport2, ICMPv6ND_NA, ICMPv6ND_NS,
                                IPv6, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, RouterAlert)
from scapy.layers.l2 import ARP, LLC, Dot1Q, Ether
from scapy.packet import Raw

from .case import Case, leg4, match4, sent4
from .frames import (LOCAL4, LOCAL6, PORT_MAC, SENDER4, SENDER6, SENDER_MAC, arriving, leaving,
                     payload, udp4, udp6, with_byte)

MS, SECOND = 10**6, 10**9
ALERT = IPOption_Router_Alert()


def ethernet(*layers, port="p0", **fields):
    frame = Ether(src=SENDER_MAC, dst=PORT_MAC[port], **fields)
    for layer in layers:
        frame = frame / layer
    return bytes(frame)


def ip4(*layers, **fields):
    return ethernet(IP(src=SENDER4, dst=LOCAL4, **fields), *layers)


def ip6(*layers, **fields):
    return ethernet(IPv6(src=SENDER6, dst=LOCAL6, **fields), *layers)


def hop_by_hop(*layers):
    return ip6(IPv6ExtHdrHopByHop(options=[RouterAlert()]), *layers)


# By class, in the order in which they are handed up; the first of each is what the others are
# measured by.
CLASSES = {
    "link": [
        ethernet(ARP(psrc=SENDER4, pdst=LOCAL4)),
        ethernet(Dot1Q(vlan=9), ARP(psrc=SENDER4, pdst=LOCAL4)),
        ip6(ICMPv6ND_NS(tgt=LOCAL6), hlim=255),
        ip6(ICMPv6ND_NA(tgt=SENDER6), hlim=255),
        ethernet(Raw(payload(110)), type=0x8809), # LACP
        ethernet(Raw(payload(60)), type=0x88cc), # LLDP
        ethernet(Raw(payload(46)), type=0x888e), # 802.1X
        ethernet(LLC(dsap=0xfe, ssap=0xfe, ctrl=3), Raw(payload(30)), type=33), # IS-IS
    ],
    "routing": [
        ip4(TCP(sport=40000, dport=179)),
        ip4(TCP(sport=179, dport=40000)),
        ip6(TCP(sport=40000, dport=179)),
        ip4(UDP(sport=49152, dport=3784), Raw(payload(24)), ttl=255), # BFD
        ip4(UDP(sport=49152, dport=4784), Raw(payload(24))),
        ip6(UDP(sport=49152, dport=3784), Raw(payload(24)), hlim=255),
        ip4(Raw(payload(44)), proto=89), # OSPF
        ip6(Raw(payload(36)), nh=89),
        ip4(Raw(payload(16)), proto=112), # VRRP
        ip4(Raw(payload(20)), proto=103), # PIM
        ip4(IGMP(gaddr="239.1.1.1"), options=[ALERT]),
        hop_by_hop(ICMPv6MLReport2()),
    ],
    "host": [
        ip4(ICMP(), Raw(payload(56))),
        ip6(ICMPv6EchoRequest(data=payload(8))),
        ip4(TCP(sport=40000, dport=22)),
        ip4(TCP(sport=22, dport=40000)),
        ip4(UDP(sport=67, dport=68), Raw(payload(40))), # DHCP
        ip6(UDP(sport=547, dport=546), Raw(payload(40))),
    ],
    "other": [
        arriving(udp4(dport=9, data=b"stranger")),
        arriving(udp6(dport=9, data=b"stranger")),
        ip4(TCP(sport=40000, dport=80)),
        ip4(TCP(sport=40000, dport=179), flags="MF"), # ports are in the first fragment only
        ip4(Raw(payload(16)), frag=100, proto=6),
        ip6(IPv6ExtHdrFragment(m=1), Raw(payload(16))),
        ip4(Raw(payload(2)), proto=6),
        ip4(Raw(payload(20)), proto=47), # GRE
        ip6(nh=58),
        ethernet(Raw(payload(46)), type=0x8847), # MPLS
        arriving(udp4(src="127.0.0.1", data=b"martian")),
    ],
}


def exception_classes():
    case = Case("exception_classes", "a frame of each kind is over the rate of its class when "
                "another of that class went before it, and frames of all other classes pass",
                "RFC 6192",
                punt_rate=8, kernel=["p0"])
    now_ns = 0
    for name, frames in CLASSES.items():
        for frame in frames[1:]:
            case.at(now_ns)
            for other, references in CLASSES.items():
                case.punt(references[0])
                case.poll(1)
                if other == name:
                    case.refuse(frame, "kernel_limited")
            now_ns += SECOND
    return case


def exception_path():
    case = Case("exception_path", "what no flow claims goes to the kernel as it came, by the port "
                "that has a path; malformed frames, what a flow claims and other ports are as ever",
                "RFC 6192", punt_ring=64, kernel=["p0"])
    case.flow("f", match4(), [leg4()])
    case.flow("drops", match4(dst_port=30001), action="drop")
    for frames in CLASSES.values():
        for frame in frames:
            case.punt(frame)
            case.poll(1)
    case.forward(arriving(udp4(data=b"mine")), "f", [leaving(sent4(b"mine"))])
    case.flow_drop(arriving(udp4(dport=30001)), "drops", "flow_drop")
    case.refuse(arriving(udp4(data=b"cut"))[:-1], "ip4_length")
    case.refuse(with_byte(ip4(ICMP()), 24, 0), "ip4_checksum")
    case.refuse(ethernet(ARP(), port="p1"), "not_ip", port="p1")
    case.refuse(arriving(udp4(dport=9), "p1"), "no_flow", port="p1")
    return case


def exception_full():
    case = Case("exception_full", "a worker holds so many frames of a class for the kernel and no "
                "more; other classes have rings of their own", "RFC 6192", punt_ring=4,
                kernel=["p0"])
    for _ in range(4):
        case.punt(CLASSES["routing"][0])
    case.refuse(CLASSES["routing"][0], "kernel_full")
    for _ in range(4):
        case.punt(CLASSES["other"][0])
    case.refuse(CLASSES["other"][0], "kernel_full")
    case.poll(5)
    case.punt(CLASSES["other"][1])
    return case


CASES = (exception_classes, exception_path, exception_full)
