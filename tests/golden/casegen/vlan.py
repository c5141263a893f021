# SPDX-License-Identifier: BSD-3-Clause
"""802.1Q and 802.1ad: up to two VLAN ids are part of the match on the way in and of the leg on the
way out."""

from .case import Case, leg4, leg6, match4, match6, sent4, sent6
from .frames import arriving, leaving, payload, udp4, udp6


def one_flow(name, why, vlan_in, vlan_out, prio=0):
    """An IPv4 and an IPv6 packet, from one VLAN to another; None is untagged."""
    case = Case(name, why, "IEEE 802.1Q 9.3")
    data = payload(33)
    case.flow("v4", match4(vlan=vlan_in), [leg4(vlan=vlan_out)])
    case.flow("v6", match6(vlan=vlan_in), [leg6(port="p2", vlan=vlan_out)])
    case.forward(arriving(udp4(data=data), vlan=vlan_in, prio=prio), "v4",
                 [leaving(sent4(data), vlan=vlan_out)])
    case.forward(arriving(udp6(data=data), vlan=vlan_in, prio=prio), "v6",
                 [leaving(sent6(data), "p2", vlan=vlan_out)])
    return case


def vlan_push():
    return one_flow("vlan_push", "an untagged packet leaves with the leg's tag", None, 100)


def vlan_pop():
    return one_flow("vlan_pop", "a tagged packet leaves untagged where the leg names no VLAN",
                    200, None)


def vlan_rewrite():
    return one_flow("vlan_rewrite", "a tagged packet leaves with the leg's VLAN id", 1, 4094)


def vlan_same():
    return one_flow("vlan_same", "in and out on one VLAN id", 4094, 4094)


def vlan_priority_bits():
    return one_flow("vlan_priority_bits", "the match looks at the VLAN id only; the tag that "
                    "leaves has priority 0 whatever came", 300, 301, prio=5)


def vlan_priority_tag():
    case = Case("vlan_priority_tag", "VLAN id 0 is a priority tag: the packet counts as untagged "
                "and leaves so", "IEEE 802.1Q 6.9")
    case.flow("v4", match4(), [leg4()])
    case.flow("v6", match6(vlan=0), [leg6(port="p2", vlan=0)])
    case.forward(arriving(udp4(data=b"prio"), vlan=0, prio=6), "v4", [leaving(sent4(b"prio"))])
    case.forward(arriving(udp6(data=b"prio"), vlan=0, prio=6), "v6",
                 [leaving(sent6(b"prio"), "p2")])
    return case


def vlan_tells_flows_apart():
    case = Case("vlan_tells_flows_apart", "flows that differ in nothing but the VLAN are different "
                "flows; a VLAN that none names has no flow, nor has the reserved id 4095",
                "IEEE 802.1Q 9.6")
    vlans = (None, 1, 2, 4094)
    for vlan in vlans:
        case.flow(f"vlan-{vlan}", match4(vlan=vlan), [leg4(vlan=vlan, dst_port=7000 + (vlan or 0))])
    for vlan in vlans:
        case.forward(arriving(udp4(data=b"x"), vlan=vlan), f"vlan-{vlan}",
                     [leaving(sent4(b"x", dport=7000 + (vlan or 0)), vlan=vlan)])
    case.refuse(arriving(udp4(data=b"x"), vlan=3), "no_flow")
    case.refuse(arriving(udp4(data=b"x"), vlan=4095), "no_flow")
    return case


def tags(name, why, came, left, rfc="IEEE 802.1Q 9.5"):
    """An IPv4 and an IPv6 packet, from one pair of VLAN ids to another: (outer, inner)."""
    case = Case(name, why, rfc)
    data = payload(45)
    match = {"outer_vlan": came[0], "vlan": came[1]}
    leg = {"outer_vlan": left[0], "vlan": left[1]}
    case.flow("v4", match4(**match), [leg4(**leg)])
    case.flow("v6", match6(**match), [leg6(port="p2", **leg)])
    at, to = {"outer": came[0], "vlan": came[1]}, {"outer": left[0], "vlan": left[1]}
    case.forward(arriving(udp4(data=data), **at), "v4", [leaving(sent4(data), **to)])
    case.forward(arriving(udp6(data=data), **at), "v6", [leaving(sent6(data), "p2", **to)])
    return case


def qinq_push():
    return tags("qinq_push", "an untagged packet leaves with a service tag and a customer tag",
                (None, None), (200, 100))


def qinq_pop():
    return tags("qinq_pop", "both tags are taken off", (200, 100), (None, None))


def qinq_push_outer():
    return tags("qinq_push_outer", "a service tag is put before the tag that came",
                (None, 100), (200, 100))


def qinq_pop_outer():
    return tags("qinq_pop_outer", "the service tag is taken off, the other stays",
                (200, 100), (None, 100))


def qinq_rewrite():
    return tags("qinq_rewrite", "both ids are rewritten", (1, 4094), (4094, 1))


def service_tag_alone():
    return tags("service_tag_alone", "a lone 802.1ad tag is an outer VLAN, coming and leaving",
                (300, None), (301, None))


def service_tag_to_customer_tag():
    return tags("service_tag_to_customer_tag", "an outer VLAN in, an inner one out: the TPID says "
                "which it is", (300, None), (None, 300))


def service_tag_from_customer_tag():
    return tags("service_tag_from_customer_tag", "and the other way round", (None, 300),
                (300, None))


def qinq_of_8100():
    case = Case("qinq_of_8100", "of two tags the outer one may carry TPID 8100, as it did before "
                "802.1ad; it leaves as 88a8", "IEEE 802.1Q 9.5")
    case.flow("v4", match4(outer_vlan=7, vlan=8), [leg4(outer_vlan=9, vlan=10)])
    frame = arriving(udp4(data=b"old"), vlan=8, outer=7)
    case.forward(frame[:12] + b"\x81\x00" + frame[14:], "v4",
                 [leaving(sent4(b"old"), vlan=10, outer=9)])
    return case


def qinq_priority():
    case = Case("qinq_priority", "priority bits are not matched nor carried over, and a tag with "
                "id 0 is none, in either place", "IEEE 802.1Q 6.9")
    case.flow("both", match4(outer_vlan=7, vlan=8), [leg4(outer_vlan=9, vlan=10)])
    case.flow("outer", match4(outer_vlan=7), [leg4(dst_port=7001)])
    case.flow("inner", match4(vlan=8), [leg4(dst_port=7002)])
    case.flow("none", match4(), [leg4(dst_port=7003)])
    datagram = udp4(data=b"prio")
    case.forward(arriving(datagram, vlan=8, outer=7, prio=5), "both",
                 [leaving(sent4(b"prio"), vlan=10, outer=9)])
    for flow, dport, vlans in (("outer", 7001, ((7, None), (7, 0))),
                               ("inner", 7002, ((None, 8), (0, 8))),
                               ("none", 7003, ((None, None), (0, None), (None, 0), (0, 0)))):
        for outer, vlan in vlans:
            case.forward(arriving(datagram, vlan=vlan, outer=outer, prio=3), flow,
                         [leaving(sent4(b"prio", dport=dport))])
    return case


def qinq_tells_flows_apart():
    case = Case("qinq_tells_flows_apart", "flows that differ in the outer or the inner VLAN only "
                "are different flows, and swapped ids are others", "IEEE 802.1Q 9.6")
    pairs = ((None, 5), (5, None), (5, 5), (5, 6), (6, 5), (4094, 1))
    for i, (outer, vlan) in enumerate(pairs):
        case.flow(f"f{i}", match4(outer_vlan=outer, vlan=vlan), [leg4(dst_port=7000 + i)])
    for i, (outer, vlan) in enumerate(pairs):
        case.forward(arriving(udp4(data=b"x"), vlan=vlan, outer=outer), f"f{i}",
                     [leaving(sent4(b"x", dport=7000 + i))])
    for outer, vlan in ((None, None), (6, 6), (5, 7), (1, 4094), (4095, 5), (None, 6)):
        case.refuse(arriving(udp4(data=b"x"), vlan=vlan, outer=outer), "no_flow")
    return case


def qinq_replicas():
    case = Case("qinq_replicas", "copies of one packet with no, one and two tags, payload shared "
                "or whole; tags do not count against the MTU", "IEEE 802.1Q 9.5, G.2")
    case.flow("f", match4(outer_vlan=3, vlan=4), [
        leg4(), leg4(vlan=1), leg4(outer_vlan=2), leg4(outer_vlan=2, vlan=1),
        leg4(port="p2", outer_vlan=4094, vlan=4093)])
    for data in (b"short", payload(700), payload(1472)):
        sent = sent4(data)
        case.forward(arriving(udp4(data=data), vlan=4, outer=3), "f", [
            leaving(sent), leaving(sent, vlan=1), leaving(sent, outer=2),
            leaving(sent, outer=2, vlan=1), leaving(sent, "p2", outer=4094, vlan=4093)])
    return case


CASES = (vlan_push, vlan_pop, vlan_rewrite, vlan_same, vlan_priority_bits, vlan_priority_tag,
         vlan_tells_flows_apart, qinq_push, qinq_pop, qinq_push_outer, qinq_pop_outer, qinq_rewrite,
         service_tag_alone, service_tag_to_customer_tag, service_tag_from_customer_tag,
         qinq_of_8100, qinq_priority, qinq_tells_flows_apart, qinq_replicas)
