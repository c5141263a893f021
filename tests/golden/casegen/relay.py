# SPDX-License-Identifier: BSD-3-Clause
"""One packet in, one packet out: both families, every length, and which flow it is."""

from .case import Case, leg4, leg6, listener4, listener6, match4, match6, sent4, sent6
from .frames import (EGRESS_PORT, LOCAL6, RECEIVER_PORT, arriving, leaving, padded, payload, udp4,
                     udp6)


def relay_ipv4():
    case = Case("relay_ipv4", "a datagram of a flow leaves with the addresses, ports and link "
                "layer of the leg, one hop older, its payload untouched", "RFC 1812 5.2")
    case.flow("f", match4(), [leg4()])
    case.forward(arriving(udp4(data=payload(160))), "f", [leaving(sent4(payload(160)))])
    return case


def relay_ipv6():
    case = Case("relay_ipv6", "the same for IPv6, whose header has no checksum and whose UDP "
                "checksum covers the rewritten addresses", "RFC 8200 8.1")
    case.flow("f", match6(), [leg6()])
    case.forward(arriving(udp6(data=payload(160))), "f", [leaving(sent6(payload(160)))])
    return case


def relay_both_families():
    case = Case("relay_both_families", "one burst may carry both families; each finds its own "
                "table and keeps its order", "RFC 7667 3.2.1.1")
    case.flow("v4", match4(), [leg4()])
    case.flow("v6", match6(), [leg6(port="p2")])
    for i in range(20):
        data = payload(20 + i, seed=i)
        case.forward(arriving(udp4(data=data)), "v4", [leaving(sent4(data))])
        case.forward(arriving(udp6(data=data)), "v6", [leaving(sent6(data), "p2")])
    return case


def relay_back_to_ingress():
    case = Case("relay_back_to_ingress", "a leg may leave by the port that the packet came from",
                "RFC 7667 3.2.1.1")
    case.flow("f", match4(), [leg4(port="p0")])
    case.forward(arriving(udp4(data=b"hairpin")), "f", [leaving(sent4(b"hairpin"), "p0")])
    return case


def relay_bursts():
    case = Case("relay_bursts", "300 packets are more than a receive burst and more than a "
                "transmit stage: all leave, in order", "RFC 7667 3.2.1.1")
    case.flow("f", match4(), [leg4()])
    for i in range(300):
        data = i.to_bytes(2, "big")
        case.forward(arriving(udp4(data=data)), "f", [leaving(sent4(data))])
    return case


def payload_lengths():
    case = Case("payload_lengths", "empty, odd and even payloads are relayed with correct "
                "checksums in both families", "RFC 1071")
    case.flow("v4", match4(), [leg4()])
    case.flow("v6", match6(), [leg6(port="p2")])
    for n_bytes in (0, 1, 2, 3, 17, 18, 19, 255, 1023):
        data = payload(n_bytes)
        case.forward(arriving(udp4(data=data)), "v4", [leaving(sent4(data))])
        case.forward(arriving(udp6(data=data)), "v6", [leaving(sent6(data), "p2")])
    return case


def largest_frame():
    case = Case("largest_frame", "a datagram as long as the MTU passes, also with a VLAN tag in "
                "front of it: the tag does not count", "RFC 894, IEEE 802.1Q G.2")
    case.flow("plain", match4(), [leg4()])
    case.flow("tagged", match4(vlan=7), [leg4(vlan=9)])
    case.flow("v6", match6(), [leg6(port="p2")])
    data = payload(1500 - 28)
    case.forward(arriving(udp4(data=data)), "plain", [leaving(sent4(data))])
    case.forward(arriving(udp4(data=data), vlan=7), "tagged", [leaving(sent4(data), vlan=9)])
    data = payload(1500 - 48)
    case.forward(arriving(udp6(data=data)), "v6", [leaving(sent6(data), "p2")])
    return case


def padding_trimmed():
    case = Case("padding_trimmed", "what follows the datagram in a short frame is Ethernet "
                "padding: it is neither sent on nor counted as datagram", "RFC 894")
    case.flow("v4", match4(), [leg4()])
    case.flow("v6", match6(), [leg6(port="p2")])
    case.flow("tagged", match4(vlan=5), [leg4(vlan=5)])
    for data in (b"", b"a", b"four"):
        case.forward(padded(arriving(udp4(data=data))), "v4", [leaving(sent4(data))])
        case.forward(padded(arriving(udp4(data=data), vlan=5)), "tagged",
                     [leaving(sent4(data), vlan=5)])
        case.forward(padded(arriving(udp6(data=data)), 80), "v6", [leaving(sent6(data), "p2")])
    return case


def with_surplus(datagram, surplus):
    """A datagram whose IP payload is longer than its UDP says."""
    longer = datagram.__class__(bytes(datagram))
    if longer.version == 6:
        longer.plen += len(surplus)
    else:
        longer.len += len(surplus)
        del longer.chksum
    return longer / surplus


def udp_surplus_kept():
    case = Case("udp_surplus_kept", "bytes between the end of UDP and the end of IP belong to the "
                "datagram, not to the padding: they travel on", "RFC 768")
    case.flow("f", match4(), [leg4()])
    surplus = b"\x01\x02\x03\x04"
    case.forward(arriving(with_surplus(udp4(data=b"media"), surplus)), "f",
                 [leaving(with_surplus(sent4(b"media"), surplus))])
    return case


def listener_two_sources():
    case = Case("listener_two_sources", "a listener takes packets of any source, and the checksum "
                "follows whichever source it was", "RFC 7362 4")
    case.flow("v4", listener4(), [leg4()])
    case.flow("v6", listener6(), [leg6(port="p2")])
    for i, source in enumerate(("192.0.2.77", "203.0.113.250")):
        data = payload(21, seed=i)
        case.forward(arriving(udp4(src=source, sport=1 + 999 * i, data=data)), "v4",
                     [leaving(sent4(data))])
    for i, source in enumerate(("2001:db8:ffff::1", "2001:db8::abcd:1")):
        data = payload(21, seed=i)
        case.forward(arriving(udp6(src=source, sport=65535 - i, data=data)), "v6",
                     [leaving(sent6(data), "p2")])
    return case


def exact_before_listener():
    case = Case("exact_before_listener", "where an exact flow and a listener both match, the exact "
                "one wins; other sources are the listener's", "RFC 7362 4")
    case.flow("any", listener4(), [leg4(port="p2")])
    case.flow("exact", match4(), [leg4()])
    case.forward(arriving(udp4(data=b"exact")), "exact", [leaving(sent4(b"exact"))])
    case.forward(arriving(udp4(sport=5005, data=b"port")), "any", [leaving(sent4(b"port"), "p2")])
    case.forward(arriving(udp4(src="192.0.2.11", data=b"addr")), "any",
                 [leaving(sent4(b"addr"), "p2")])
    return case


def exact_source_port_zero():
    case = Case("exact_source_port_zero", "a sender that uses no source port has port 0, which is "
                "matched exactly: its other ports are the listener's", "RFC 768")
    case.flow("any", listener4(), [leg4(port="p2")])
    case.flow("exact", match4(src_port=0), [leg4()])
    case.flow("any6", listener6(), [leg6(port="p2")])
    case.flow("exact6", match6(src_port=0), [leg6()])
    case.forward(arriving(udp4(sport=0, data=b"zero")), "exact", [leaving(sent4(b"zero"))])
    case.forward(arriving(udp4(data=b"port")), "any", [leaving(sent4(b"port"), "p2")])
    case.forward(arriving(udp4(src="192.0.2.11", sport=0, data=b"addr")), "any",
                 [leaving(sent4(b"addr"), "p2")])
    case.forward(arriving(udp6(sport=0, data=b"zero")), "exact6", [leaving(sent6(b"zero"))])
    case.forward(arriving(udp6(data=b"port")), "any6", [leaving(sent6(b"port"), "p2")])
    return case


def listener_is_local():
    case = Case("listener_is_local", "a listener is bound to its port, VLAN, address and UDP port; "
                "what misses one of them has no flow", "RFC 1122 3.2.1.3")
    case.flow("any", listener4(), [leg4()])
    case.forward(arriving(udp4(data=b"yes")), "any", [leaving(sent4(b"yes"))])
    case.refuse(arriving(udp4(data=b"no")), "no_flow", port="p1")
    case.refuse(arriving(udp4(data=b"no"), vlan=3), "no_flow")
    case.refuse(arriving(udp4(dst="192.0.2.2", data=b"no")), "no_flow")
    case.refuse(arriving(udp4(dport=30001, data=b"no")), "no_flow")
    case.refuse(arriving(udp6(data=b"no")), "no_flow")
    return case


def flows_differ_in_port():
    case = Case("flows_differ_in_port", "two flows that differ in nothing but the ingress port are "
                "two flows", "RFC 1812 5.2")
    case.flow("p0", match4(), [leg4(port="p2", dst_port=7000)])
    case.flow("p1", match4(port="p1"), [leg4(port="p2", dst_port=7001)])
    for port, dport in (("p0", 7000), ("p1", 7001)):
        case.forward(arriving(udp4(data=b"in"), port), port,
                     [leaving(sent4(b"in", dport=dport), "p2")], port=port)
    case.refuse(arriving(udp4(data=b"in"), "p2"), "no_flow", port="p2")
    return case


def same_rewrite():
    case = Case("same_rewrite", "a leg that sends what came, byte for byte but for TTL and link "
                "layer, leaves the UDP checksum as it is", "RFC 1624")
    case.flow("v4", match4(), [leg4(src=match4()["src"], dst=match4()["dst"],
                                    src_port=5004, dst_port=30000)])
    case.flow("v6", match6(), [leg6(port="p2", dst=LOCAL6)])
    case.forward(arriving(udp4(data=b"same")), "v4",
                 [leaving(udp4(data=b"same", ip={"ttl": 63}))])
    case.forward(arriving(udp6(data=b"same")), "v6",
                 [leaving(sent6(b"same", dst=LOCAL6, sport=EGRESS_PORT, dport=RECEIVER_PORT),
                          "p2")])
    return case


CASES = (relay_ipv4, relay_ipv6, relay_both_families, relay_back_to_ingress, relay_bursts,
         payload_lengths, largest_frame, padding_trimmed, udp_surplus_kept, listener_two_sources,
         exact_before_listener, exact_source_port_zero, listener_is_local, flows_differ_in_port,
         same_rewrite)
