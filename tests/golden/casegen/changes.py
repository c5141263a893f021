# SPDX-License-Identifier: BSD-3-Clause
"""Flows that change between bursts: replaced and removed, legs that join and leave. Counters are
carried on, and whoever removes is told the final ones."""

from .case import Case, flow_spec, leg4, leg6, match4, match6, rule4, sent4, sent6, stream
from .frames import arriving, leaving, payload, udp4, udp6

RFC = "RFC 7667 3.5.1"


def own(i):
    """The leg that is called by its number and has a port of its own."""
    return leg4(id=f"leg-{i}", dst_port=7000 + i, port="p2" if i % 2 else "p1")


def left(data, i):
    return leaving(sent4(data, dport=7000 + i), "p2" if i % 2 else "p1")


def leg_down_and_up():
    case = Case("leg_down_and_up", "a leg taken down and up again counts on; the others notice "
                "nothing", "RFC 2863 3.1.13")

    def legs(down):
        return [own(i) | ({"admin": "down"} if i in down else {}) for i in range(4)]

    def burst(n_bytes, down):
        for seed in range(2):
            data = payload(n_bytes, seed)
            case.forward(arriving(udp4(data=data)), "f",
                         [None if i in down else left(data, i) for i in range(4)])

    case.flow("f", match4(), legs(()))
    burst(700, ())
    for down in ((1,), (0, 1, 2), (0,), (3,), ()):
        case.change(replace=[flow_spec("f", match4(), legs(down))])
        burst(50 if len(down) == 1 else 800, down)
    case.change(replace=[flow_spec("f", match4(), legs(range(4)))])
    case.flow_drop(arriving(udp4()), "f", "flow_drop")
    case.change(replace=[flow_spec("f", match4(), legs(()))])
    burst(20, ())
    return case


def legs_join_and_leave():
    case = Case("legs_join_and_leave", "legs join at any place and leave from any: those that stay "
                "count on, in whichever order they then are, those that come start at zero, those "
                "that left are told", RFC)
    case.flow("f", match4(), [own(0)])

    def burst(members, n_bytes):
        for seed in range(3):
            data = payload(n_bytes, seed)
            case.forward(arriving(udp4(data=data)), "f", [left(data, i) for i in members])

    burst((0,), 20)
    for members, n_bytes in (((0, 1), 700), ((0, 1, 2), 20), ((2, 1, 0, 3), 900), ((1, 3), 640),
                             ((3,), 33), ((3, 4, 5), 700), ((1,), 5), ((1, 3), 720)):
        case.change(replace=[flow_spec("f", match4(), [own(i) for i in members])])
        burst(members, n_bytes)
    return case


def leg_changes():
    case = Case("leg_changes", "a leg that keeps its name keeps its counters, though its "
                "addresses, tags, family or limits change", RFC)
    data = payload(40)
    shapes = (({}, leaving(sent4(data))),
              ({"dst_port": 7000}, leaving(sent4(data, dport=7000))),
              ({"vlan": 5, "outer_vlan": 6}, leaving(sent4(data), vlan=5, outer=6)),
              ({"port": "p2"}, leaving(sent4(data), "p2")),
              ({"ttl": 9, "dscp": 1}, leaving(sent4(data, ip={"ttl": 9, "tos": 4}))),
              ({"police": {"rate_bps": 64000, "burst_bytes": 70}}, leaving(sent4(data))),
              ({"mac": None}, "unresolved"))
    specs = [flow_spec("f", match4(), [leg4(id="a", **shape), leg4(id="b", dst_port=7777)])
             for shape, _ in shapes]
    six = flow_spec("f", match4(), [leg6(id="a"), leg4(id="b", dst_port=7777)])
    case.flow("f", match4(), specs[0]["legs"])
    for spec, (_, leaf) in [*zip(specs, shapes), (six, (0, leaving(sent6(data)))),
                            (specs[1], shapes[1])]:
        case.change(replace=[spec])
        case.forward(arriving(udp4(data=data)), "f", [leaf, leaving(sent4(data, dport=7777))])
    return case


def flow_shapes():
    case = Case("flow_shapes", "one flow as a plain relay, a fan-out, policed, latched to classes, "
                "down, punted, with streams, and plain again: its counters go on through all", RFC)
    data = payload(60)
    one, three = [own(0)], [own(i) for i in range(3)]
    shapes = ((one, {}, "one"), (three, {}, "three"),
              (three, {"police": {"rate_bps": 64000, "burst_bytes": 100}}, "three"),
              (one, {"police": {"rate_bps": 64000, "burst_bytes": 80}}, "policed"),
              (one, {"classes": {"stun": "drop"}}, "class_drop"),
              (three, {"admin": "down"}, "flow_down"), ([], {"action": "drop"}, "flow_drop"),
              ([], {"action": "punt"}, "punt"), (one, {"allow": ["203.0.113.0/24"]},
                                                 "source_refused"),
              (one, {}, "one"), (three, {"streams": [stream([own(4)], ssrc=1)]}, "three"),
              ([own(0), own(5)], {}, "two"), (one, {}, "one"))
    case.flow("f", match4(), one)
    for _ in range(2):
        for legs, settings, result in shapes:
            case.change(replace=[flow_spec("f", match4(), legs, **settings)])
            if result == "punt":
                case.punt(arriving(udp4(data=data)), "f")
            elif result in ("one", "two", "three"):
                names = [int(leg["id"][4:]) for leg in legs]
                case.forward(arriving(udp4(data=data)), "f", [left(data, i) for i in names])
            else:
                case.flow_drop(arriving(udp4(data=data)), "f", result)
        data = payload(61)
    return case


def plain_flow_replaced():
    case = Case("plain_flow_replaced", "a plain flow may be replaced at once and again, in both "
                "families, and its only leg carried on or not", RFC)
    case.flow("v4", match4(), [leg4(id="a")])
    case.flow("v6", match6(), [leg6(id="a", mac=None)])
    for i in range(4):
        data = payload(i)
        name = "a" if i < 3 else "b"
        case.forward(arriving(udp4(data=data)), "v4", [leaving(sent4(
            data, dport=6000 if i == 0 else 7000 + i))])
        case.forward(arriving(udp6(data=data)), "v6", ["unresolved" if i % 2 == 0 else leaving(
            sent6(data))])
        hop = {"mac": None} if i % 2 else {}
        case.change(replace=[flow_spec("v4", match4(), [leg4(id=name, dst_port=7001 + i)]),
                             flow_spec("v6", match6(), [leg6(id=name, **hop)])])
    return case


def leg_drops_carried(name, family):
    """One leg and its drops through every shape that a flow with it may take."""
    udp, match, leg, sent, hops = ((udp4, match4, leg4, sent4, "ttl") if family == 4
                                   else (udp6, match6, leg6, sent6, "hlim"))
    case = Case(name, "what a leg has dropped goes on with it, from a plain flow to one with more "
                "legs, with limits, with streams or without, and back", RFC)
    data = b"\x80\x60" + payload(30)
    limits = {"rate_bps": 10**9, "burst_bytes": 10**6}
    other, late = leg(id="b", port="p2", mac=None), leg(id="c", port="p2", ttl=9)
    shapes = (
        ([leg(id="a")], {}), ([leg(id="a"), other], {}), ([leg(id="a")], {"police": limits}),
        ([other, leg(id="a")], {"police": limits}), ([leg(id="a", police=limits)], {}),
        ([leg(id="a")], {"classes": {"stun": "drop"}}), ([leg(id="a", vlan=4, outer_vlan=5)], {}),
        ([leg(id="a", one_in=1)], {"streams": [stream([late], ssrc=1)]}),
        ([other, late, leg(id="a")], {}), ([leg(id="a", dscp=8)], {}), ([leg(id="a")], {}))

    def leaf(one, came):
        if one["id"] == "b":
            return "unresolved"
        if one["id"] == "c":
            return leaving(sent(data, ip={hops: 9}), "p2")
        if came == 1:
            return "ttl_expired"
        fields = {"tos" if family == 4 else "tc": one.get("dscp", 0) << 2}
        return leaving(sent(data, ip=fields), vlan=one.get("vlan"), outer=one.get("outer_vlan"))

    case.flow("f", match(), shapes[0][0])
    for legs, settings in shapes:
        case.change(replace=[flow_spec("f", match(), legs, **settings)])
        for came in (64, 1):
            case.forward(arriving(udp(data=data, ip={hops: came})), "f",
                         [leaf(one, came) for one in legs])
    return case


def leg_drops_carried_ipv4():
    return leg_drops_carried("leg_drops_carried_ipv4", 4)


def leg_drops_carried_ipv6():
    return leg_drops_carried("leg_drops_carried_ipv6", 6)


def flows_removed():
    case = Case("flows_removed", "what is removed is told its final counters, drops and punts "
                "included, and matches no more; the same key may come back in one transaction and "
                "starts at zero", RFC)
    case.flow("plain", match4(), [leg4()])
    case.flow("legs", match6(), [leg6(), leg6(mac=None), leg6(port="p2", ttl=1)])
    case.flow("rule", rule4(1, dst_ports=[1, 9]), [leg4()], classes={"stun": "drop",
                                                                     "dtls": "punt"})
    for n in range(3):
        data = payload(700 * (n % 2) + n + 128)
        case.at(n)
        case.forward(arriving(udp4(data=data)), "plain", [leaving(sent4(data))])
        case.at(n)
        data = payload(700 * (n % 2) + n)
        case.forward(arriving(udp6(data=data)), "legs",
                     [leaving(sent6(data)), "unresolved",
                      leaving(sent6(data, ip={"hlim": 1}), "p2")])
        case.flow_drop(arriving(udp4(dport=1, data=b"\0")), "rule", "class_drop")
        case.punt(arriving(udp4(dport=9, data=b"\x20")), "rule")
    case.at(3)
    case.forward(arriving(udp4(dport=5, data=b"\x90")), "rule", [leaving(sent4(b"\x90"))])
    case.change(remove=["plain", "legs", "rule"], add=[flow_spec("plain", match4(),
                                                                 [leg4(dst_port=7000)])])
    for frame in (udp6(), udp4(dport=5), udp4(dport=1)):
        case.refuse(arriving(frame), "no_flow")
    case.forward(arriving(udp4(data=b"new")), "plain", [leaving(sent4(b"new", dport=7000))])
    case.change(remove=["plain"])
    case.refuse(arriving(udp4()), "no_flow")
    return case


def streams_changed():
    case = Case("streams_changed", "streams that select what they selected count on, and so do "
                "their legs that are the very same, down for a while or not; others start anew",
                "RFC 3550 5.1")

    def rtp(ssrc):
        return b"\x80\x60" + bytes(6) + ssrc.to_bytes(4, "big")

    def streams(first, leg_port, up):
        return [stream([leg4(dst_port=leg_port)], ssrc=first),
                stream([leg4(dst_port=7200), leg4(port="p2", admin="up" if up else "down")],
                       ssrc=2)]

    def burst(first, leg_port, up):
        case.forward(arriving(udp4(data=rtp(first))), "f",
                     [leaving(sent4(rtp(first), dport=leg_port))], stream=0)
        for _ in range(2):
            case.forward(arriving(udp4(data=rtp(2))), "f",
                         [leaving(sent4(rtp(2), dport=7200)),
                          leaving(sent4(rtp(2)), "p2") if up else None], stream=1)
        case.forward(arriving(udp4(data=rtp(3))), "f", [left(rtp(3), 0)])

    case.flow("f", match4(), [own(0)], streams=streams(1, 7100, True))
    burst(1, 7100, True)
    for now in ((1, 7100, True), (1, 7101, True), (1, 7101, False), (1, 7101, True),
                (4, 7101, True), (4, 7101, False)):
        case.change(replace=[flow_spec("f", match4(), [own(0)], streams=streams(*now))])
        burst(*now)
    return case


CASES = (leg_down_and_up, legs_join_and_leave, leg_changes, flow_shapes, plain_flow_replaced,
         leg_drops_carried_ipv4, leg_drops_carried_ipv6, flows_removed, streams_changed)
