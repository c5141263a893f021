# SPDX-License-Identifier: BSD-3-Clause
"""Legs that send to what another flow has learned. A caller behind p0 and a peer behind p1 hear
each other, each by the other's flow; where an answer goes to is written out from the frame that the
source was learned by, its MAC addresses and tags the other way round."""

from .case import (Case, answer4, answer6, flow_spec, known, leg4, listener4, listener6, match4,
                   rule4)
from .frames import (EGRESS4, EGRESS6, EGRESS_PORT, LOCAL4, LOCAL6, LOCAL_PORT, PORT_MAC,
                     RECEIVER4, RECEIVER6, RECEIVER_MAC, RECEIVER_PORT, SENDER4, SENDER6,
                     SENDER_MAC, SENDER_PORT, link, translated, udp4, udp6)

MS = 1000000
ROUTER_MAC = "02:00:00:00:40:00"
OTHER4, OTHER_MAC = "203.0.113.9", "02:00:00:00:50:00"
LATCHING = "RFC 7362 4, RFC 4961 4"


def came(datagram, port="p0", mac=SENDER_MAC, vlan=None, outer=None, prio=0):
    """A frame from a host with this MAC address."""
    return link(datagram, mac, PORT_MAC[port], vlan, prio, outer)


def went(datagram, port="p0", mac=SENDER_MAC, vlan=None, outer=None):
    """A frame to that host, and the port by which it leaves."""
    return link(datagram, PORT_MAC[port], mac, vlan, 0, outer), port


def caller4(data=b"", src=SENDER4, sport=SENDER_PORT):
    return udp4(src, LOCAL4, sport, LOCAL_PORT, data)


def to_caller4(data=b"", dst=SENDER4, dport=SENDER_PORT, **fields):
    return udp4(LOCAL4, dst, LOCAL_PORT, dport, data, ip={"ttl": 63} | fields)


def peer4(data=b"", src=RECEIVER4, sport=RECEIVER_PORT):
    return udp4(src, EGRESS4, sport, EGRESS_PORT, data)


def to_peer4(data=b"", dst=RECEIVER4, dport=RECEIVER_PORT, **fields):
    return udp4(EGRESS4, dst, EGRESS_PORT, dport, data, ip={"ttl": 63} | fields)


def peer_listener(**fields):
    return listener4(**({"port": "p1", "dst": EGRESS4, "dst_port": EGRESS_PORT} | fields))


def from_egress(flow_id, **fields):
    """The caller's packets leave from the address that the peer sends to."""
    return answer4(flow_id, **({"src": EGRESS4, "src_port": EGRESS_PORT} | fields))


def relay(case, latch="first", **settings):
    """Two flows that refer to each other."""
    case.flow("caller", listener4(), [from_egress("peer")], latch=latch, **settings)
    case.flow("peer", peer_listener(), [answer4("caller")], latch=latch, **settings)


def unknown(port):
    """There is no destination; the copy is counted where the packet came in."""
    return "peer_unknown", port


def learned_first_answer():
    case = Case("learned_first_answer", "the first packet of the way back goes to where the other "
                "side's packets came from, port and MAC reversed; before that it is peer_unknown",
                LATCHING, step=True)
    relay(case)
    case.forward(came(peer4(b"early"), "p1", RECEIVER_MAC), "peer", [unknown("p1")], "p1")
    case.latched("peer", RECEIVER4, RECEIVER_PORT, 1, mac=RECEIVER_MAC, port="p1")
    case.latched("caller")
    case.forward(came(caller4(b"hello")), "caller", [went(to_peer4(b"hello"), "p1", RECEIVER_MAC)])
    case.latched("caller", SENDER4, SENDER_PORT, 1)
    for data in (b"one", b"more"):
        case.forward(came(peer4(data), "p1", RECEIVER_MAC), "peer", [went(to_caller4(data))], "p1")
    case.flow_drop(came(caller4(src=OTHER4)), "caller", "source_refused")
    case.forward(came(peer4(b"3"), "p1", RECEIVER_MAC), "peer", [went(to_caller4(b"3"))], "p1")
    return case


def learned_in_one_burst():
    case = Case("learned_in_one_burst", "packets that arrive together: what is behind the one that "
                "is learned from goes there", LATCHING)
    case.flow("caller", listener4(), [leg4()], latch="follow", latch_interval_ms=0)
    case.flow("back", match4(dst_port=30001), [answer4("caller")])
    for host in range(1, 7):
        src = f"192.0.2.{host}"
        case.forward(came(caller4(src=src)), "caller",
                     [link(to_peer4(), PORT_MAC["p1"], RECEIVER_MAC, None, 0, None)])
        for data in (b"a", b"b"):
            case.forward(came(udp4(dport=30001, data=data)), "back", [went(to_caller4(data, src))])
    return case


def learned_tags():
    case = Case("learned_tags", "an answer has the tags that the learned packet came with, with "
                "priority 0, also where a priority tag or none was there", LATCHING, step=True)
    tagged = ((5, None), (None, 2000), (6, 2001), (0, None))
    for i, (vlan, outer) in enumerate(tagged):
        local = {"dst_port": 30010 + i}
        tags = {"vlan": vlan or None, "outer_vlan": outer}
        case.flow(f"caller{i}", listener4(**local, **tags), [leg4(dst_port=7000 + i)],
                  latch="first")
        case.flow(f"peer{i}", peer_listener(dst_port=40010 + i),
                  [answer4(f"caller{i}", src_port=30010 + i)])
    for i, (vlan, outer) in enumerate(tagged):
        back = came(udp4(RECEIVER4, EGRESS4, 1, 40010 + i, b"x"), "p1", RECEIVER_MAC)
        case.forward(back, f"peer{i}", [unknown("p1")], "p1")
        case.forward(came(udp4(dport=30010 + i), vlan=vlan, outer=outer, prio=5), f"caller{i}",
                     [link(to_peer4(dport=7000 + i), PORT_MAC["p1"], RECEIVER_MAC, None, 0, None)])
        case.latched(f"caller{i}", SENDER4, SENDER_PORT, 1, vlan=vlan or None, outer_vlan=outer)
        answer = udp4(LOCAL4, SENDER4, 30010 + i, SENDER_PORT, b"x", ip={"ttl": 63})
        case.forward(back, f"peer{i}", [went(answer, vlan=vlan or None, outer=outer)], "p1")
    return case


def learned_translated():
    case = Case("learned_translated", "an IPv4 caller and an IPv6 peer, both learned; a datagram "
                "without UDP checksum gets one", "RFC 7915, RFC 8200 8.1, RFC 7362 4", step=True)
    case.flow("caller", listener4(), [answer6("peer", src=EGRESS6, src_port=EGRESS_PORT)],
              latch="first")
    case.flow("peer", listener6(port="p1", dst=EGRESS6, dst_port=EGRESS_PORT),
              [answer4("caller")], latch="first")
    case.forward(came(caller4(b"early")), "caller", [unknown("p0")])
    for data in (b"", b"odd", bytes(range(64))):
        back = udp6(RECEIVER6, EGRESS6, RECEIVER_PORT, EGRESS_PORT, data)
        case.forward(came(back, "p1", RECEIVER_MAC), "peer",
                     [went(translated(to_caller4(data)))], "p1")
        there = udp6(EGRESS6, RECEIVER6, EGRESS_PORT, RECEIVER_PORT, data, ip={"hlim": 63})
        case.forward(came(caller4(data)), "caller", [went(there, "p1", RECEIVER_MAC)])
        case.forward(came(udp4(data=data, udp={"chksum": 0})), "caller",
                     [went(there, "p1", RECEIVER_MAC)])
    return case


def learned_ipv6():
    case = Case("learned_ipv6", "IPv6 on both sides, with the leg's hop limit and DSCP",
                LATCHING, step=True)
    case.flow("caller", listener6(), [answer6("peer", src=EGRESS6, src_port=EGRESS_PORT, ttl=9)],
              latch="first")
    case.flow("peer", listener6(port="p1", dst=EGRESS6, dst_port=EGRESS_PORT),
              [answer6("caller", dscp=46)], latch="first")
    case.forward(came(udp6(data=b"early")), "caller", [unknown("p0")])
    back = udp6(RECEIVER6, EGRESS6, RECEIVER_PORT, EGRESS_PORT, b"back")
    case.forward(came(back, "p1", RECEIVER_MAC), "peer",
                 [went(udp6(LOCAL6, SENDER6, LOCAL_PORT, SENDER_PORT, b"back",
                            ip={"hlim": 63, "tc": 46 << 2}))], "p1")
    case.forward(came(udp6(data=b"there")), "caller",
                 [went(udp6(EGRESS6, RECEIVER6, EGRESS_PORT, RECEIVER_PORT, b"there",
                            ip={"hlim": 9}), "p1", RECEIVER_MAC)])
    return case


def learned_signalled():
    case = Case("learned_signalled", "until something is learned, and once it is forgotten, the "
                "signalled destination is sent to, by its next hop and with its tag", LATCHING,
                step=True)
    signalled = {"dst": "192.0.2.77", "dst_port": 7777, "port": "p2", "mac": ROUTER_MAC, "vlan": 9}
    case.flow("caller", listener4(), [leg4()], latch="first")
    case.flow("peer", peer_listener(), [answer4("caller", **signalled)])
    back = came(peer4(b"x"), "p1", RECEIVER_MAC)
    early = link(to_caller4(b"x", "192.0.2.77", 7777), PORT_MAC["p2"], ROUTER_MAC, 9, 0, None)
    case.forward(back, "peer", [(early, "p2")], "p1")
    case.forward(came(caller4()), "caller",
                 [link(to_peer4(), PORT_MAC["p1"], RECEIVER_MAC, None, 0, None)])
    case.forward(back, "peer", [went(to_caller4(b"x"))], "p1")
    case.forget("caller", SENDER4, SENDER_PORT, 1)
    case.forward(back, "peer", [(early, "p2")], "p1")
    case.forward(came(caller4(sport=9)), "caller",
                 [link(to_peer4(), PORT_MAC["p1"], RECEIVER_MAC, None, 0, None)])
    case.forward(back, "peer", [went(to_caller4(b"x", dport=9))], "p1")
    return case


def learned_follow():
    case = Case("learned_follow", "each move of a latch moves the legs that refer to it at once: "
                "another port, address, MAC, ingress port and VLAN", LATCHING, step=True)
    case.flow("caller", rule4(1, dst_ports=[LOCAL_PORT, LOCAL_PORT]), [leg4()], latch="follow",
              latch_interval_ms=1000)
    case.flow("peer", peer_listener(), [answer4("caller")])
    case.flow("both", match4(port="p1", dst_port=30001), [answer4("caller"), answer4("caller")])
    back = came(peer4(b"x"), "p1", RECEIVER_MAC)
    hosts = (("p0", SENDER4, 5004, SENDER_MAC, None), ("p0", SENDER4, 5005, SENDER_MAC, None),
             ("p2", OTHER4, 5005, OTHER_MAC, None), ("p2", OTHER4, 5005 ^ 1, OTHER_MAC, 7),
             ("p1", "192.0.2.11", 5004, ROUTER_MAC, 7), ("p0", SENDER4, 5004, SENDER_MAC, None))
    for i, (port, src, sport, mac, vlan) in enumerate(hosts):
        case.at((i + 1) * 1000 * MS)
        case.forward(came(caller4(src=src, sport=sport), port, mac, vlan), "caller",
                     [link(to_peer4(), PORT_MAC["p1"], RECEIVER_MAC, None, 0, None)], port)
        case.latched("caller", src, sport, i + 1, mac=mac, port=port, vlan=vlan)
        answer = went(to_caller4(b"x", src, sport), port, mac, vlan)
        case.forward(back, "peer", [answer], "p1")
        case.forward(came(udp4(dport=30001, data=b"x"), "p1"), "both", [answer, answer], "p1")
        case.flow_drop(came(caller4(src="192.0.2.99")), "caller", "source_refused")
        case.forward(back, "peer", [answer], "p1")
    return case


def learned_known():
    case = Case("learned_known", "what control knows of the learned source is sent to by its next "
                "hop, until the latch moves; counters of the leg go on", LATCHING, step=True)
    case.flow("caller", listener4(), [leg4()], latch="follow", latch_interval_ms=0)
    case.flow("peer", peer_listener(), [answer4("caller", id="back")])
    back = came(peer4(b"x"), "p1", RECEIVER_MAC)
    for i, src in enumerate((SENDER4, OTHER4, SENDER4)):
        case.forward(came(caller4(src=src)), "caller",
                     [link(to_peer4(), PORT_MAC["p1"], RECEIVER_MAC, None, 0, None)])
        case.forward(back, "peer", [went(to_caller4(b"x", src))], "p1")
        knows = known(src, SENDER_PORT, "p2", ROUTER_MAC, **({"vlan": 8} if i == 1 else {}))
        case.change(replace=[flow_spec("peer", peer_listener(),
                                       [answer4("caller", id="back", known=knows)])])
        for _ in range(2):
            case.forward(back, "peer", [went(to_caller4(b"x", src), "p2", ROUTER_MAC,
                                             8 if i == 1 else None)], "p1")
    case.forget("caller", SENDER4, SENDER_PORT, 3)
    case.forward(back, "peer", [unknown("p1")], "p1")
    case.forward(came(caller4()), "caller",
                 [link(to_peer4(), PORT_MAC["p1"], RECEIVER_MAC, None, 0, None)])
    case.forward(back, "peer", [went(to_caller4(b"x"))], "p1")
    return case


def learned_forget():
    case = Case("learned_forget", "once both sides have forgotten nobody is known; each learns "
                "anew, and moves go on counting", LATCHING, step=True)
    relay(case)
    case.forget("caller")
    case.forward(came(caller4()), "caller", [unknown("p0")])
    case.forward(came(peer4(), "p1", RECEIVER_MAC), "peer", [went(to_caller4())], "p1")
    case.forget("caller", SENDER4, SENDER_PORT, 1)
    case.forget("caller", moves=1)
    case.forward(came(peer4(), "p1", RECEIVER_MAC), "peer", [unknown("p1")], "p1")
    case.forget("peer", RECEIVER4, RECEIVER_PORT, 1, mac=RECEIVER_MAC, port="p1")
    case.forward(came(caller4(src=OTHER4), mac=OTHER_MAC), "caller", [unknown("p0")])
    case.latched("caller", OTHER4, SENDER_PORT, 2, mac=OTHER_MAC)
    case.forward(came(peer4(sport=1), "p1", RECEIVER_MAC), "peer",
                 [went(to_caller4(dst=OTHER4), mac=OTHER_MAC)], "p1")
    case.forward(came(caller4(src=OTHER4), mac=OTHER_MAC), "caller",
                 [went(to_peer4(dport=1), "p1", RECEIVER_MAC)])
    return case


def learned_outlives():
    case = Case("learned_outlives", "a leg may come before the flow that it refers to, sends on "
                "when that is removed, and to what its successor learns", LATCHING, step=True)
    case.flow("peer", peer_listener(), [answer4("caller")])
    back = came(peer4(b"x"), "p1", RECEIVER_MAC)
    caller = flow_spec("caller", listener4(), [leg4()], latch="follow", latch_interval_ms=0)
    to_leg = link(to_peer4(), PORT_MAC["p1"], RECEIVER_MAC, None, 0, None)
    case.forward(back, "peer", [unknown("p1")], "p1")
    case.change(add=[caller])
    case.forward(came(caller4()), "caller", [to_leg])
    case.forward(back, "peer", [went(to_caller4(b"x"))], "p1")
    case.change(remove=["caller"])
    case.forward(back, "peer", [went(to_caller4(b"x"))], "p1")
    case.change(add=[caller])
    case.latched("caller", SENDER4, SENDER_PORT, 1)
    case.forward(came(caller4(sport=7)), "caller", [to_leg])
    case.forward(back, "peer", [went(to_caller4(b"x", dport=7))], "p1")
    case.change(remove=["peer"])
    case.latched("caller", SENDER4, 7, 2)
    return case


def learned_drops():
    case = Case("learned_drops", "a copy to a learned destination is dropped as any other: TTL, "
                "policer of the leg; without a destination before all of these", LATCHING)
    case.flow("caller", listener4(), [leg4()], latch="first")
    case.flow("peer", peer_listener(),
              [answer4("caller", police={"rate_bps": 64000, "burst_bytes": 100}),
               answer4("caller", ttl=3, one_in=2), answer4("caller", admin="down")])
    dying = came(udp4(RECEIVER4, EGRESS4, RECEIVER_PORT, EGRESS_PORT, b"x", ip={"ttl": 1}), "p1",
                 RECEIVER_MAC)
    case.forward(dying, "peer", [unknown("p1"), unknown("p1"), None], "p1")
    case.latched("caller")
    case.forward(came(caller4()), "caller",
                 [link(to_peer4(), PORT_MAC["p1"], RECEIVER_MAC, None, 0, None)])
    case.latched("caller", SENDER4, SENDER_PORT, 1)
    case.forward(dying, "peer", [("ttl_expired", "p0"), None, None], "p1")
    back = came(peer4(b"x" * 20), "p1", RECEIVER_MAC)
    case.forward(back, "peer", [went(to_caller4(b"x" * 20)), went(to_caller4(b"x" * 20, ttl=3)),
                                None], "p1")
    case.forward(back, "peer", [went(to_caller4(b"x" * 20)), None, None], "p1")
    case.forward(back, "peer", [("leg_policed", "p0"), went(to_caller4(b"x" * 20, ttl=3)), None],
                 "p1")
    return case


CASES = (learned_first_answer, learned_in_one_burst, learned_tags, learned_translated, learned_ipv6,
         learned_signalled, learned_follow, learned_known, learned_forget, learned_outlives,
         learned_drops)
