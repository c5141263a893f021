# SPDX-License-Identifier: BSD-3-Clause
"""Which flow a packet belongs to: exact flows, listeners, rules; and packets that only an exact
flow may claim, for their addresses."""

from .case import (Case, flow_spec, leg4, leg6, listener4, listener6, match4, match6, rule4, rule6,
                   sent4, sent6)
from .frames import LOCAL4, arriving, leaving, udp4, udp6

ANYWHERE4 = {"src": "0.0.0.0/0", "dst": "0.0.0.0/0"}


def martian(name, why, family, sources, destinations, fine):
    """`sources` and `destinations` are refused though a listener or a rule would have them; `fine`
    are addresses next to them that are not."""
    udp, sent, leg = (udp4, sent4, leg4) if family == 4 else (udp6, sent6, leg6)
    listener, match, rule = ((listener4, match4, rule4) if family == 4
                             else (listener6, match6, rule6))
    case = Case(name, why, "RFC 6890, RFC 1812 5.3.7" if family == 4 else "RFC 6890, RFC 4291 2.5",
                step=True)
    case.flow("listener", listener(), [leg()])
    case.flow("rule", rule(1, dst_ports=[30001, 30001]), [leg(port="p2")])
    case.flow("exact", match(src=sources[0]), [leg(dst_port=7000)])
    for source in sources[1:]:
        case.refuse(arriving(udp(src=source)), "martian")
        case.refuse(arriving(udp(src=source, dport=30001)), "martian")
    for destination in destinations:
        case.refuse(arriving(udp(dst=destination, dport=30001)), "martian")
    for address in fine:
        case.forward(arriving(udp(src=address)), "listener", [leaving(sent())])
        case.forward(arriving(udp(src=address, dst=address, dport=30001)), "rule",
                     [leaving(sent(), "p2")])
    case.forward(arriving(udp(src=sources[0])), "exact", [leaving(sent(dport=7000))])
    return case


def martian_ipv4():
    return martian(
        "martian_ipv4", "this network, loopback, multicast and reserved sources; this network, "
        "loopback and broadcast destinations. An exact flow names both addresses, so its operator "
        "has decided", 4,
        ("127.0.0.1", "0.0.0.0", "0.255.255.255", "127.255.255.255", "224.0.0.1",
         "239.255.255.255", "240.0.0.0", "255.255.255.255"),
        ("0.0.0.0", "0.0.0.1", "127.0.0.1", "127.255.255.254", "255.255.255.255"),
        ("1.0.0.0", "126.255.255.255", "128.0.0.0", "223.255.255.255"))


def martian_ipv6():
    return martian(
        "martian_ipv6", "unspecified, loopback and IPv4-mapped addresses; multicast sources", 6,
        ("::1", "::", "ff02::1", "ff0e::1234", "::ffff:192.0.2.1", "::ffff:0:0"),
        ("::", "::1", "::ffff:192.0.2.1"),
        ("::2", "::fffe:192.0.2.1", "::1:0:0:1", "fe80::1", "feff::1"))


def martian_destination_multicast():
    case = Case("martian_destination_multicast", "multicast groups and the reserved block are fit "
                "destinations", "RFC 5771, RFC 4291 2.7")
    case.flow("v4", rule4(1), [leg4()])
    case.flow("v6", rule6(1), [leg6(port="p2")])
    for group in ("224.0.0.5", "239.1.2.3", "255.255.255.254"):
        case.forward(arriving(udp4(dst=group)), "v4", [leaving(sent4())])
    for group in ("ff02::5", "ff3e::1"):
        case.forward(arriving(udp6(dst=group)), "v6", [leaving(sent6(), "p2")])
    return case


def martian_not_punted():
    case = Case("martian_not_punted", "a port that punts what no flow matches still drops martians",
                "RFC 6890", punt_unmatched=["p0"])
    case.flow("v4", listener4(), [leg4()])
    case.refuse(arriving(udp4(src="127.0.0.1")), "martian")
    case.refuse(arriving(udp6(src="::1")), "martian")
    case.punt(arriving(udp4(dport=1)))
    return case


def three_stages():
    case = Case("three_stages", "an exact flow goes before a listener, and that before a rule of "
                "any priority", "RFC 1812 5.2")
    case.flow("rule", rule4(1000000, dst=f"{LOCAL4}/32"), [leg4(dst_port=7003)])
    case.flow("listener", listener4(), [leg4(dst_port=7002)])
    case.flow("exact", match4(), [leg4(dst_port=7001)])
    case.flow("rule6", rule6(1, port="p0"), [leg6(port="p2", dst_port=7003)])
    case.flow("listener6", listener6(), [leg6(port="p2", dst_port=7002)])
    case.flow("exact6", match6(), [leg6(port="p2", dst_port=7001)])
    for fields, flow, dport in (({}, "exact", 7001), ({"sport": 1}, "listener", 7002),
                                ({"dport": 30001}, "rule", 7003)):
        case.forward(arriving(udp4(**fields)), flow, [leaving(sent4(dport=dport))])
        case.forward(arriving(udp6(**fields)), flow + "6", [leaving(sent6(dport=dport), "p2")])
    case.refuse(arriving(udp4(dst="192.0.2.2")), "no_flow")
    case.refuse(arriving(udp6(), "p1"), "no_flow", port="p1")
    return case


def rule_priorities():
    case = Case("rule_priorities", "of the rules that match the greatest priority wins, of equal "
                "ones the oldest; a rule that goes uncovers the next", "RFC 1812 5.3.12")
    spec = [flow_spec(name, rule4(priority), [leg4(dst_port=dport)])
            for name, priority, dport in (("low", 1, 7001), ("old", 50, 7002), ("new", 50, 7003),
                                          ("high", 1000000, 7004))]
    for rule in (spec[0], spec[1], spec[2]):
        case.flow(rule["id"], rule["rule"], rule["legs"])

    def goes_to(name, dport):
        case.forward(arriving(udp4(data=b"which")), name, [leaving(sent4(b"which", dport=dport))])

    goes_to("old", 7002)
    case.change(add=[spec[3]])
    goes_to("high", 7004)
    case.change(replace=[flow_spec("old", rule4(50), [leg4(dst_port=7005)])])
    case.change(remove=["high"])
    goes_to("old", 7005)
    case.change(remove=["old"])
    goes_to("new", 7003)
    case.change(remove=["new"])
    goes_to("low", 7001)
    case.change(remove=["low"])
    case.refuse(arriving(udp4(data=b"which")), "no_flow")
    return case


def rule_prefixes_ipv4():
    case = Case("rule_prefixes_ipv4", "prefixes of every kind of length, met at their first and "
                "last address and missed by one", "RFC 4632 3.1")
    prefixes = (("203.0.113.7/32", ("203.0.113.7",), ("203.0.113.6", "203.0.113.8")),
                ("203.0.113.128/25", ("203.0.113.128", "203.0.113.255"), ("203.0.113.127",)),
                ("198.51.100.4/30", ("198.51.100.4", "198.51.100.7"),
                 ("198.51.100.3", "198.51.100.8")),
                ("198.18.0.0/15", ("198.18.0.0", "198.19.255.255"), ("198.17.255.255",
                                                                      "198.20.0.0")),
                ("64.0.0.0/2", ("64.0.0.0", "126.1.1.1"), ("63.255.255.255", "128.0.0.0")))
    for i, (prefix, _, _) in enumerate(prefixes):
        case.flow(f"src{i}", rule4(10, src=prefix, dst_ports=[100, 100]), [leg4(dst_port=7000 + i)])
        case.flow(f"dst{i}", rule4(10, dst=prefix, dst_ports=[200, 200]), [leg4(dst_port=7100 + i)])
    for i, (_, hits, misses) in enumerate(prefixes):
        for address in hits:
            case.forward(arriving(udp4(src=address, dport=100)), f"src{i}",
                         [leaving(sent4(dport=7000 + i))])
            case.forward(arriving(udp4(dst=address, dport=200)), f"dst{i}",
                         [leaving(sent4(dport=7100 + i))])
        for address in misses:
            case.refuse(arriving(udp4(src=address, dport=100)), "no_flow")
            case.refuse(arriving(udp4(dst=address, dport=200)), "no_flow")
    return case


def rule_prefixes_ipv6():
    case = Case("rule_prefixes_ipv6", "the same for IPv6, lengths that end inside a byte, a word "
                "or a half included", "RFC 4291 2.3")
    prefixes = (("2001:db8::7/128", ("2001:db8::7",), ("2001:db8::6", "2001:db8::8")),
                ("2001:db8:0:1::/64", ("2001:db8:0:1::", "2001:db8:0:1:ffff:ffff:ffff:ffff"),
                 ("2001:db8:0:2::", "2001:db8::ffff:ffff:ffff:ffff")),
                ("2001:db8:0:4:8000::/65", ("2001:db8:0:4:8000::", "2001:db8:0:4:ffff::1"),
                 ("2001:db8:0:4:7fff::1",)),
                ("2001:db8:5:0:0:a::/95", ("2001:db8:5::a:0:0", "2001:db8:5::b:ffff:ffff"),
                 ("2001:db8:5::c:0:0", "2001:db8:5::9:0:0")),
                ("2001:db8:4000::/34", ("2001:db8:4000::", "2001:db8:7fff::1"),
                 ("2001:db8:8000::", "2001:db8:3fff::1")),
                ("4000::/3", ("4000::", "5fff::1"), ("3fff::1", "6000::")))
    for i, (prefix, _, _) in enumerate(prefixes):
        case.flow(f"src{i}", rule6(10, src=prefix, dst_ports=[100, 100]), [leg6(dst_port=7000 + i)])
        case.flow(f"dst{i}", rule6(10, dst=prefix, dst_ports=[200, 200]), [leg6(dst_port=7100 + i)])
    for i, (_, hits, misses) in enumerate(prefixes):
        for address in hits:
            case.forward(arriving(udp6(src=address, dport=100)), f"src{i}",
                         [leaving(sent6(dport=7000 + i))])
            case.forward(arriving(udp6(dst=address, dport=200)), f"dst{i}",
                         [leaving(sent6(dport=7100 + i))])
        for address in misses:
            case.refuse(arriving(udp6(src=address, dport=100)), "no_flow")
            case.refuse(arriving(udp6(dst=address, dport=200)), "no_flow")
    return case


def rule_ranges():
    case = Case("rule_ranges", "port ranges include both ends; both ranges must hold", "RFC 768")
    case.flow("one", rule4(9, dst_ports=[1000, 1000]), [leg4(dst_port=7001)])
    case.flow("both", rule4(8, src_ports=[5000, 5999], dst_ports=[16384, 32767]),
              [leg4(dst_port=7002)])
    case.flow("ends", rule4(7, src_ports=[0, 0], dst_ports=[65535, 65535]), [leg4(dst_port=7003)])
    case.flow("six", rule6(1, src_ports=[5004, 5005], dst_ports=[30000, 30001]),
              [leg6(port="p2")])
    for sport, dport, flow, out in (
            (1, 1000, "one", 7001), (5000, 16384, "both", 7002), (5999, 32767, "both", 7002),
            (0, 65535, "ends", 7003), (5000, 1000, "one", 7001)):
        case.forward(arriving(udp4(sport=sport, dport=dport)), flow, [leaving(sent4(dport=out))])
    for sport, dport in ((1, 999), (1, 1001), (4999, 20000), (6000, 20000), (5500, 16383),
                         (5500, 32768), (1, 65535), (0, 65534)):
        case.refuse(arriving(udp4(sport=sport, dport=dport)), "no_flow")
    case.forward(arriving(udp6(sport=5005, dport=30001)), "six", [leaving(sent6(), "p2")])
    case.refuse(arriving(udp6(sport=5006, dport=30001)), "no_flow")
    return case


def rule_ports_and_vlans():
    case = Case("rule_ports_and_vlans", "a rule may name an ingress port and VLANs, or take any; "
                "VLAN 0 is untagged, which is not any", "IEEE 802.1Q 9.6", step=True)
    case.flow("port", rule4(60, port="p1"), [leg4(dst_port=7001)])
    case.flow("untagged", rule4(50, vlan=0, outer_vlan=0), [leg4(dst_port=7002)])
    case.flow("vlan", rule4(40, vlan=5, outer_vlan=0), [leg4(dst_port=7003)])
    case.flow("outer", rule4(30, outer_vlan=6), [leg4(dst_port=7004)])
    case.flow("rest", rule4(1), [leg4(dst_port=7005)])
    for port, outer, vlan, flow, dport in (
            ("p1", None, None, "port", 7001), ("p1", 6, 5, "port", 7001),
            ("p0", None, None, "untagged", 7002), ("p0", 0, 0, "untagged", 7002),
            ("p2", None, 5, "vlan", 7003), ("p0", 6, 5, "outer", 7004), ("p0", 6, None, "outer",
                                                                        7004),
            ("p0", None, 7, "rest", 7005), ("p2", 8, 5, "rest", 7005)):
        case.forward(arriving(udp4(data=b"where"), port, vlan=vlan, outer=outer), flow,
                     [leaving(sent4(b"where", dport=dport))], port=port)
    case.refuse(arriving(udp6(data=b"where")), "no_flow")
    return case


def rules_many():
    case = Case("rules_many", "200 rules, of which one or none is right", "RFC 1812 5.3.12")
    for i in range(200):
        case.flow(f"r{i}", rule4(1 + i % 7, src=f"192.0.2.{i}/32", dst_ports=[i, 2 * i]),
                  [leg4(dst_port=7000 + i)])
    for i in range(0, 200, 9):
        case.forward(arriving(udp4(src=f"192.0.2.{i}", dport=2 * i)), f"r{i}",
                     [leaving(sent4(dport=7000 + i))])
        case.refuse(arriving(udp4(src=f"192.0.2.{i}", dport=2 * i + 1)), "no_flow")
    return case


CASES = (martian_ipv4, martian_ipv6, martian_destination_multicast, martian_not_punted,
         three_stages, rule_priorities, rule_prefixes_ipv4, rule_prefixes_ipv6, rule_ranges,
         rule_ports_and_vlans, rules_many)
