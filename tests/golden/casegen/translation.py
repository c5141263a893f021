# SPDX-License-Identifier: BSD-3-Clause
"""Legs of the other family: RFC 7915, as far as it speaks of UDP."""

from .case import (Case, leg4, leg6, listener4, listener6, match4, match6, sent4, sent6)
from .frames import arriving, leaving, payload, translated, udp4, udp6
from .headers import data_that_sums_to_zero
from .relay import with_surplus

RFC = "RFC 7915 4.1, 5.1"


def to4(data=b"", ip=None, **fields):
    """What leg4() makes of an IPv6 datagram."""
    return translated(sent4(data, ip=ip, **fields))


def translate(name, why, rfc, pairs, **leg):
    """`pairs` of ((data, IPv4 fields, IPv6 fields) coming, the same leaving); None keeps data."""
    case = Case(name, why, rfc)
    case.flow("4to6", match4(), [leg6(**leg)])
    case.flow("6to4", match6(), [leg4(port="p2", **leg)])
    for data, came4, left6, came6, left4 in pairs:
        case.forward(arriving(udp4(data=data, ip=came4)), "4to6",
                     [leaving(sent6(data, ip=left6), vlan=leg.get("vlan"),
                              outer=leg.get("outer_vlan"))])
        case.forward(arriving(udp6(data=data, ip=came6)), "6to4",
                     [leaving(to4(data, ip=left4), "p2", vlan=leg.get("vlan"),
                              outer=leg.get("outer_vlan"))])
    return case


def translate_lengths():
    return translate("translate_lengths", "empty, odd, even and long payloads; the IPv6 length "
                     "does not count the header, the IPv4 one does", RFC,
                     [(payload(n), {}, {}, {}, {})
                      for n in (0, 1, 2, 33, 200, 1023, 1231, 1232, 1233, 1452)])


def translate_fields():
    fields = [(b"tos", {"tos": tos}, {"tc": tos, "fl": 0}, {"tc": tos, "fl": 0xFFFFF}, {"tos": tos})
              for tos in (0, 1, 0x2E << 2, 0xFF)]
    hops = [(b"ttl", {"ttl": ttl}, {"hlim": ttl - 1}, {"hlim": ttl}, {"ttl": ttl - 1})
            for ttl in (2, 64, 128, 255)]
    idents = [(b"id", {"id": ident, "flags": flags}, {}, {}, {})
              for ident, flags in ((0, 0), (0xFFFF, "DF"), (7, "evil"))]
    return translate("translate_fields", "TOS and traffic class, TTL and hop limit carry over; "
                     "identification, flags and flow label do not", RFC, fields + hops + idents)


def translate_settings():
    return translate("translate_settings", "a leg's DSCP, TTL and VLANs are set as always, and ECN "
                     "is kept", "RFC 7915 4.1, RFC 3168 5",
                     [(b"set", {"tos": 0x13, "ttl": 1}, {"tc": 46 << 2 | 3, "hlim": 9},
                       {"tc": 0x12, "hlim": 0}, {"tos": 46 << 2 | 2, "ttl": 9})],
                     dscp=46, ttl=9, vlan=100, outer_vlan=200)


def translate_listener():
    case = Case("translate_listener", "a listener translates, whatever source it was; tags that "
                "came are gone", RFC)
    case.flow("4to6", listener4(vlan=3), [leg6()])
    case.flow("6to4", listener6(outer_vlan=4, vlan=3), [leg4(port="p2")])
    for i, (four, six) in enumerate((("192.0.2.77", "2001:db8::abcd:1"),
                                     ("203.0.113.250", "2001:db8:ffff::1"))):
        data = payload(31, seed=i)
        case.forward(arriving(udp4(src=four, sport=999 * i + 1, data=data), vlan=3), "4to6",
                     [leaving(sent6(data))])
        case.forward(arriving(udp6(src=six, sport=65535 - i, data=data), vlan=3, outer=4), "6to4",
                     [leaving(to4(data), "p2")])
    return case


def translate_no_checksum():
    case = Case("translate_no_checksum", "an IPv4 datagram without UDP checksum gets one when it "
                "leaves over IPv6, of all lengths; other legs keep it without",
                "RFC 8200 8.1, RFC 6936")
    case.flow("one", match4(), [leg6()])
    case.flow("legs", match4(dst_port=30002), [leg6(), leg4(port="p2"), leg6(dst_port=7000)])
    none = {"chksum": 0}
    for n_bytes in (0, 1, 2, 77, 700, 1001, 1452):
        case.forward(arriving(udp4(data=payload(n_bytes), udp=none)), "one",
                     [leaving(sent6(payload(n_bytes)))])
    for n_bytes in (0, 1, 64, 700, 701):
        data = payload(n_bytes)
        case.forward(arriving(udp4(dport=30002, data=data, udp=none)), "legs",
                     [leaving(sent6(data)), leaving(sent4(data, udp=none), "p2"),
                      leaving(sent6(data, dport=7000))])
    return case


def translate_checksum_ffff():
    case = Case("translate_checksum_ffff", "a checksum that comes out as 0, updated or computed, "
                "leaves as ffff; one that came as ffff is one like others", "RFC 768, RFC 8200 8.1")
    case.flow("4to6", match4(), [leg6()])
    case.flow("6to4", match6(), [leg4(port="p2")])
    data = data_that_sums_to_zero(sent6)
    case.forward(arriving(udp4(data=data)), "4to6", [leaving(sent6(data))])
    case.forward(arriving(udp4(data=data, udp={"chksum": 0})), "4to6", [leaving(sent6(data))])
    data = data_that_sums_to_zero(lambda data: udp4(data=data))
    case.forward(arriving(udp4(data=data)), "4to6", [leaving(sent6(data))])
    data = data_that_sums_to_zero(to4)
    case.forward(arriving(udp6(data=data)), "6to4", [leaving(to4(data), "p2")])
    data = data_that_sums_to_zero(lambda data: udp6(data=data))
    case.forward(arriving(udp6(data=data)), "6to4", [leaving(to4(data), "p2")])
    return case


def translate_corrupt():
    case = Case("translate_corrupt", "damage that came is still damage in the other family",
                "RFC 1624", corrupt=True)
    case.flow("4to6", match4(), [leg6(), leg4(port="p2")])
    case.flow("6to4", match6(), [leg4(port="p2"), leg6()])

    def damaged(frame):
        return frame[:-1] + b"?"

    data = payload(30)
    case.forward(damaged(arriving(udp4(data=data))), "4to6",
                 [damaged(leaving(sent6(data))), damaged(leaving(sent4(data), "p2"))])
    case.forward(damaged(arriving(udp6(data=data))), "6to4",
                 [damaged(leaving(to4(data), "p2")), damaged(leaving(sent6(data)))])
    return case


def translate_surplus():
    case = Case("translate_surplus", "bytes behind UDP travel on, and are no part of a checksum "
                "that is computed", "RFC 768, RFC 8200 8.1")
    case.flow("f", match4(), [leg6()])
    surplus = b"\x01\x02\x03\x04\x05"

    for data in (b"even", b"odd"):
        for udp in (None, {"chksum": 0}):
            case.forward(arriving(with_surplus(udp4(data=data, udp=udp), surplus)), "f",
                         [leaving(with_surplus(sent6(data), surplus))])
    return case


def translate_too_long():
    case = Case("translate_too_long", "a datagram that is 20 bytes longer after translation has to "
                "fit the MTU as it leaves; other legs are not concerned", "RFC 7915 4.1")
    case.flow("4to6", match4(), [leg6()])
    case.flow("6to4", match6(), [leg4(port="p2")])
    case.flow("legs", match4(dst_port=30002), [leg6(), leg4(port="p2"), leg6(ttl=9)])
    fits = payload(1480 - 28)
    case.forward(arriving(udp4(data=fits)), "4to6", [leaving(sent6(fits))])
    case.forward(arriving(udp4(data=fits + b"1")), "4to6", ["too_long"])
    case.forward(arriving(udp4(data=payload(1500 - 28))), "4to6", ["too_long"])
    case.forward(arriving(udp4(dport=30002, data=fits)), "legs",
                 [leaving(sent6(fits)), leaving(sent4(fits), "p2"),
                  leaving(sent6(fits, ip={"hlim": 9}))])
    case.forward(arriving(udp4(dport=30002, data=fits + b"1")), "legs",
                 ["too_long", leaving(sent4(fits + b"1"), "p2"), "too_long"])
    longest = payload(1500 - 48)
    case.forward(arriving(udp6(data=longest)), "6to4", [leaving(to4(longest), "p2")])
    case.forward(arriving(udp6(data=longest + bytes(20))), "6to4",
                 [leaving(to4(longest + bytes(20)), "p2")])
    case.forward(arriving(udp6(data=longest + bytes(21))), "6to4", ["too_long"])
    return case


def translate_dropped():
    case = Case("translate_dropped", "TTL, hop limit and next hops as without translation",
                "RFC 7915 4.1, 5.1")
    case.flow("4to6", match4(), [leg6(), leg6(mac=None)])
    case.flow("6to4", match6(), [leg4(mac=None), leg4(port="p2")])
    for ttl in (0, 1):
        case.forward(arriving(udp4(ip={"ttl": ttl})), "4to6", ["ttl_expired", "unresolved"])
        case.forward(arriving(udp6(ip={"hlim": ttl})), "6to4", ["unresolved", "ttl_expired"])
    case.forward(arriving(udp4(ip={"ttl": 2})), "4to6", [leaving(sent6(ip={"hlim": 1})),
                                                         "unresolved"])
    return case


def translate_replicas(name, why, n_bytes):
    case = Case(name, why, "RFC 7915 4.1, 5.1, RFC 7667 3.5.1")
    case.flow("v4", match4(), [leg4(), leg6(port="p2"), leg4(dst_port=7001, dscp=8),
                               leg6(port="p2", dst_port=7002, vlan=5)])
    case.flow("v6", match6(), [leg4(port="p2"), leg6(), leg4(port="p2", dst_port=7001, ttl=7),
                               leg6(dst_port=7002)])
    case.flow("last4", match6(dst_port=30002), [leg6(), leg4()])
    for seed in range(3):
        data = payload(n_bytes, seed)
        case.at(seed)
        case.forward(arriving(udp4(data=data)), "v4", [
            leaving(sent4(data)), leaving(sent6(data), "p2"),
            leaving(sent4(data, dport=7001, ip={"tos": 32})),
            leaving(sent6(data, dport=7002), "p2", vlan=5)])
        case.at(seed)
        case.forward(arriving(udp6(data=data)), "v6", [
            leaving(to4(data), "p2"), leaving(sent6(data)),
            leaving(to4(data, dport=7001, ip={"ttl": 7}), "p2"), leaving(sent6(data, dport=7002))])
        case.forward(arriving(udp6(dport=30002, data=data)), "last4",
                     [leaving(sent6(data)), leaving(to4(data))])
    return case


def translate_replicas_shared():
    return translate_replicas("translate_replicas_shared", "one packet leaves in both families; "
                              "the payload is shared between them", 901)


def translate_replicas_whole():
    return translate_replicas("translate_replicas_whole", "the same where each copy is whole", 51)


def translate_stack():
    case = Case("translate_stack", "translated and tagged twice, there is still room before what "
                "came untagged, original and copies alike", "RFC 7915 4.1, IEEE 802.1Q 9.5")
    legs = [leg6(outer_vlan=1 + i, vlan=2 + i) for i in range(3)]
    case.flow("f", match4(), legs)
    for n_bytes in (1, 700, 1452):
        data = payload(n_bytes)
        case.forward(arriving(udp4(data=data)), "f",
                     [leaving(sent6(data), outer=1 + i, vlan=2 + i) for i in range(3)])
    return case


CASES = (translate_lengths, translate_fields, translate_settings, translate_listener,
         translate_no_checksum, translate_checksum_ffff, translate_corrupt, translate_surplus,
         translate_too_long, translate_dropped, translate_replicas_shared,
         translate_replicas_whole, translate_stack)
