# SPDX-License-Identifier: BSD-3-Clause
"""Policers of flows and of legs, by the clock of the case."""

from fractions import Fraction

from .case import Case, flow_spec, leg4, leg6, listener4, match4, match6, sent4, sent6, stream
from .frames import arriving, leaving, payload, translated, udp4, udp6

US, MS, SECOND, DAY = 10**3, 10**6, 10**9, 86400 * 10**9
BUCKET = "RFC 2697 3"


class Bucket:
    """A token bucket as a textbook has it, in exact numbers. Cases keep a hair's breadth away from
    where a packet just fits, for nobody's clock is exact."""

    def __init__(self, rate_bps, burst_bytes):
        self.rate, self.burst = Fraction(rate_bps, 8 * SECOND), burst_bytes
        self.tokens, self.at_ns = Fraction(burst_bytes), 0

    def take(self, at_ns, n_bytes):
        self.tokens = min(self.burst, self.tokens + self.rate * (at_ns - self.at_ns))
        self.at_ns = at_ns
        spare = self.tokens - n_bytes
        assert spare == int(spare) or abs(spare) > Fraction(n_bytes, 1000)
        if spare >= 0:
            self.tokens = spare
        return spare >= 0


def police(rate_bps, burst_bytes):
    return {"rate_bps": rate_bps, "burst_bytes": burst_bytes}


def police_flow():
    case = Case("police_flow", "a packet that does not find its own length in tokens is dropped "
                "and takes none; tokens come at the rate, up to the burst", BUCKET)
    bucket = Bucket(64000, 1000)
    case.flow("f", match4(), [leg4()], police=police(64000, 1000))
    # 8 bytes a millisecond
    for at_ns, sizes in ((0, (500, 501, 500, 28)), (62400 * US, (500,)), (62600 * US, (500, 28)),
                         (100 * MS, (400, 290, 28)), (10 * SECOND, (1001, 900, 100, 28)),
                         (10 * SECOND + 50 * MS, (28, 28, 344, 28)), (60 * DAY, (1000, 28)),
                         (60 * DAY + 124 * MS, (1000,)), (60 * DAY + 126 * MS, (1000,))):
        case.at(at_ns)
        for n_bytes in sizes:
            data = payload(n_bytes - 28)
            if bucket.take(at_ns, n_bytes):
                case.forward(arriving(udp4(data=data)), "f", [leaving(sent4(data))])
            else:
                case.flow_drop(arriving(udp4(data=data)), "f", "policed")
    return case


def police_second():
    case = Case("police_second", "over a second at twice the rate, the rate and the burst pass: "
                "8000 + 300 bytes of 16000", BUCKET)
    bucket = Bucket(64000, 300)
    case.flow("f", match6(), [leg6()], police=police(64000, 300))
    passed = 0
    for i in range(160):
        at_ns = i * 6250 * US
        case.at(at_ns)
        data = payload(52, seed=i)
        if bucket.take(at_ns, 100):
            passed += 1
            case.forward(arriving(udp6(data=data)), "f", [leaving(sent6(data))])
        else:
            case.flow_drop(arriving(udp6(data=data)), "f", "policed")
    assert 81 <= passed <= 83
    return case


def police_rates():
    case = Case("police_rates", "from the least rate to the greatest: a burst passes, then "
                "nothing, then a packet when its time has come", BUCKET)
    rates = (8000, 20000, 64000, 10**6, 8 * 10**6, 10**8, 10**9, 10**10, 10**11, 4 * 10**11)
    sizes = [100 if rate <= 10**9 else 1000 for rate in rates]
    for i, (rate, size) in enumerate(zip(rates, sizes)):
        case.flow(f"f{i}", match4(dst_port=30000 + i), [leg4()], police=police(rate, 3 * size))
    for i, (rate, size) in enumerate(zip(rates, sizes)):
        bucket, start = Bucket(rate, 3 * size), (1 + 6 * i) * SECOND
        cost, data = Fraction(8 * size * SECOND, rate), payload(size - 28)
        for after, times in ((Fraction(0), 4), (cost * 98 / 100, 1), (cost * 102 / 100, 2),
                             (cost * 299 / 100, 3), (cost * 307 / 100, 1), (cost * 50, 4)):
            at_ns = start + int(after)
            case.at(at_ns)
            for _ in range(times):
                frame = arriving(udp4(dport=30000 + i, data=data))
                if bucket.take(at_ns, size):
                    case.forward(frame, f"f{i}", [leaving(sent4(data))])
                else:
                    case.flow_drop(frame, f"f{i}", "policed")
    return case


def police_apart():
    case = Case("police_apart", "flows do not share tokens, and a packet longer than the burst "
                "never passes", BUCKET)
    case.flow("a", match4(), [leg4()], police=police(64000, 100))
    case.flow("b", match4(dst_port=30001), [leg4()], police=police(64000, 100))
    case.flow("tiny", match4(dst_port=30002), [leg4()], police=police(10**9, 27))
    data = payload(72)
    for flow, dport in (("a", 30000), ("b", 30001)):
        case.forward(arriving(udp4(dport=dport, data=data)), flow, [leaving(sent4(data))])
        case.flow_drop(arriving(udp4(dport=dport, data=data)), flow, "policed")
    for at_ns in (0, SECOND):
        case.at(at_ns)
        case.flow_drop(arriving(udp4(dport=30002)), "tiny", "policed")
    return case


def police_replaced():
    case = Case("police_replaced", "a flow that is changed keeps the level of its bucket, and its "
                "leg that of its own; another rate or burst starts full", BUCKET)

    def spec(burst=100, leg_burst=100, **leg):
        return flow_spec("f", match4(), [leg4(id="a", police=police(64000, leg_burst), **leg),
                                         leg4(id="b", port="p2")], police=police(64000, burst))

    case.flow("f", match4(), spec()["legs"], police=police(64000, 100))
    data, small = payload(72), payload(2)

    def comes(payload_bytes, first, **sent):
        first = leaving(sent4(payload_bytes, **sent)) if first else "leg_policed"
        case.forward(arriving(udp4(data=payload_bytes)), "f",
                     [first, leaving(sent4(payload_bytes), "p2")])

    comes(data, True)
    case.change(replace=[spec(dst_port=7000)])
    case.flow_drop(arriving(udp4(data=small)), "f", "policed")
    case.change(replace=[spec(burst=130)])
    comes(data, False)
    comes(small, False)
    case.change(replace=[spec(burst=131, leg_burst=131)])
    comes(data, True)
    comes(small, True)
    case.flow_drop(arriving(udp4(data=small)), "f", "policed")
    return case


def police_leg():
    case = Case("police_leg", "a leg over its own rate gets no copy, first, middle or last, and "
                "the others do; bytes are those that would leave", BUCKET)
    limit = police(64000, 1500)
    legs = [leg4(police=limit), leg4(dst_port=7001), leg4(dst_port=7002, police=limit),
            leg6(port="p2", police=police(64000, 1520)), leg4(dst_port=7003, police=limit)]
    case.flow("f", match4(), legs)
    data = payload(750 - 28)
    sent = [leaving(sent4(data)), leaving(sent4(data, dport=7001)),
            leaving(sent4(data, dport=7002)), leaving(sent6(data), "p2"),
            leaving(sent4(data, dport=7003))]
    over = "leg_policed"
    for copies in (sent, [*sent[:3], over, sent[4]], [over, sent[1], over, over, over],
                   [over, sent[1], over, over, over]):
        case.forward(arriving(udp4(data=data)), "f", copies)
    return case


def police_leg_translated():
    case = Case("police_leg_translated", "after translation a datagram has another length, which "
                "is what its leg's policer counts", "RFC 2697 3, RFC 7915 4.1, 5.1")
    case.flow("4to6", match4(), [leg6(police=police(64000, 200))])
    case.flow("6to4", match6(), [leg4(port="p2", police=police(64000, 200))])
    data = payload(100 - 48)
    for _ in range(2):
        case.forward(arriving(udp4(data=data)), "4to6", [leaving(sent6(data))])
    case.forward(arriving(udp4()), "4to6", ["leg_policed"])
    data = payload(120 - 48)
    for _ in range(2):
        case.forward(arriving(udp6(data=data)), "6to4",
                     [leaving(translated(sent4(data)), "p2")])
    case.forward(arriving(udp6()), "6to4", ["leg_policed"])
    return case


def police_order():
    case = Case("police_order", "what is dropped before it comes to a policer takes no tokens: by "
                "class or source from the flow, for its length or TTL from a leg",
                "RFC 2697 3, RFC 7983 7")
    case.flow("flow", listener4(), [leg4()], police=police(64000, 100), allow=["192.0.2.0/24"],
              classes={"stun": "drop"})
    case.flow("leg", match4(dst_port=30001), [leg4(police=police(64000, 100)),
                                              leg4(port="p2", mac=None, police=police(64000, 99))])
    case.flow("long", match4(dst_port=30002), [leg4(police=police(64000, 1501))])
    data = b"\x80" * 72
    case.flow_drop(arriving(udp4(data=b"\0" * 72)), "flow", "class_drop")
    case.flow_drop(arriving(udp4(src="198.51.100.1", data=data)), "flow", "source_refused")
    case.forward(arriving(udp4(data=data)), "flow", [leaving(sent4(data))])
    case.flow_drop(arriving(udp4(data=b"\x80")), "flow", "policed")
    case.forward(arriving(udp4(dport=30001, data=data, ip={"ttl": 1})), "leg",
                 ["ttl_expired", "unresolved"])
    case.forward(arriving(udp4(dport=30001, data=data)), "leg",
                 [leaving(sent4(data)), "unresolved"])
    case.forward(arriving(udp4(dport=30001, data=b"")), "leg", ["leg_policed", "unresolved"])
    case.forward(arriving(udp4(dport=30002, data=payload(1501 - 28))), "long", ["too_long"])
    fits = payload(1500 - 28)
    case.forward(arriving(udp4(dport=30002, data=fits)), "long", [leaving(sent4(fits))])
    case.forward(arriving(udp4(dport=30002)), "long", ["leg_policed"])
    return case


def police_stream():
    case = Case("police_stream", "the flow's policer counts packets of all streams; one that is "
                "over the rate is not the stream's", "RFC 2697 3, RFC 3550 5.1")
    case.flow("f", match4(), [leg4()], police=police(64000, 100),
              streams=[stream([leg4(dst_port=7001)], payload_type=8)])
    data = b"\x80\x08" + bytes(10)
    case.forward(arriving(udp4(data=data)), "f", [leaving(sent4(data, dport=7001))], stream=0)
    case.forward(arriving(udp4(data=b"rest")), "f", [leaving(sent4(b"rest"))])
    case.flow_drop(arriving(udp4(data=data)), "f", "policed")
    case.at(1 * MS)
    case.flow_drop(arriving(udp4(data=data)), "f", "policed")
    case.at(SECOND)
    case.forward(arriving(udp4(data=data)), "f", [leaving(sent4(data, dport=7001))], stream=0)
    return case


CASES = (police_flow, police_second, police_rates, police_apart, police_replaced, police_leg,
         police_leg_translated, police_order, police_stream)
