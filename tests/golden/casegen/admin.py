# SPDX-License-Identifier: BSD-3-Clause
"""Flows and legs that are administratively down, and flows that are there to drop."""

from .case import (Case, flow_spec, leg4, leg6, listener6, match4, match6, rule4, sent4, sent6)
from .frames import arriving, leaving, payload, udp4, udp6


def flow_down():
    case = Case("flow_down", "a flow that is down drops before anything else, whatever it would do",
                "RFC 2863 3.1.13", step=True)
    case.flow("forward", match4(), [leg4()], admin="down")
    case.flow("punt", match4(dst_port=30001), action="punt", admin="down")
    case.flow("drop", match4(dst_port=30002), action="drop", admin="down")
    case.flow("picky", listener6(), [leg6()], admin="down", latch="first",
              allow=["2001:db8:9::/48"], classes={"other": "drop"})
    case.flow("rule", rule4(1), [leg4()], admin="down")
    for flow, frame in (("forward", udp4()), ("punt", udp4(dport=30001)),
                        ("drop", udp4(dport=30002)), ("picky", udp6()), ("rule", udp4(dport=1))):
        case.flow_drop(arriving(frame), flow, "flow_down")
    case.latched("picky")
    return case


def flow_down_and_up():
    case = Case("flow_down_and_up", "down for a burst, then up again: what it had goes on, the "
                "level of its policer and its source included", "RFC 2863 3.1.13")
    settings = {"latch": "first", "police": {"rate_bps": 64000, "burst_bytes": 116}}
    case.flow("f", listener6(), [leg6(id="a")], **settings)
    data = payload(10)

    def goes():
        case.forward(arriving(udp6(data=data)), "f", [leaving(sent6(data))])

    goes()
    case.change(replace=[flow_spec("f", listener6(), [leg6(id="a")], admin="down", **settings)])
    for source in ("2001:db8:1::10", "2001:db8:1::11"):
        case.flow_drop(arriving(udp6(src=source, data=data)), "f", "flow_down")
    case.latched("f", "2001:db8:1::10", 5004, 1)
    case.change(replace=[flow_spec("f", listener6(), [leg6(id="a")], **settings)])
    case.flow_drop(arriving(udp6(src="2001:db8:1::11", data=data)), "f", "source_refused")
    goes()
    case.flow_drop(arriving(udp6(data=data)), "f", "policed")
    return case


def flow_drop():
    case = Case("flow_drop", "a flow may be there to drop; one whose legs are all down drops, too, "
                "but not one whose legs only cannot send", "RFC 2863 3.1.13", step=True)
    case.flow("drop", match4(), action="drop")
    case.flow("drop with legs", match4(dst_port=30001), [leg4()], action="drop")
    case.flow("down", match4(dst_port=30002), [leg4(admin="down"), leg4(admin="down")])
    case.flow("down six", match6(), [leg6(admin="down")])
    case.flow("unresolved", match4(dst_port=30003), [leg4(mac=None), leg4(admin="down")])
    for flow, frame in (("drop", udp4()), ("drop with legs", udp4(dport=30001)),
                        ("down", udp4(dport=30002)), ("down six", udp6())):
        case.flow_drop(arriving(frame), flow, "flow_drop")
    case.forward(arriving(udp4(dport=30003)), "unresolved", ["unresolved", None])
    return case


def leg_down():
    case = Case("leg_down", "a leg that is down gets nothing and counts nothing, be it the first, "
                "one between or the last; the others share the payload", "RFC 2863 3.1.13")
    for down in range(3):
        legs = [leg4(dst_port=7000 + i, **{"admin": "down"} if i == down else {})
                for i in range(3)]
        case.flow(f"f{down}", match4(dst_port=30000 + down), legs)
    case.flow("one of two", match4(dst_port=30003), [leg4(admin="down"), leg4(dst_port=7001)])
    for n_bytes in (30, 700):
        data = payload(n_bytes)
        copies = [leaving(sent4(data, dport=7000 + i)) for i in range(3)]
        for down in range(3):
            case.forward(arriving(udp4(dport=30000 + down, data=data)), f"f{down}",
                         [None if i == down else copy for i, copy in enumerate(copies)])
        case.forward(arriving(udp4(dport=30003, data=data)), "one of two", [None, copies[1]])
    return case


CASES = (flow_down, flow_down_and_up, flow_drop, leg_down)
