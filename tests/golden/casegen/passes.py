# SPDX-License-Identifier: BSD-3-Clause
"""Packets that come by turns in one pass: of both families, tagged and not, faulty ones between
good ones, and flows of several kinds. What leaves by one port is of one family."""

from scapy.layers.inet6 import IPv6ExtHdrDestOpt

from .case import (Case, flow_spec, leg4, leg6, listener4, listener6, match4, match6, sent4, sent6)
from .extensions import behind
from .frames import arriving, leaving, padded, payload, udp4, udp6, with_byte
from .limits import police
from .translation import to4

TAGS = (None, 12, 0, 12, None, 0)


def good(case, family, seed, tag=None, pad=False):
    """A frame of flow v4, v6, v4-12 or v6-12, and what leaves."""
    data = payload(16 + seed % 5, seed)
    build, sent, port = (udp4, sent4, "p1") if family == 4 else (udp6, sent6, "p2")
    frame = arriving(build(data=data), vlan=tag, prio=seed % 8 if tag is not None else 0)
    flow = f"v{family}-12" if tag == 12 else f"v{family}"
    case.forward(padded(frame, 80) if pad else frame, flow,
                 [leaving(sent(data), port, vlan=34 if tag == 12 else None)])


def relays(case):
    """Flows of both families, untagged and tagged."""
    case.flow("v4", match4(), [leg4()])
    case.flow("v6", match6(), [leg6(port="p2")])
    case.flow("v4-12", match4(vlan=12), [leg4(vlan=34)])
    case.flow("v6-12", match6(vlan=12), [leg6(port="p2", vlan=34)])


def pass_of_families():
    case = Case("pass_of_families", "IPv4 and IPv6 by turns, alone, in twos, threes and fours, in "
                "one burst: each datagram leaves as it would alone, those of a flow in their order",
                "RFC 791, RFC 8200")
    relays(case)
    seed = 0
    for run in (1, 2, 3, 4):
        for family in (4, 6) * 2:
            for _ in range(run):
                good(case, family, seed)
                seed += 1
    return case


def pass_of_tags():
    case = Case("pass_of_tags", "frames with no tag, a tag and a priority tag by turns, of both "
                "families: a priority tag counts as none", "IEEE 802.1Q 6.9")
    relays(case)
    for seed in range(60):
        good(case, 4 if seed < 24 or seed % 2 else 6, seed, TAGS[(seed + seed // 6) % 6],
             pad=seed % 7 == 3)
    return case


def faulty(case, family, kind, seed):
    """A frame with one fault, or with what makes it go alone."""
    data = payload(12, seed)
    build = udp4 if family == 4 else udp6
    frame = arriving(build(data=data))
    if kind == "header":
        case.refuse(with_byte(frame, 14, 0x55), f"ip{family}_header")
    elif kind == "sum" and family == 4:
        case.refuse(with_byte(frame, 18, frame[18] ^ 1), "ip4_checksum")
    elif kind == "sum":
        case.refuse(arriving(udp6(data=data, udp={"chksum": 0})), "udp6_no_checksum")
    elif kind == "short":
        case.refuse(frame[:-1], f"ip{family}_length")
    elif kind == "udp":
        case.refuse(arriving(build(data=data, udp={"len": 21})), "udp_length")
    elif kind == "ttl":
        expiring = {"ttl": 1} if family == 4 else {"hlim": 1}
        case.forward(arriving(build(data=data, ip=expiring)), f"v{family}", ["ttl_expired"])
    elif kind == "extension" and family == 6:
        datagram = behind([IPv6ExtHdrDestOpt()], data)
        case.forward(arriving(datagram), "v6", [leaving(sent6(data), "p2")],
                     skipped=len(bytes(datagram)) - 48 - len(data))
    else:
        case.refuse(arriving(build(data=data), vlan=5), "no_flow")


def pass_of_faults():
    case = Case("pass_of_faults", "a faulty frame, and one that goes alone, at each place of four "
                "that come together; the others leave, in their order",
                "RFC 1812 5.2.2, RFC 8200 3")
    relays(case)
    seed = 0
    for family in (4, 6):
        for kind in ("header", "sum", "short", "udp", "ttl", "extension", "flow"):
            for place in range(4):
                for i in range(4):
                    if i == place:
                        faulty(case, family, kind, seed)
                    else:
                        good(case, family, seed)
                    seed += 1
    return case


def pass_of_policed():
    case = Case("pass_of_policed", "at each place of four a packet that finds too few tokens: it "
                "is dropped and takes none, those after it that fit still pass", "RFC 2697 3")
    large, small = payload(200), [payload(10, seed) for seed in range(4)]
    for place in range(4):
        rate = police(64000, 3 * (28 + 10))
        case.flow(f"v4-{place}", match4(dst_port=30000 + place), [leg4()], police=rate)
        rate = police(64000, 3 * (48 + 10))
        case.flow(f"v6-{place}", match6(dst_port=30000 + place), [leg6(port="p2")], police=rate)
    for place in range(4):
        for build, sent, family, port in ((udp4, sent4, 4, "p1"), (udp6, sent6, 6, "p2")):
            for i in range(4):
                data = large if i == place else small[i]
                frame, flow = arriving(build(dport=30000 + place, data=data)), f"v{family}-{place}"
                if i == place:
                    case.flow_drop(frame, flow, "policed")
                else:
                    case.forward(frame, flow, [leaving(sent(data), port)])
    return case


def pass_of_translated():
    case = Case("pass_of_translated", "runs of 1 to 9 packets of translated flows of both "
                "directions: with and without UDP checksum, one that expires, one too long",
                "RFC 7915 4.1, 5.1, RFC 8200 8.1")
    case.flow("4to6", match4(vlan=3), [leg6(port="p2", dscp=46)])
    case.flow("6to4", match6(), [leg4(vlan=7)])
    for run in range(1, 10):
        for i in range(run):
            data = payload(9 + i, seed=run)
            came, left = {"tos": 1 + i}, {"tc": 46 << 2 | (1 + i) % 4}
            udp = {"chksum": 0} if i % 3 == 1 else {}
            leaves = leaving(sent6(data, ip=left), "p2")
            if i == 4:
                came, leaves = {"ttl": 1}, "ttl_expired"
            if i == 6:
                data, leaves = payload(1453), "too_long"
            case.forward(arriving(udp4(data=data, ip=came, udp=udp), vlan=3), "4to6", [leaves])
        for i in range(run):
            data = payload(9 + i, seed=run)
            leaves = leaving(to4(data, ip={"tos": i}), vlan=7)
            came = {"tc": i}
            if i == 5:
                came, leaves = {"hlim": 0}, "ttl_expired"
            if i == 7:
                data, leaves = payload(1473), "too_long"
            case.forward(arriving(udp6(data=data, ip=came)), "6to4", [leaves])
    return case


def pass_of_listeners():
    case = Case("pass_of_listeners", "while all flows are listeners, when the first exact flow "
                "comes beside them, and when the last one leaves: the exact flow goes first, no "
                "listener takes a martian source", "RFC 6890, RFC 1812 5.3.7")
    case.flow("l4", listener4(), [leg4()])
    case.flow("l6", listener6(), [leg6(port="p2")])

    def burst(exact, seed):
        for i in range(12):
            data = payload(8 + i, seed)
            found4, found6 = ("e4", "e6") if exact and i % 2 == 0 else ("l4", "l6")
            port = {"dport": 9000} if found4 == "e4" else {}
            src4, src6 = ({}, {}) if i % 2 == 0 else ({"src": f"203.0.113.{i}"},
                                                      {"src": f"2001:db8:77::{i}"})
            case.forward(arriving(udp4(data=data, **src4)), found4, [leaving(sent4(data, **port))])
            case.forward(arriving(udp6(data=data, **src6)), found6,
                         [leaving(sent6(data, **port), "p2")])
            if i % 4 == 2:
                case.refuse(arriving(udp4(src="127.0.0.1", data=data)), "martian")
                case.refuse(arriving(udp6(src="::1", data=data)), "martian")

    exact = [flow_spec("e4", match4(), [leg4(dst_port=9000)]),
             flow_spec("e6", match6(), [leg6(port="p2", dst_port=9000)])]
    burst(False, 1)
    case.change(add=exact)
    burst(True, 2)
    case.change(remove=["e4", "e6"])
    burst(False, 3)
    return case


def flow_changes_kind():
    case = Case("flow_changes_kind", "a flow that is plain, policed, translated, has several legs, "
                "and back: its counters and those of the leg that stays go on", "RFC 7667 3.5.1")
    ample = police(10**9, 10**6)
    kinds = {
        "plain": ({}, lambda leg, other: [leg(id="a")]),
        "policed": ({"police": ample}, lambda leg, other: [leg(id="a")]),
        "translated": ({}, lambda leg, other: [other(id="a")]),
        "both": ({"police": ample}, lambda leg, other: [other(id="a")]),
        "legs": ({}, lambda leg, other: [leg(id="b", dst_port=7000, port="p2"), leg(id="a")]),
    }
    way = ("policed", "plain", "translated", "policed", "translated", "plain", "legs", "policed",
           "legs", "translated", "legs", "plain", "both", "plain", "both", "policed", "both",
           "translated", "both", "legs", "both")

    def spec(flow, kind):
        settings, legs = kinds[kind]
        match, leg, other = (match4(), leg4, leg6) if flow == "v4" else (match6(), leg6, leg4)
        return flow_spec(flow, match, legs(leg, other), **settings)

    def burst(flow, kind):
        build, same, other = (udp4, sent4, sent6) if flow == "v4" else (udp6, sent6, to4)
        sent = other if kind in ("translated", "both") else same
        for seed in range(5):
            data = payload(20 + seed, seed)
            leaves = [leaving(sent(data))]
            if kind == "legs":
                leaves.insert(0, leaving(sent(data, dport=7000), "p2"))
            case.forward(arriving(build(data=data)), flow, leaves)

    for flow in ("v4", "v6"):
        first = spec(flow, "plain")
        case.flow(flow, first["match"], first["legs"])
    for flow in ("v4", "v6"):
        burst(flow, "plain")
    for i, kind in enumerate(way):
        if i % 2:
            case.change(replace=[spec("v4", kind), spec("v6", kind)])
        else:
            case.change(replace=[spec("v4", kind)])
            case.change(replace=[spec("v6", kind)])
        for flow in ("v4", "v6"):
            burst(flow, kind)
    return case


CASES = (pass_of_families, pass_of_tags, pass_of_faults, pass_of_policed, pass_of_translated,
         pass_of_listeners, flow_changes_kind)
