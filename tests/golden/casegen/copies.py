# SPDX-License-Identifier: BSD-3-Clause
"""Flows of several legs, up to as many as a flow may have, and every reason for which one leg's
copy is not sent while the others are."""

from .case import Case, leg4, leg6, listener6, match4, match6, sent4, sent6
from .frames import arriving, leaving, payload, udp4, udp6

# Smallest pool that DPDK makes with the data plane's cache of mbufs.
POOL_MIN = 384
TX_RING = 4
TX_RING_ROOM = TX_RING - 1 # a DPDK ring keeps one place free


def receiver4(i):
    return f"198.51.100.{20 + i}"


def receiver6(i):
    return f"2001:db8:2::{0x20 + i:x}"


def mac(i):
    return f"02:00:00:00:40:{i:02x}"


def fan_out(name, why, n_legs, n_packets, n_bytes, listener=False):
    """n_legs receivers behind p1 (IPv4) and p2 (IPv6), each with an address of its own."""
    case = Case(name, why, "RFC 7667 3.5.1")
    key4 = {"src": None, "src_port": None} if listener else {}
    case.flow("v4", match4(**key4), [leg4(dst=receiver4(i), mac=mac(i)) for i in range(n_legs)])
    case.flow("v6", match6(**key4), [leg6(port="p2", dst=receiver6(i), mac=mac(i))
                                     for i in range(n_legs)])
    for packet in range(n_packets):
        data = payload(n_bytes, seed=packet)
        case.forward(arriving(udp4(data=data)), "v4",
                     [leaving(sent4(data, dst=receiver4(i)), mac=mac(i)) for i in range(n_legs)])
        case.forward(arriving(udp6(data=data)), "v6",
                     [leaving(sent6(data, dst=receiver6(i)), "p2", mac(i)) for i in range(n_legs)])
    return case


def legs_2():
    return fan_out("legs_2", "two legs: two copies of each packet, payload by reference but for "
                   "the last leg's", 2, 3, 700)


def legs_3():
    return fan_out("legs_3", "three legs, odd payload", 3, 2, 701)


def legs_64():
    return fan_out("legs_64", "64 legs of either family", 64, 1, 32)


def legs_small():
    return fan_out("legs_small", "what is short is copied whole to each leg, last leg or not: no "
                   "frame that leaves refers to another's payload", 5, 2, 64)


def fan_out_large(name, why, n_legs, n_bytes):
    """n_legs receivers on ports of one host, half of them behind p1, the others behind p2."""
    case = Case(name, why, "RFC 7667 3.5.1", compact=True)
    half = n_legs // 2
    case.flow("f", match4(), [leg4(dst_port=2000, times=half),
                              leg4(port="p2", dst_port=20000, times=n_legs - half)])
    data = payload(n_bytes)
    case.forward(arriving(udp4(data=data)), "f",
                 [leaving(sent4(data, dport=2000 + i)) for i in range(half)]
                 + [leaving(sent4(data, dport=20000 + i), "p2") for i in range(n_legs - half)])
    return case


def legs_1000():
    return fan_out_large("legs_1000", "a thousand legs share one payload", 1000, 640)


def legs_4096():
    return fan_out_large("legs_4096", "as many legs as a flow may have", 4096, 600)


def legs_4096_small():
    return fan_out_large("legs_4096_small", "as many legs as a flow may have, each with a copy of "
                         "its own", 4096, 20)


def legs_bursts():
    return fan_out("legs_bursts", "40 packets to 3 legs: more than a receive burst and more than a "
                   "transmit stage, in order", 3, 40, 20)


def legs_of_listener():
    return fan_out("legs_of_listener", "a listener replicates too; each leg's checksum follows the "
                   "source that came", 3, 2, 19, listener=True)


def legs_empty_payload():
    return fan_out("legs_empty_payload", "a datagram without payload has nothing to share: the "
                   "copies are whole", 3, 2, 0)


def legs_largest():
    return fan_out("legs_largest", "the longest payload, shared", 2, 1, 1452)


def legs_ports_and_vlans():
    case = Case("legs_ports_and_vlans", "legs of one flow to different ports and VLANs, and with "
                "headers that differ in every field a leg may set", "RFC 7667 3.5.1")
    case.flow("f", match4(vlan=10), [
        leg4(port="p0", vlan=11),
        leg4(dst_port=7001, dscp=46),
        leg4(dst_port=7002, vlan=4094, ttl=200),
        leg4(port="p2", src="203.0.113.1", src_port=1, dst="203.0.113.2", dst_port=65535, dscp=0),
        leg4(port="p2", vlan=1, mac=mac(9)),
    ])
    for data in (b"one", payload(600)):
        case.forward(arriving(udp4(data=data, ip={"tos": 0x29}), vlan=10), "f", [
            leaving(sent4(data, ip={"tos": 0x29}), "p0", vlan=11),
            leaving(sent4(data, dport=7001, ip={"tos": 46 << 2 | 1})),
            leaving(sent4(data, dport=7002, ip={"tos": 0x29, "ttl": 200}), vlan=4094),
            leaving(sent4(data, src="203.0.113.1", sport=1, dst="203.0.113.2", dport=65535,
                          ip={"tos": 1}), "p2"),
            leaving(sent4(data, ip={"tos": 0x29}), "p2", mac(9), vlan=1),
        ])
    return case


def legs_no_checksum():
    case = Case("legs_no_checksum", "no leg invents a UDP checksum where there was none", "RFC 768")
    case.flow("f", match4(), [leg4(), leg4(dst=receiver4(1)), leg4(dst=receiver4(2))])
    none = {"chksum": 0}
    case.forward(arriving(udp4(data=b"bare", udp=none)), "f",
                 [leaving(sent4(b"bare", udp=none))]
                 + [leaving(sent4(b"bare", dst=receiver4(i), udp=none)) for i in (1, 2)])
    return case


def legs_corrupt():
    case = Case("legs_corrupt", "damage that came reaches each receiver as damage", "RFC 1624",
                corrupt=True)
    case.flow("f", match4(), [leg4(), leg4(dst=receiver4(1))])

    def damaged(frame):
        return frame[:-1] + b"?"

    data = payload(30)
    case.forward(damaged(arriving(udp4(data=data))), "f",
                 [damaged(leaving(sent4(data))), damaged(leaving(sent4(data, dst=receiver4(1))))])
    return case


def legs_some_dropped():
    case = Case("legs_some_dropped", "a leg that cannot send does not stop the others, be it the "
                "first, one between or the last", "RFC 7667 3.5.1")
    legs = [leg4(mac=None), leg4(), leg4(port="p2", mac=None), leg4(dst_port=7000, ttl=9)]
    case.flow("first", match4(), legs)
    case.flow("last", match4(dst_port=30002), [leg4(ttl=9), leg4(), leg4(port="p2", mac=None)])
    data = payload(50)
    for ttl in (64, 1):
        alive = ttl > 1
        copy = leaving(sent4(data)) if alive else "ttl_expired"
        case.forward(arriving(udp4(data=data, ip={"ttl": ttl})), "first",
                     ["unresolved", copy, "unresolved",
                      leaving(sent4(data, dport=7000, ip={"ttl": 9}))])
        case.forward(arriving(udp4(dport=30002, data=data, ip={"ttl": ttl})), "last",
                     [leaving(sent4(data, ip={"ttl": 9})), copy, "unresolved"])
    return case


def legs_all_dropped():
    case = Case("legs_all_dropped", "a flow none of whose legs can send counts every copy as "
                "dropped and keeps no buffer", "RFC 7667 3.5.1")
    case.flow("v4", match4(), [leg4(mac=None)] * 3)
    case.flow("v6", match6(), [leg6(port="p2", mac=None)] * 2)
    for i in range(3):
        case.forward(arriving(udp4(data=payload(i))), "v4", ["unresolved"] * 3)
        case.forward(arriving(udp6(data=payload(i))), "v6", ["unresolved"] * 2)
    return case


def unresolved():
    case = Case("unresolved", "a next hop whose link-layer address is not known gets nothing, and "
                "the drop is the egress port's and the leg's", "RFC 1122 2.3.2.2")
    case.flow("v4", match4(), [leg4(mac=None)])
    case.flow("v6", listener6(), [leg6(port="p2", mac=None)])
    case.forward(arriving(udp4(data=b"whom")), "v4", ["unresolved"])
    case.forward(arriving(udp6(data=b"whom")), "v6", ["unresolved"])
    return case


def too_long():
    case = Case("too_long", "what does not fit the egress MTU is dropped by name, a byte more is "
                "enough; nothing is fragmented", "RFC 791 3.2, RFC 8200 5")
    case.flow("v4", match4(), [leg4()])
    case.flow("v6", match6(), [leg6(port="p2")])
    case.flow("legs", match4(dst_port=30002), [leg4(), leg4(port="p2")])
    fits = payload(1500 - 28)
    case.forward(arriving(udp4(data=payload(1500 - 27))), "v4", ["too_long"])
    case.forward(arriving(udp6(data=payload(1500 - 47))), "v6", ["too_long"])
    case.forward(arriving(udp4(dport=30002, data=payload(1500 - 27))), "legs", ["too_long"] * 2)
    case.forward(arriving(udp4(data=fits)), "v4", [leaving(sent4(fits))])
    return case


def tx_full():
    case = Case("tx_full", "what an egress queue does not take is dropped by name, on the port and "
                "on the leg; what it took has left", "RFC 1812 5.3.6", tx_ring=TX_RING)
    case.flow("one", match4(), [leg4()])
    case.flow("legs", match6(), [leg6(port="p2", dst=receiver6(i)) for i in range(2)])
    for packet in range(10):
        data = payload(packet)
        case.forward(arriving(udp4(data=data)), "one",
                     [leaving(sent4(data)) if packet < TX_RING_ROOM else "tx_full"])
        case.forward(arriving(udp6(data=data)), "legs",
                     [leaving(sent6(data, dst=receiver6(i)), "p2")
                      if 2 * packet + i < TX_RING_ROOM else "tx_full" for i in range(2)])
    return case


def port_down():
    case = Case("port_down", "a copy to a port without a link is dropped by name, on the port and "
                "on the leg; other legs of the same packet are sent", "RFC 2863 3.1.13",
                down=("p1",))
    case.flow("v4", match4(), [leg4()])
    case.flow("v6", match6(), [leg6()])
    case.flow("legs", match4(dst_port=30002), [leg4(), leg4(port="p2")])
    case.flow("whom", match4(dst_port=30003), [leg4(mac=None)])
    data = payload(9)
    case.forward(arriving(udp4(data=data)), "v4", ["port_down"])
    case.forward(arriving(udp6(data=data)), "v6", ["port_down"])
    case.forward(arriving(udp4(dport=30002, data=data)), "legs",
                 ["port_down", leaving(sent4(data), "p2")])
    case.forward(arriving(udp4(dport=30003, data=data)), "whom", ["port_down"])
    return case


def out_of_buffers(name, why, n_bytes):
    n_legs = 64
    case = Case(name, why, "RFC 1812 5.3.6", packet_buffers=POOL_MIN, compact=True)
    case.flow("f", match4(), [leg4(dst=receiver4(i)) for i in range(n_legs)])
    left, data = POOL_MIN, payload(n_bytes)
    for _ in range(POOL_MIN // (n_legs - 1) + 3):
        copies = min(left, n_legs - 1)
        left -= copies
        case.forward(arriving(udp4(data=data)), "f",
                     [leaving(sent4(data, dst=receiver4(i))) for i in range(copies)]
                     + ["no_buffer"] * (n_legs - 1 - copies)
                     + [leaving(sent4(data, dst=receiver4(n_legs - 1)))])
    return case


def no_buffer():
    return out_of_buffers("no_buffer", "a copy for which no buffer is left is dropped by name; the "
                          "last leg needs none and goes on", 8)


def no_buffer_shared():
    return out_of_buffers("no_buffer_shared", "the same where copies would share the payload: what "
                          "cannot be made leaves no reference behind", 700)


CASES = (legs_2, legs_3, legs_64, legs_small, legs_1000, legs_4096, legs_4096_small, legs_bursts,
         legs_of_listener, legs_empty_payload, legs_largest, legs_ports_and_vlans, legs_no_checksum,
         legs_corrupt, legs_some_dropped, legs_all_dropped, unresolved, too_long, tx_full,
         port_down, no_buffer, no_buffer_shared)
