# SPDX-License-Identifier: BSD-3-Clause
"""What is handed to control, and what is not because there is too much of it."""

from scapy.layers.inet6 import IPv6ExtHdrDestOpt

from .case import Case, flow_spec, leg4, leg6, listener4, match4, match6, rule4, sent4
from .extensions import behind
from .frames import arriving, leaving, padded, payload, udp4, udp6

MS, SECOND = 10**6, 10**9


def punt_verdicts():
    case = Case("punt_verdicts", "a flow, listener or rule may be punted: control gets the frame "
                "as it came, tags, padding and all, and the flow's name", "RFC 6192", step=True)
    case.flow("exact", match4(), action="punt")
    case.flow("listener", listener4(dst_port=30001, vlan=5, outer_vlan=6), [leg4()], action="punt")
    case.flow("rule", rule4(3, dst_ports=[30002, 30003]), action="punt")
    case.flow("six", match6(), [leg6()], action="punt")
    case.punt(arriving(udp4(data=payload(700))), "exact")
    case.punt(padded(arriving(udp4(data=b"pad"))), "exact")
    case.punt(arriving(udp4(dport=30001), vlan=5, outer=6, prio=7), "listener")
    case.punt(arriving(udp4(dport=30003), "p2", vlan=9), "rule", port="p2")
    case.punt(arriving(udp6(data=payload(1452))), "six")
    case.punt(arriving(udp4(ip={"ttl": 1}, data=b"old")), "exact")
    return case


def punt_extension_headers():
    case = Case("punt_extension_headers", "IPv6 extension headers are out of what control is "
                "given, whatever tags are before them and padding behind", "RFC 6192, RFC 8200 4",
                punt_unmatched=["p0"])
    case.flow("f", match6(vlan=7), action="punt")
    case.flow("g", match6(vlan=7, outer_vlan=8), action="punt")
    for flow, tags in (("f", {"vlan": 7}), ("g", {"vlan": 7, "outer": 8}), (None, {"outer": 9}),
                       (None, {})):
        for data in (b"", payload(40)):
            case.punt(padded(arriving(behind([IPv6ExtHdrDestOpt()] * 2, data), **tags, prio=3), 90),
                      flow, given=padded(arriving(udp6(data=data), **tags, prio=3), 74))
    return case


def punt_unmatched():
    case = Case("punt_unmatched", "what no flow matches is punted where the port says so, and "
                "dropped elsewhere; what is refused is refused", "RFC 6192",
                punt_unmatched=["p0", "p2"])
    case.flow("f", match4(), [leg4()])
    case.punt(arriving(udp4(dport=1, data=payload(300))))
    case.punt(padded(arriving(udp6(data=b"six"), vlan=4)))
    case.punt(arriving(udp4(data=b"p2"), "p2"), port="p2")
    case.refuse(arriving(udp4(data=b"p1"), "p1"), "no_flow", port="p1")
    case.refuse(arriving(udp4(data=b"cut"))[:-1], "ip4_length")
    case.forward(arriving(udp4(data=b"mine")), "f", [leaving(sent4(b"mine"))])
    return case


def punt_limited():
    case = Case("punt_limited", "an eighth of a second of the punt rate at once, then the rate: "
                "over it is a drop of the flow, or of the port alone", "RFC 6192",
                punt_rate=16, punt_unmatched=["p0"])
    case.flow("f", match4(), action="punt")
    case.flow("class", listener4(dst_port=30001), [leg4()], classes={"dtls": "punt"})
    frame = arriving(udp4(data=b"me"))
    case.at(0)
    case.punt(frame, "f")
    case.punt(arriving(udp4(dport=9)))
    case.flow_drop(frame, "f", "punt_limited")
    case.refuse(arriving(udp4(dport=9)), "punt_limited")
    case.flow_drop(arriving(udp4(dport=30001, data=b"\x14")), "class", "punt_limited")
    case.forward(arriving(udp4(dport=30001, data=b"\x80")), "class", [leaving(sent4(b"\x80"))])
    case.at(62 * MS)
    case.flow_drop(frame, "f", "punt_limited")
    case.at(63 * MS)
    case.punt(arriving(udp4(dport=30001, data=b"\x14")), "class")
    case.flow_drop(frame, "f", "punt_limited")
    case.at(10 * SECOND)
    case.punt(frame, "f")
    case.punt(frame, "f")
    case.refuse(arriving(udp4(dport=9)), "punt_limited")
    return case


def punt_least_rate():
    case = Case("punt_least_rate", "one frame a second is a rate, too: one at once", "RFC 6192",
                punt_rate=1)
    case.flow("f", match4(), action="punt")
    for at_ns, passes in ((0, True), (990 * MS, False), (1010 * MS, True), (1990 * MS, False),
                          (2020 * MS, True)):
        case.at(at_ns)
        if passes:
            case.punt(arriving(udp4()), "f")
        else:
            case.flow_drop(arriving(udp4()), "f", "punt_limited")
    return case


def punt_full():
    case = Case("punt_full", "a worker holds so many frames for control and no more; what control "
                "takes makes room", "RFC 6192", punt_ring=4, punt_unmatched=["p0"])
    case.flow("f", match4(), [leg4()], classes={"stun": "punt"})
    frames = [arriving(udp4(data=bytes([0, n]))) for n in range(9)]
    for frame in frames[:3]:
        case.punt(frame, "f")
    case.punt(arriving(udp4(dport=9)))
    case.flow_drop(frames[3], "f", "punt_full")
    case.refuse(arriving(udp4(dport=9)), "punt_full")
    case.forward(arriving(udp4(data=b"go on")), "f", [leaving(sent4(b"go on"))])
    case.poll(2)
    case.punt(frames[4], "f")
    case.punt(frames[5], "f")
    case.flow_drop(frames[6], "f", "punt_full")
    case.poll(100)
    case.poll(1)
    case.punt(frames[7], "f")
    return case


def punt_of_flow_that_left():
    case = Case("punt_of_flow_that_left", "what was punted stays with control when its flow is "
                "changed or goes", "RFC 6192")
    case.flow("f", match4(), action="punt")
    case.flow("g", match4(dst_port=9), action="punt")
    case.punt(arriving(udp4(data=b"before")), "f")
    case.punt(arriving(udp4(dport=9, data=b"gone")), "g")
    case.change(replace=[flow_spec("f", match4(), [leg4()])], remove=["g"])
    case.forward(arriving(udp4(data=b"after")), "f", [leaving(sent4(b"after"))])
    case.poll(10)
    return case


CASES = (punt_verdicts, punt_extension_headers, punt_unmatched, punt_limited, punt_least_rate,
         punt_full, punt_of_flow_that_left)
