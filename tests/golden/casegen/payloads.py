# SPDX-License-Identifier: BSD-3-Clause
"""What is inside a datagram: its class by the first byte, and streams by the header of RTP."""

import struct

from .case import (Case, leg4, leg6, listener4, listener6, match4, sent4, sent6, stream)
from .frames import arriving, leaving, payload, udp4, udp6

# First bytes at the edges of each class (RFC 7983, 7).
FIRST_BYTES = {"stun": (0, 3), "dtls": (20, 63), "rtp": (128, 191),
               "other": (4, 19, 64, 127, 192, 255)}
# Ends with the byte that the runner has behind what came, so that one who reads there is seen.
SSRC = 0x111111A5


def payloads_of(name):
    """Payloads of a class; nothing at all is other."""
    found = [bytes([first]) + b"class" for first in FIRST_BYTES[name]]
    return found + [b""] if name == "other" else found


def class_verdicts(name, why, verdicts):
    case = Case(name, why, "RFC 7983 7", step=True)
    case.flow("v4", listener4(), [leg4()], classes=verdicts)
    case.flow("v6", listener6(), [leg6(port="p2")], classes=verdicts)
    for kind in FIRST_BYTES:
        for data in payloads_of(kind):
            for udp, flow, sent in ((udp4, "v4", leaving(sent4(data))),
                                    (udp6, "v6", leaving(sent6(data), "p2"))):
                frame = arriving(udp(data=data))
                verdict = verdicts.get(kind, "forward")
                if verdict == "forward":
                    case.forward(frame, flow, [sent])
                elif verdict == "drop":
                    case.flow_drop(frame, flow, "class_drop")
                else:
                    case.punt(frame, flow)
    return case


def classes_forward():
    return class_verdicts("classes_forward", "where every class goes on, classes do not matter", {})


def classes_stun_punt():
    return class_verdicts("classes_stun_punt", "ICE's checks to control, DTLS to control, media to "
                          "the legs, the rest to nobody",
                          {"stun": "punt", "dtls": "punt", "other": "drop"})


def classes_stun_drop():
    return class_verdicts("classes_stun_drop", "the other way round",
                          {"stun": "drop", "dtls": "drop", "rtp": "punt", "other": "punt"})


def classes_only_dtls():
    return class_verdicts("classes_only_dtls", "media dropped, keys punted, the rest goes on",
                          {"dtls": "punt", "rtp": "drop"})


def classes_of_exact_flow():
    case = Case("classes_of_exact_flow", "classes of an exact flow, whose verdict on the rest is "
                "to drop", "RFC 7983 7")
    case.flow("f", match4(), [], action="drop", classes={"stun": "punt", "rtp": "drop"})
    case.punt(arriving(udp4(data=b"\1")), "f")
    case.flow_drop(arriving(udp4(data=b"\x80")), "f", "class_drop")
    case.flow_drop(arriving(udp4(data=b"\x16")), "f", "flow_drop")
    return case


def rtp(ssrc, payload_type, marker=0, first=0x80, n_bytes=12):
    """An RTP packet (RFC 3550 5.1), or its first n_bytes."""
    header = struct.pack("!BBHII", first, marker << 7 | payload_type, 4711, 90000, ssrc)
    return (header + payload(60))[:n_bytes]


def rtcp(ssrc, packet_type=200, n_bytes=28):
    """A sender report or another RTCP packet (RFC 3550 6.4), or its first n_bytes."""
    return (struct.pack("!BBHI", 0x80, packet_type, 6, ssrc) + payload(20))[:n_bytes]


def streams_case(name, why, rfc, packets, **settings):
    """One flow with streams by SSRC, payload type and both, each with a leg of its own; `packets`
    are pairs of a payload and the stream that takes it, None for the flow's own leg."""
    case = Case(name, why, rfc, **settings)
    streams = [stream([leg4(dst_port=7001)], ssrc=SSRC),
               stream([leg4(dst_port=7002)], payload_type=96),
               stream([leg4(dst_port=7003)], ssrc=0x22222222, payload_type=96),
               stream([leg4(dst_port=7004)], ssrc=SSRC, payload_type=0),
               stream([leg4(dst_port=7005), leg4(port="p2", dst_port=7006)], ssrc=0,
                      payload_type=127)]
    case.flow("f", match4(), [leg4(dst_port=7000)], streams=streams)
    for data, which in packets:
        leaves = [leaving(sent4(data, dport=7000 if which is None else 7001 + which))]
        if which == 4:
            leaves.append(leaving(sent4(data, dport=7006), "p2"))
        case.forward(arriving(udp4(data=data)), "f", leaves, stream=which)
    return case


def streams_selected():
    return streams_case(
        "streams_selected", "SSRC and payload type together go before SSRC alone, and that before "
        "payload type alone; what is in no stream is the flow's", "RFC 3550 5.1",
        [(rtp(SSRC, 8), 0), (rtp(SSRC, 96), 0), (rtp(SSRC, 0), 3),
         (rtp(0x22222222, 96), 2), (rtp(0x33333333, 96), 1), (rtp(0x22222222, 8), None),
         (rtp(0x33333333, 8), None), (rtp(0, 127), 4), (rtp(0, 126), None), (rtp(0, 96), 1)])


def streams_marker():
    return streams_case(
        "streams_marker", "the marker bit is not part of the payload type, and where the two look "
        "like RTCP it is RTCP", "RFC 3550 5.1, RFC 5761 4",
        [(rtp(0x22222222, 96, marker=1), 2), (rtp(0x33333333, 96, marker=1), 1),
         (rtp(SSRC, 0, marker=1), 3), (rtp(0, 127, marker=1), 4),
         # 0xc8 is what a marker and payload type 72 would be, and it is a sender report.
         (rtp(SSRC, 72, marker=1), None)])


def streams_rtcp():
    kinds = (192, 200, 201, 202, 203, 204, 205, 206, 207, 223)
    return streams_case(
        "streams_rtcp", "RTCP is its sender's: it goes with the stream of that SSRC, and never "
        "with one of a payload type", "RFC 5761 4, RFC 3550 6.4",
        [(rtcp(SSRC, kind), 0) for kind in kinds]
        + [(rtcp(0x22222222, kind), None) for kind in kinds]
        + [(rtcp(SSRC, n_bytes=8), 0), (rtcp(SSRC, n_bytes=7), None),
           # What is next to RTCP's types is RTP of types 63 and 96, whose SSRC is elsewhere.
           (rtcp(SSRC, 191), None), (rtcp(SSRC, 224), 1)])


def streams_not_rtp():
    good = rtp(SSRC, 0)
    return streams_case(
        "streams_not_rtp", "what is too short to be RTP, or is of another class, is in no stream; "
        "padding, extension and contributing sources do not move the fields", "RFC 7983 7",
        [(good, 3), (good[:11], None), (rtp(7, 96)[:11], None), (good[:1], None), (b"", None),
         (b"\x7f" + good[1:], None),
         (b"\xc0" + good[1:], None), (b"\x00" + good[1:], None), (b"\x16" + good[1:], None),
         (b"\xbf" + good[1:], 3), (rtp(SSRC, 0, first=0xB2, n_bytes=60), 3)])


def streams_verdicts():
    case = Case("streams_verdicts", "a stream may be dropped or punted, and may have legs where "
                "its flow has none", "RFC 3550 5.1", step=True)
    case.flow("f", listener6(), streams=[
        stream([leg6()], ssrc=1), stream(ssrc=2, action="drop"), stream(ssrc=3, action="punt"),
        stream([leg6(admin="down")], ssrc=4), stream([leg6()], ssrc=5, action="drop"),
        stream([leg6(admin="down"), leg6(dst_port=7000)], payload_type=111)])
    case.forward(arriving(udp6(data=rtp(1, 0))), "f", [leaving(sent6(rtp(1, 0)))], stream=0)
    case.flow_drop(arriving(udp6(data=rtp(2, 0))), "f", "flow_drop", stream=1)
    case.punt(arriving(udp6(data=rtp(3, 0))), "f", stream=2)
    case.flow_drop(arriving(udp6(data=rtp(4, 0))), "f", "flow_drop", stream=3)
    case.flow_drop(arriving(udp6(data=rtp(5, 0))), "f", "flow_drop", stream=4)
    case.forward(arriving(udp6(data=rtp(6, 111))), "f",
                 [None, leaving(sent6(rtp(6, 111), dport=7000))], stream=5)
    case.flow_drop(arriving(udp6(data=rtp(6, 110))), "f", "flow_drop")
    case.flow_drop(arriving(udp6(data=b"what")), "f", "flow_drop")
    return case


def streams_replicated():
    case = Case("streams_replicated", "a stream is replicated as a flow is, payload shared, and "
                "its legs count for themselves", "RFC 7667 3.5.1")
    legs = [leg4(dst_port=7001), leg4(port="p2", vlan=9), leg4(dst_port=7003, ttl=5)]
    case.flow("f", match4(), [leg4(), leg4(port="p2")],
              streams=[stream(legs, ssrc=0xFFFFFFFF), stream(legs[:2], payload_type=0)])
    for n_bytes in (40, 800):
        rest = payload(n_bytes)
        data = rtp(0xFFFFFFFF, 0) + rest
        case.forward(arriving(udp4(data=data)), "f",
                     [leaving(sent4(data, dport=7001)), leaving(sent4(data), "p2", vlan=9),
                      leaving(sent4(data, dport=7003, ip={"ttl": 5}))], stream=0)
        data = rtp(9, 0) + rest
        case.forward(arriving(udp4(data=data)), "f",
                     [leaving(sent4(data, dport=7001)), leaving(sent4(data), "p2", vlan=9)],
                     stream=1)
        data = rtp(9, 1) + rest
        case.forward(arriving(udp4(data=data)), "f", [leaving(sent4(data)),
                                                      leaving(sent4(data), "p2")])
    return case


def streams_256():
    case = Case("streams_256", "as many streams as a flow may have, by each kind of selector",
                "RFC 3550 5.1")
    selectors = ([{"payload_type": i} for i in range(0, 128, 2)]
                 + [{"ssrc": 0x1000 * i} for i in range(96)]
                 + [{"ssrc": 0x80000000 + i, "payload_type": i} for i in range(96)])
    case.flow("f", match4(), [leg4()],
              streams=[stream([leg4(dst_port=7000 + i)], **selector)
                       for i, selector in enumerate(selectors)])
    for i in (0, 1, 30, 63, 64, 65, 110, 159, 160, 161, 200, 255):
        selector = {"ssrc": 77, "payload_type": 1} | selectors[i]
        data = rtp(selector["ssrc"], selector["payload_type"])
        case.forward(arriving(udp4(data=data)), "f", [leaving(sent4(data, dport=7000 + i))],
                     stream=i)
    data = rtp(77, 1)
    case.forward(arriving(udp4(data=data)), "f", [leaving(sent4(data))])
    return case


CASES = (classes_forward, classes_stun_punt, classes_stun_drop, classes_only_dtls,
         classes_of_exact_flow, streams_selected, streams_marker, streams_rtcp, streams_not_rtp,
         streams_verdicts, streams_replicated, streams_256)
