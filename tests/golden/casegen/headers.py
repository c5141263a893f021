# SPDX-License-Identifier: BSD-3-Clause
"""Fields that a hop changes, fields that it keeps, and checksums at their edges."""

from scapy.layers.inet import IP, UDP

from .case import Case, leg4, leg6, listener4, match4, match6, sent4, sent6
from .frames import arriving, leaving, payload, udp4, udp6, with_byte


def dscp_case(name, why, leg_dscp, sent_dscp):
    """Every ECN codepoint with DSCP 10 comes; `sent_dscp` leaves."""
    case = Case(name, why, "RFC 2474, RFC 3168 5")
    case.flow("v4", match4(), [leg4(dscp=leg_dscp)])
    case.flow("v6", match6(), [leg6(port="p2", dscp=leg_dscp)])
    for ecn in range(4):
        came, left = 10 << 2 | ecn, sent_dscp << 2 | ecn
        case.forward(arriving(udp4(data=b"ds", ip={"tos": came})), "v4",
                     [leaving(sent4(b"ds", ip={"tos": left}))])
        case.forward(arriving(udp6(data=b"ds", ip={"tc": came, "fl": 0xABCDE})), "v6",
                     [leaving(sent6(b"ds", ip={"tc": left, "fl": 0xABCDE}), "p2")])
    return case


def dscp_keep():
    return dscp_case("dscp_keep", "without a DSCP the leg keeps all eight bits, and IPv6 its flow "
                     "label", None, 10)


def dscp_set():
    return dscp_case("dscp_set", "a leg's DSCP replaces six bits; the two ECN bits are the "
                     "network's and stay", 46, 46)


def dscp_set_zero():
    return dscp_case("dscp_set_zero", "DSCP 0 is a value to set, not the lack of one", 0, 0)


def dscp_set_highest():
    return dscp_case("dscp_set_highest", "all six DSCP bits", 63, 63)


def ttl_case(name, why, leg_ttl, pairs):
    """`pairs` of the TTL that comes and the TTL, or drop, that follows."""
    case = Case(name, why, "RFC 1812 5.3.1, RFC 8200 3")
    case.flow("v4", match4(), [leg4(ttl=leg_ttl)])
    case.flow("v6", match6(), [leg6(port="p2", ttl=leg_ttl)])
    for came, left in pairs:
        sent = [left] * 2
        if isinstance(left, int):
            sent = [leaving(sent4(b"ttl", ip={"ttl": left})),
                    leaving(sent6(b"ttl", ip={"hlim": left}), "p2")]
        case.forward(arriving(udp4(data=b"ttl", ip={"ttl": came})), "v4", [sent[0]])
        case.forward(arriving(udp6(data=b"ttl", ip={"hlim": came})), "v6", [sent[1]])
    return case


def ttl_decrement():
    return ttl_case("ttl_decrement", "TTL and hop limit go down by one, 255 and 2 included", None,
                    [(255, 254), (128, 127), (2, 1)])


def ttl_expired():
    return ttl_case("ttl_expired", "what would leave with TTL 0, or came with it, does not leave",
                    None, [(1, "ttl_expired"), (0, "ttl_expired"), (2, 1)])


def ttl_set():
    return ttl_case("ttl_set", "a leg's TTL is sent whatever came, so that a media chain may start "
                    "afresh", 17, [(64, 17), (1, 17), (255, 17), (17, 17)])


def ipv4_fields_kept():
    case = Case("ipv4_fields_kept", "identification and the don't-fragment and reserved bits pass "
                "through", "RFC 791 3.1")
    case.flow("f", match4(), [leg4()])
    for ident, flags in ((0, 0), (0xFFFF, "DF"), (0x8000, "evil"), (1, 0)):
        fields = {"id": ident, "flags": flags}
        case.forward(arriving(udp4(data=b"id", ip=fields)), "f", [leaving(sent4(b"id", ip=fields))])
    return case


def udp_checksum_zero_kept():
    case = Case("udp_checksum_zero_kept", "over IPv4 a UDP checksum of zero says that there is "
                "none: it stays zero", "RFC 768")
    case.flow("exact", match4(), [leg4()])
    case.flow("listener", listener4(dst_port=30002), [leg4(dscp=46)])
    none = {"chksum": 0}
    case.forward(arriving(udp4(data=b"bare", udp=none)), "exact",
                 [leaving(sent4(b"bare", udp=none))])
    case.forward(arriving(udp4(dport=30002, data=b"bare", udp=none)), "listener",
                 [leaving(sent4(b"bare", ip={"tos": 46 << 2}, udp=none))])
    return case


def checksum_of(datagram, layer):
    return datagram.__class__(bytes(datagram))[layer].chksum


def data_that_sums_to_zero(build):
    """Payload with which build(data) has a UDP sum of 0, so its checksum is the other zero."""
    data = checksum_of(build(b"\0\0"), UDP).to_bytes(2, "big")
    assert checksum_of(build(data), UDP) == 0xFFFF
    return data


def udp_checksum_ffff_sent():
    case = Case("udp_checksum_ffff_sent", "a checksum that comes out as 0 is sent as ffff, for 0 "
                "would say that there is none", "RFC 768")
    case.flow("v4", match4(), [leg4()])
    case.flow("v6", match6(), [leg6(port="p2")])
    case.flow("listener", listener4(dst_port=30002), [leg4()])
    data = data_that_sums_to_zero(sent4)
    case.forward(arriving(udp4(data=data)), "v4", [leaving(sent4(data))])
    case.forward(arriving(udp4(dport=30002, data=data)), "listener", [leaving(sent4(data))])
    data = data_that_sums_to_zero(sent6)
    case.forward(arriving(udp6(data=data)), "v6", [leaving(sent6(data), "p2")])
    return case


def udp_checksum_ffff_came():
    case = Case("udp_checksum_ffff_came", "a checksum of ffff is a checksum like others and is "
                "updated", "RFC 1624")
    case.flow("v4", match4(), [leg4()])
    case.flow("v6", match6(), [leg6(port="p2")])
    data = data_that_sums_to_zero(lambda data: udp4(data=data))
    case.forward(arriving(udp4(data=data)), "v4", [leaving(sent4(data))])
    data = data_that_sums_to_zero(lambda data: udp6(data=data))
    case.forward(arriving(udp6(data=data)), "v6", [leaving(sent6(data), "p2")])
    return case


def udp_checksum_ffff_both():
    case = Case("udp_checksum_ffff_both", "ffff in and ffff out, where the rewrite changes nothing "
                "that counts", "RFC 1624")
    same = leg4(src=match4()["src"], dst=match4()["dst"], src_port=5004, dst_port=30000)
    case.flow("v4", match4(), [same])
    data = data_that_sums_to_zero(lambda data: udp4(data=data))
    case.forward(arriving(udp4(data=data)), "v4", [leaving(udp4(data=data, ip={"ttl": 63}))])
    return case


def ip_checksum_zero():
    case = Case("ip_checksum_zero", "an IPv4 header checksum of zero is a value like others, "
                "coming and leaving", "RFC 1624")
    case.flow("f", match4(), [leg4()])
    for build in (sent4, udp4):
        ident = checksum_of(build(data=b"id", ip={"id": 0}), IP)
        assert checksum_of(build(data=b"id", ip={"id": ident}), IP) == 0
        case.forward(arriving(udp4(data=b"id", ip={"id": ident})), "f",
                     [leaving(sent4(b"id", ip={"id": ident}))])
    return case


def ip_checksum_ffff():
    case = Case("ip_checksum_ffff", "a header checksum of ffff where 0 is meant adds up, too, and "
                "is accepted; what leaves is never ffff", "RFC 1624 3, RFC 1812 5.2.2")
    case.flow("f", match4(), [leg4()])
    case.flow("legs", match4(dst_port=30001), [leg4(), leg4(port="p2", ttl=64)])
    case.flow("same", match4(dst_port=30002), [leg4(src=match4()["src"], dst=match4()["dst"],
                                                    src_port=5004, dst_port=30002, ttl=64)])
    ident = checksum_of(udp4(data=b"id", ip={"id": 0}), IP)
    fields = {"id": ident}

    def came(dport):
        frame = arriving(udp4(dport=dport, data=b"id", ip=fields))
        assert frame[24:26] == b"\0\0"
        return frame[:24] + b"\xff\xff" + frame[26:]

    case.forward(came(30000), "f", [leaving(sent4(b"id", ip=fields))])
    case.forward(came(30001), "legs", [leaving(sent4(b"id", ip=fields)),
                                       leaving(sent4(b"id", ip=fields | {"ttl": 64}), "p2")])
    case.forward(came(30002), "same", [leaving(udp4(dport=30002, data=b"id", ip=fields))])
    return case


def corrupt_payload():
    case = Case("corrupt_payload", "a payload that was damaged before us still fails its checksum "
                "behind us: the receiver must see it", "RFC 1624", corrupt=True)
    case.flow("v4", match4(), [leg4()])
    case.flow("v6", match6(), [leg6(port="p2")])
    case.flow("listener", listener4(dst_port=30002), [leg4()])
    data = payload(41)

    def damaged(frame):
        return with_byte(frame, len(frame) - 3, frame[-3] ^ 0x10)

    case.forward(damaged(arriving(udp4(data=data))), "v4", [damaged(leaving(sent4(data)))])
    case.forward(damaged(arriving(udp4(dport=30002, data=data))), "listener",
                 [damaged(leaving(sent4(data)))])
    case.forward(damaged(arriving(udp6(data=data))), "v6", [damaged(leaving(sent6(data), "p2"))])
    return case


CASES = (dscp_keep, dscp_set, dscp_set_zero, dscp_set_highest, ttl_decrement, ttl_expired, ttl_set,
         ipv4_fields_kept, udp_checksum_zero_kept, udp_checksum_ffff_sent, udp_checksum_ffff_came,
         udp_checksum_ffff_both, ip_checksum_zero, ip_checksum_ffff,
         corrupt_payload)
