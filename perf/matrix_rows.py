# SPDX-License-Identifier: BSD-3-Clause
"""The rows of the table: what is measured, and what it is to reach.

A figure is one of
  ratio    cycles a packet to those of testpmd's 5tswap, measured beside it
  speedup  packets a second of several workers to those of one
  growth   how much a packet takes more while control disturbs the workers; 0.1 is 10 %
"""

import dataclasses
import statistics

BASE = "IPv4 relay, 1,000 flows"


@dataclasses.dataclass(frozen=True)
class Target:
    """At most (or at least) `bound`; or `times` or `plus` what the IPv4 row took in the pass."""

    text: str
    bound: float = 0.0
    times: float = 0.0
    at_least: bool = False

    def bound_of(self, base):
        """The bound, given the figure of the IPv4 row in the same pass."""
        return self.bound + (self.times * base if self.times else 0.0)

    def met(self, figures, bases):
        """Does the median of the passes keep it? None if there is nothing to compare with."""
        if self.times and not bases:
            return None
        bases = bases or [0.0] * len(figures)
        over = statistics.median(f - self.bound_of(b) for f, b in zip(figures, bases))
        return over >= 0 if self.at_least else over <= 0


def at_most(bound):
    return Target(f"at most {bound:.1f}", bound=bound)


IPV4_AND_HALF = Target("1.5 x IPv4", times=1.5)
UNDER_TEN_PERCENT = Target("under 10 %", bound=0.10)
NOTHING_MEASURABLE = Target("under 2 %", bound=0.02)


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table. Without a target it is a note."""

    name: str
    options: tuple
    figure: str = "ratio"
    target: Target = None
    workers: int = 1


ROWS = (
    Row(BASE, ("--flows", "1000"), target=at_most(2.0)),
    Row("IPv4 relay, 100,000 flows", ("--flows", "100000"), target=at_most(3.0)),
    Row("IPv4 relay, 1,000,000 flows, random", ("--flows", "1000000"), target=at_most(5.0)),
    Row("IPv6 relay, 1,000 flows", ("--family", "6"), target=IPV4_AND_HALF),
    Row("802.1Q relay, 1,000 flows", ("--vlan",), target=IPV4_AND_HALF),
    Row("replication, 64 legs, a copy out", ("--legs", "64"), target=at_most(3.0)),
    Row("replication, 64 legs, 1,200 bytes", ("--legs", "64", "--size", "1200"),
        target=at_most(3.0)),
    Row("policed, 1,000 flows", ("--police",),
        target=Target("IPv4 + 0.5", times=1.0, bound=0.5)),
    Row("policed, 100,000 flows", ("--flows", "100000", "--police")),
    Row("two lcores, packets of two to one", ("--workers", "2", "--against", "one"), "speedup",
        Target("at least 1.9", bound=1.9, at_least=True), workers=2),
    Row("two lcores in the same flows", ("--workers", "2", "--shared", "--against", "one"),
        "speedup", workers=2),
    Row("100,000 flows, 200,000 a second replaced",
        ("--flows", "100000", "--during-updates", "200000"), "growth", UNDER_TEN_PERCENT),
    Row("100,000 flows, 1,000,000 a second replaced",
        ("--flows", "100000", "--during-updates", "1000000"), "growth", UNDER_TEN_PERCENT),
    Row("1,000,000 flows, counters read once a second",
        ("--flows", "1000000", "--during-reads", "1"), "growth", NOTHING_MEASURABLE),
    Row("1,000,000 flows, counters read without pause",
        ("--flows", "1000000", "--during-reads", "1000"), "growth"),
    Row("IPv4 relay, TTL set, not decremented", ("--ttl", "set")),
    Row("IPv4 <-> IPv6 translated, 1,000 flows", ("--translate",)),
    Row("listeners, 1,000", ("--match", "listener")),
    Row("listeners, latch first", ("--latch", "first")),
    Row("listeners, latch follow", ("--latch", "follow")),
    Row("rules, 1,000", ("--match", "rule")),
    Row("RTP streams, 8 a flow", ("--streams", "8")),
)
