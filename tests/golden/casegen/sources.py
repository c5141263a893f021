# SPDX-License-Identifier: BSD-3-Clause
"""Which sources a flow takes: its allow-list, and the source that it has latched to."""

from .case import (Case, flow_spec, leg4, leg6, listener4, listener6, match4, rule4, sent4, sent6)
from .frames import SENDER4, SENDER_PORT, arriving, leaving, udp4, udp6
from .payloads import rtcp, rtp

MS = 1000000
OTHER4 = "203.0.113.9"


def allow_list():
    case = Case("allow_list", "a source outside the prefixes of the flow is refused, be the flow a "
                "listener, a rule or exact", "RFC 2827", step=True)
    allow = ["192.0.2.0/25", "203.0.113.9/32"]
    case.flow("listener", listener4(), [leg4()], allow=allow)
    case.flow("exact", match4(), [leg4(dst_port=7000)], allow=["192.0.2.11/32"])
    case.flow("rule", rule4(1, dst_ports=[30001, 30001]), [leg4()], allow=allow)
    case.flow("v6", listener6(), [leg6(port="p2")],
              allow=["2001:db8:1:8::/61", "2001:db8:2::/127"])
    for source in ("192.0.2.0", "192.0.2.127", "203.0.113.9"):
        case.forward(arriving(udp4(src=source)), "listener", [leaving(sent4())])
        case.forward(arriving(udp4(src=source, dport=30001)), "rule", [leaving(sent4())])
    for source in ("192.0.2.128", "192.0.1.255", "203.0.113.8", "198.51.100.1"):
        case.flow_drop(arriving(udp4(src=source)), "listener", "source_refused")
        case.flow_drop(arriving(udp4(src=source, dport=30001)), "rule", "source_refused")
    case.flow_drop(arriving(udp4()), "exact", "source_refused")
    for source in ("2001:db8:1:8::", "2001:db8:1:f:ffff::1", "2001:db8:2::1"):
        case.forward(arriving(udp6(src=source)), "v6", [leaving(sent6(), "p2")])
    for source in ("2001:db8:1:7:ffff::1", "2001:db8:1:10::", "2001:db8:2::2"):
        case.flow_drop(arriving(udp6(src=source)), "v6", "source_refused")
    return case


def allow_list_full():
    case = Case("allow_list_full", "as many prefixes as a flow may have; the last counts, too",
                "RFC 2827")
    case.flow("f", listener4(), [leg4()], allow=[f"192.0.2.{8 * i}/30" for i in range(32)])
    for i in (0, 17, 31):
        case.forward(arriving(udp4(src=f"192.0.2.{8 * i + 3}")), "f", [leaving(sent4())])
        case.flow_drop(arriving(udp4(src=f"192.0.2.{8 * i + 4}")), "f", "source_refused")
    return case


def choose_source():
    case = Case("choose_source", "the next source goes on when the active one has been silent for "
                "the time-out, and a preferred one when it has sent for long enough without a gap; "
                "others are standby, or refused", "RFC 7198 3")
    primary, backup = {"src": "192.0.2.10", "src_port": SENDER_PORT}, {"src": OTHER4}
    case.flow("f", listener4(), [leg4()],
              sources={"of": [primary, backup], "timeout_ms": 20, "return_ms": 50})

    def at(ms, source, goes_on):
        case.at(ms * MS)
        frame = arriving(udp4(src=source["src"], data=b"a"))
        if goes_on:
            case.forward(frame, "f", [leaving(sent4(b"a"))])
        else:
            case.flow_drop(frame, "f", "standby_source")

    at(10, primary, True)
    case.flow_drop(arriving(udp4(sport=SENDER_PORT + 1)), "f", "source_refused")
    case.flow_drop(arriving(udp4(src="192.0.2.11")), "f", "source_refused")
    at(11, backup, False)
    at(29, backup, False)
    at(30, backup, True)
    at(31, primary, False)
    for ms in (40, 50, 60, 70, 80):
        at(ms, backup, True)
        at(ms, primary, False)
    case.forward(arriving(udp4(src=OTHER4, sport=7, data=b"b")), "f", [leaving(sent4(b"b"))])
    at(81, primary, True)
    at(82, backup, False)
    at(200, backup, True)
    for ms in (210, 225, 240, 261, 275, 290, 305, 310):
        at(ms, backup, True)
        at(ms, primary, False)
    at(311, primary, True)
    return case


def choose_source_of_three():
    case = Case("choose_source_of_three", "a source that never sent has its time-out, from the "
                "first packet of another one on; and no other returns when it is not to",
                "RFC 7198 3")
    sources = [{"src": f"2001:db8:1::{i}"} for i in (16, 17, 18)]
    case.flow("f", listener6(), [leg6()],
              sources={"of": sources, "timeout_ms": 1, "return_ms": 0})
    case.at(10 * MS)
    case.flow_drop(arriving(udp6(src=sources[2]["src"])), "f", "standby_source")
    case.at(11 * MS - 1)
    case.flow_drop(arriving(udp6(src=sources[1]["src"])), "f", "standby_source")
    case.at(11 * MS)
    case.forward(arriving(udp6(src=sources[2]["src"])), "f", [leaving(sent6())])
    case.flow_drop(arriving(udp6(src=sources[1]["src"])), "f", "standby_source")
    for i in range(1, 40):
        case.at(11 * MS + i * MS // 2)
        case.forward(arriving(udp6(src=sources[2]["src"])), "f", [leaving(sent6())])
        case.flow_drop(arriving(udp6(src=sources[0]["src"])), "f", "standby_source")
    return case


def latch_first():
    case = Case("latch_first", "the first source, address and port, is learned for ever; any other "
                "is refused, and what goes to the learned one goes on", "RFC 7362 4", step=True)
    case.flow("v4", listener4(), [leg4()], latch="first")
    case.flow("v6", listener6(), [leg6(port="p2")], latch="first")
    case.flow("rule", rule4(1, dst_ports=[30001, 30001]), [leg4()], latch="first")
    case.latched("v4")
    case.forward(arriving(udp4()), "v4", [leaving(sent4())])
    case.latched("v4", SENDER4, SENDER_PORT, 1)
    case.latched("rule")
    for fields in ({"sport": SENDER_PORT + 1}, {"src": OTHER4}, {"src": "192.0.2.11"}):
        case.flow_drop(arriving(udp4(**fields)), "v4", "source_refused")
    case.at(3600000 * MS)
    case.flow_drop(arriving(udp4(src=OTHER4)), "v4", "source_refused")
    case.forward(arriving(udp4()), "v4", [leaving(sent4())])
    case.latched("v4", SENDER4, SENDER_PORT, 1)
    case.forward(arriving(udp4(src=OTHER4, sport=9, dport=30001)), "rule", [leaving(sent4())])
    case.flow_drop(arriving(udp4(dport=30001)), "rule", "source_refused")
    case.latched("rule", OTHER4, 9, 1)
    case.forward(arriving(udp6(src="2001:db8:1::1:0")), "v6", [leaving(sent6(), "p2")])
    case.flow_drop(arriving(udp6(src="2001:db8:1::2:0")), "v6", "source_refused")
    case.latched("v6", "2001:db8:1::1:0", SENDER_PORT, 1)
    return case


def latch_follow():
    case = Case("latch_follow", "another source takes over when the interval has passed since the "
                "last move, not since the last packet; until then it is refused", "RFC 7362 4")
    case.flow("f", listener4(), [leg4()], latch="follow", latch_interval_ms=1000)
    case.at(10 * MS)
    case.forward(arriving(udp4(data=b"a")), "f", [leaving(sent4(b"a"))])
    for ms in (510, 1009):
        case.at(ms * MS)
        case.forward(arriving(udp4(data=b"a")), "f", [leaving(sent4(b"a"))])
        case.flow_drop(arriving(udp4(src=OTHER4, data=b"b")), "f", "source_refused")
    case.latched("f", SENDER4, SENDER_PORT, 1)
    case.at(1010 * MS)
    case.forward(arriving(udp4(src=OTHER4, data=b"b")), "f", [leaving(sent4(b"b"))])
    case.latched("f", OTHER4, SENDER_PORT, 2)
    case.flow_drop(arriving(udp4(data=b"a")), "f", "source_refused")
    case.forward(arriving(udp4(src=OTHER4, data=b"b")), "f", [leaving(sent4(b"b"))])
    case.at(2009 * MS)
    case.flow_drop(arriving(udp4(data=b"a")), "f", "source_refused")
    case.at(2500 * MS)
    case.forward(arriving(udp4(sport=1, data=b"c")), "f", [leaving(sent4(b"c"))])
    case.flow_drop(arriving(udp4(src=OTHER4, data=b"b")), "f", "source_refused")
    case.latched("f", SENDER4, 1, 3)
    return case


def latch_follow_at_once():
    case = Case("latch_follow_at_once", "with an interval of zero every packet may move the source",
                "RFC 7362 4")
    case.flow("f", listener6(), [leg6()], latch="follow", latch_interval_ms=0)
    for i in range(6):
        source = f"2001:db8:1::{1 + i % 2}"
        case.forward(arriving(udp6(src=source)), "f", [leaving(sent6())])
    case.latched("f", "2001:db8:1::2", SENDER_PORT, 6)
    case.forward(arriving(udp6(src="2001:db8:1::2")), "f", [leaving(sent6())])
    case.latched("f", "2001:db8:1::2", SENDER_PORT, 6)
    return case


def latch_order():
    case = Case("latch_order", "a source off the allow-list, or with payload of a class that is "
                "dropped, is not learned; one that is then policed is", "RFC 7362 4, RFC 7983 7")
    case.flow("f", listener4(), [leg4()], latch="first", allow=["192.0.2.0/24"],
              classes={"stun": "drop", "dtls": "punt"},
              police={"rate_bps": 64000, "burst_bytes": 40})
    case.flow_drop(arriving(udp4(src=OTHER4, data=b"\x80rtp")), "f", "source_refused")
    case.flow_drop(arriving(udp4(data=b"\0\1")), "f", "class_drop")
    case.punt(arriving(udp4(data=b"\x16dtls")), "f")
    case.latched("f")
    case.flow_drop(arriving(udp4(sport=7, data=b"\x80" * 13)), "f", "policed")
    case.latched("f", SENDER4, 7, 1)
    case.flow_drop(arriving(udp4(data=b"\x80rtp")), "f", "source_refused")
    case.punt(arriving(udp4(data=b"\x16dtls")), "f")
    case.forward(arriving(udp4(sport=7, data=b"\x80" * 12)), "f", [leaving(sent4(b"\x80" * 12))])
    return case


def latch_kept():
    case = Case("latch_kept", "what a flow has learned outlives changes to it and to other flows, "
                "also from first to follow, and ends with latching", "RFC 7362 4")

    def latching(mode, **leg):
        return flow_spec("f", listener4(), [leg4(**leg)], latch=mode)

    case.flow("f", listener4(), [leg4()], latch="first")
    case.at(100 * MS)
    case.forward(arriving(udp4()), "f", [leaving(sent4())])
    case.change(add=[flow_spec("g", listener4(dst_port=9), [leg4()], latch="first")])
    case.latched("g")
    case.change(replace=[latching("first", dst_port=7001)], remove=["g"])
    case.latched("f", SENDER4, SENDER_PORT, 1)
    case.flow_drop(arriving(udp4(src=OTHER4)), "f", "source_refused")
    case.forward(arriving(udp4()), "f", [leaving(sent4(dport=7001))])
    case.change(replace=[latching("follow")])
    case.latched("f", SENDER4, SENDER_PORT, 1)
    case.at(1099 * MS)
    case.flow_drop(arriving(udp4(src=OTHER4)), "f", "source_refused")
    case.at(1100 * MS)
    case.forward(arriving(udp4(src=OTHER4)), "f", [leaving(sent4())])
    case.latched("f", OTHER4, SENDER_PORT, 2)
    case.change(replace=[latching("open")])
    case.forward(arriving(udp4()), "f", [leaving(sent4())])
    case.forward(arriving(udp4(src=OTHER4)), "f", [leaving(sent4())])
    case.change(replace=[latching("first")])
    case.latched("f")
    case.forward(arriving(udp4()), "f", [leaving(sent4())])
    case.latched("f", SENDER4, SENDER_PORT, 1)
    return case


STUN = b"\0\1\0\0\x21\x12\xa4\x42" + bytes(12)


def passes(case, data, **source):
    case.forward(arriving(udp4(data=data, **source)), "f", [leaving(sent4(data))])


def refused(case, data, **source):
    case.flow_drop(arriving(udp4(data=data, **source)), "f", "source_refused")


def latch_ssrc():
    case = Case("latch_ssrc", "RTP alone opens the latch, and moves it if it has the SSRC of the "
                "learned source and the interval has passed; that source's packets all pass",
                "RFC 3550 5.1, RFC 5761 4, RFC 7362 4")
    case.flow("f", listener4(), [leg4()], latch="follow", latch_interval_ms=500, latch_by="ssrc")
    case.at(2000 * MS)
    for data in (STUN, rtcp(7), rtp(7, 0, n_bytes=11), b"\x16dtls", b"", b"\xc0" + rtp(7, 0)[1:]):
        refused(case, data)
    case.latched("f")
    passes(case, rtp(7, 0))
    case.latched("f", SENDER4, SENDER_PORT, 1, ssrc=7)
    for data in (STUN, rtcp(9), b"", rtp(7, 8)):
        passes(case, data)
    case.at(2499 * MS)
    refused(case, rtp(7, 0), src=OTHER4)
    case.at(2500 * MS)
    for data in (rtp(9, 0), rtcp(7), STUN, rtp(7, 0, n_bytes=11), rtp(0x07000000, 0)):
        refused(case, data, src=OTHER4)
    case.latched("f", SENDER4, SENDER_PORT, 1, ssrc=7)
    passes(case, rtp(7, 0), src=OTHER4)
    case.latched("f", OTHER4, SENDER_PORT, 2, ssrc=7)
    refused(case, rtp(7, 0))
    case.forget("f", OTHER4, SENDER_PORT, 2, ssrc=7)
    refused(case, STUN, src=OTHER4)
    passes(case, rtp(9, 0))
    case.latched("f", SENDER4, SENDER_PORT, 3, ssrc=9)
    return case


def latch_ssrc_changes():
    case = Case("latch_ssrc_changes", "another SSRC of the learned source takes over when the "
                "former has been silent for a second; and where a flow begins to look at it",
                "RFC 3550 8.2")

    def latching(by):
        return flow_spec("f", listener4(), [leg4()], latch="follow", latch_interval_ms=0,
                         latch_by=by)

    case.flow("f", listener4(), [leg4()], latch="follow", latch_interval_ms=0, latch_by="any")
    case.at(2000 * MS)
    passes(case, STUN)
    case.latched("f", SENDER4, SENDER_PORT, 1)
    case.change(replace=[latching("ssrc")])
    refused(case, rtp(0, 0), src=OTHER4)
    passes(case, rtp(7, 0))
    case.latched("f", SENDER4, SENDER_PORT, 1, ssrc=7)
    for ms in (2000, 2500, 2999):
        case.at(ms * MS)
        passes(case, rtp(8, 0))
        passes(case, rtp(7, 0))
        passes(case, rtp(8, 0))
        refused(case, rtp(8, 0), src=OTHER4)
    for ms in (3000, 3998):
        case.at(ms * MS)
        passes(case, rtp(8, 0))
    case.latched("f", SENDER4, SENDER_PORT, 1, ssrc=7)
    case.at(3999 * MS)
    passes(case, rtcp(9))
    passes(case, rtp(8, 0))
    case.latched("f", SENDER4, SENDER_PORT, 1, ssrc=8)
    refused(case, rtp(7, 0), src=OTHER4)
    passes(case, rtp(8, 0), src=OTHER4)
    case.latched("f", OTHER4, SENDER_PORT, 2, ssrc=8)
    case.change(replace=[latching("any")])
    case.latched("f", OTHER4, SENDER_PORT, 2)
    case.change(replace=[latching("ssrc")])
    case.latched("f", OTHER4, SENDER_PORT, 2, ssrc=8)
    case.change(replace=[latching("any")])
    passes(case, STUN, sport=9)
    case.latched("f", SENDER4, 9, 3)
    return case


def latch_rtcp_ssrc():
    case = Case("latch_rtcp_ssrc", "RTCP on a port of its own opens the latch, and moves it if its "
                "sender is the same", "RFC 3550 6.4.1")
    case.flow("f", listener4(), [leg4()], latch="follow", latch_interval_ms=0,
              latch_by="rtcp_ssrc")
    case.at(2000 * MS)
    for data in (rtp(7, 0), STUN, rtcp(7, n_bytes=7)):
        refused(case, data)
    passes(case, rtcp(7, 201))
    case.latched("f", SENDER4, SENDER_PORT, 1, ssrc=7)
    refused(case, rtcp(8), src=OTHER4)
    refused(case, rtp(7, 0), src=OTHER4)
    passes(case, rtcp(7), src=OTHER4)
    case.latched("f", OTHER4, SENDER_PORT, 2, ssrc=7)
    case.change(replace=[flow_spec("f", listener4(), [leg4()], latch="follow",
                                   latch_interval_ms=0, latch_by="stun")])
    case.forget("f", OTHER4, SENDER_PORT, 2)
    return case


def latch_class():
    case = Case("latch_class", "packets of one class open and move the latch, those of others from "
                "elsewhere are refused", "RFC 7983 7")
    case.flow("f", listener4(), [leg4()], latch="follow", latch_interval_ms=0, latch_by="stun")
    refused(case, rtp(7, 0))
    passes(case, STUN)
    passes(case, rtp(7, 0))
    refused(case, rtp(7, 0), sport=9)
    refused(case, b"", sport=9)
    case.latched("f", SENDER4, SENDER_PORT, 1)
    passes(case, STUN, sport=9)
    passes(case, rtp(7, 0), sport=9)
    case.latched("f", SENDER4, 9, 2)
    refused(case, rtp(7, 0))
    case.change(replace=[flow_spec("f", listener4(), [leg4()], latch="first", latch_by="rtp")])
    refused(case, STUN)
    case.forget("f", SENDER4, 9, 2)
    refused(case, STUN)
    passes(case, rtcp(7))
    case.latched("f", SENDER4, SENDER_PORT, 3)
    refused(case, rtp(7, 0), sport=9)
    return case


CASES = (allow_list, allow_list_full, choose_source, choose_source_of_three, latch_first,
         latch_follow, latch_follow_at_once, latch_order, latch_kept, latch_ssrc,
         latch_ssrc_changes, latch_rtcp_ssrc, latch_class)
