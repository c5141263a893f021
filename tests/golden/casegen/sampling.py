# SPDX-License-Identifier: BSD-3-Clause
"""Legs that get a copy of every so many packets only."""

from .case import Case, flow_spec, leg4, leg6, listener4, match4, match6, sent4, sent6, stream
from .frames import arriving, leaving, payload, udp4, udp6


def sampled(n, one_in, leaf):
    """What a leg gets of the n-th packet, from 0."""
    return leaf if n % one_in == 0 else None


def one_in_mirror():
    case = Case("one_in_mirror", "a mirror leg gets each third packet, the first one first; the "
                "media's own leg gets all, whichever of the two is last", "RFC 5475 5.1",
                one_worker=True)
    case.flow("mirror last", match4(), [leg4(), leg4(port="p2", vlan=99, one_in=3)])
    case.flow("mirror first", match6(), [leg6(port="p2", vlan=99, one_in=3), leg6()])
    for n in range(8):
        data = payload(20 if n % 2 else 800, seed=n)
        case.at(n)
        case.forward(arriving(udp4(data=data)), "mirror last",
                     [leaving(sent4(data)), sampled(n, 3, leaving(sent4(data), "p2", vlan=99))])
        case.at(n)
        case.forward(arriving(udp6(data=data)), "mirror first",
                     [sampled(n, 3, leaving(sent6(data), "p2", vlan=99)), leaving(sent6(data))])
    return case


def one_in_each():
    case = Case("one_in_each", "every leg samples at a rate of its own; a packet that none wants "
                "is forwarded to nobody", "RFC 5475 5.1", one_worker=True)
    rates = (2, 3, 1, 1000000)
    case.flow("f", match4(), [leg4(dst_port=7000 + i, one_in=rate)
                              for i, rate in enumerate(rates)])
    case.flow("few", match4(dst_port=30001), [leg4(one_in=4), leg4(port="p2", one_in=6)])
    for n in range(13):
        data = payload(8, seed=n)
        case.forward(arriving(udp4(data=data)), "f",
                     [sampled(n, rate, leaving(sent4(data, dport=7000 + i)))
                      for i, rate in enumerate(rates)])
        case.forward(arriving(udp4(dport=30001, data=data)), "few",
                     [sampled(n, 4, leaving(sent4(data))),
                      sampled(n, 6, leaving(sent4(data), "p2"))])
    return case


def one_in_counts():
    case = Case("one_in_counts", "those packets are numbered that go to these legs: not what is "
                "policed, dropped or some stream's, and streams for themselves; a changed flow "
                "starts anew", "RFC 5475 5.1", one_worker=True)
    legs = [leg4(id="all"), leg4(id="some", port="p2", one_in=2)]
    streams = [stream([leg4(dst_port=7001, one_in=3), leg4(port="p2", dst_port=7001)],
                      payload_type=8)]
    settings = {"classes": {"stun": "drop"}, "streams": streams}
    case.flow("f", listener4(), legs, **settings)
    rtp = b"\x80\x08" + bytes(10)
    own = of_stream = 0
    for step in "osSossooSsso|oosoS|so":
        if step == "|":
            case.change(replace=[flow_spec("f", listener4(), legs, **settings)])
            own = of_stream = 0
        elif step == "S":
            case.flow_drop(arriving(udp4(data=b"\0stun")), "f", "class_drop")
        elif step == "s":
            case.forward(arriving(udp4(data=rtp)), "f",
                         [sampled(of_stream, 3, leaving(sent4(rtp, dport=7001))),
                          leaving(sent4(rtp, dport=7001), "p2")], stream=0)
            of_stream += 1
        else:
            case.forward(arriving(udp4(data=b"own")), "f",
                         [leaving(sent4(b"own")), sampled(own, 2, leaving(sent4(b"own"), "p2"))])
            own += 1
    return case


def one_in_drops():
    case = Case("one_in_drops", "a sampling leg may drop what it would send: that is a copy, and "
                "what it does not sample is none", "RFC 5475 5.1", one_worker=True)
    limit = {"rate_bps": 64000, "burst_bytes": 56}
    case.flow("f", match4(), [leg4(one_in=2, mac=None), leg4(port="p2", one_in=3, police=limit)])
    over = "leg_policed"
    for n, second in enumerate((1, 0, 0, 1, 0, 0, over)):
        case.forward(arriving(udp4()), "f",
                     [sampled(n, 2, "unresolved"),
                      leaving(sent4(), "p2") if second == 1 else second or None])
    return case


CASES = (one_in_mirror, one_in_each, one_in_counts, one_in_drops)
