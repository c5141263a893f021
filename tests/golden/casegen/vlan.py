# SPDX-License-Identifier: BSD-3-Clause
"""802.1Q: the VLAN is part of the match on the way in and of the leg on the way out."""

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
                "flows; a VLAN that none names has no flow, nor has the reserved id 4095")
    vlans = (None, 1, 2, 4094)
    for vlan in vlans:
        case.flow(f"vlan-{vlan}", match4(vlan=vlan), [leg4(vlan=vlan, dst_port=7000 + (vlan or 0))])
    for vlan in vlans:
        case.forward(arriving(udp4(data=b"x"), vlan=vlan), f"vlan-{vlan}",
                     [leaving(sent4(b"x", dport=7000 + (vlan or 0)), vlan=vlan)])
    case.refuse(arriving(udp4(data=b"x"), vlan=3), "no_flow")
    case.refuse(arriving(udp4(data=b"x"), vlan=4095), "no_flow")
    return case


CASES = (vlan_push, vlan_pop, vlan_rewrite, vlan_same, vlan_priority_bits, vlan_priority_tag,
         vlan_tells_flows_apart)
