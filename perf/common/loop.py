# SPDX-License-Identifier: BSD-3-Clause
"""The options of the closed loop, and the setting in JSON that its program takes."""

import argparse
import json

FLAGS = ("translate", "mixed", "vlan", "police", "shared", "direct")
NUMBERS = ("flows", "inflight", "family", "streams", "legs", "size", "workers", "during_updates",
           "during_reads")


def parser_of(**about):
    parser = argparse.ArgumentParser(allow_abbrev=False, **about)

    def number(name, default, text):
        parser.add_argument(name, type=int, default=default, metavar="N", help=text)

    def flag(name, text):
        parser.add_argument(name, action="store_true", help=text)
    number("--flows", 1000, "flows installed (%(default)s)")
    number("--inflight", 256, "packets that circulate, a worker (%(default)s): 1 to 32, which is"
           " then the size of all bursts, or a multiple of 32")
    parser.add_argument("--family", type=int, choices=(4, 6), default=4, help="IP family (4)")
    flag("--translate", "packets leave as IPv6 and as IPv4, alternating")
    flag("--mixed", "flows are plain, tagged or policed, a third each, IPv4 and IPv6 by turns")
    flag("--vlan", "frames and legs carry an 802.1Q tag")
    parser.add_argument("--match", choices=("exact", "listener", "rule"), default="exact",
                        help="which stage finds the flows (%(default)s)")
    parser.add_argument("--latch", choices=("open", "first", "follow"), default="open",
                        help="listeners latch to their source (%(default)s)")
    parser.add_argument("--learned", choices=("none", "resolved", "stale", "given"), nargs="?",
                        const="resolved", default="none",
                        help="legs send to the source that another flow has learned, which control"
                        " knows, or (stale) workers look up for each packet; given: the same flows,"
                        " with legs to the same destinations (none)")
    flag("--police", "every flow is policed, at a rate never reached")
    parser.add_argument("--level", default="auto", metavar="NAME",
                        help="level of the CPU's instructions: v2 or v4 (the best it has)")
    parser.add_argument("--ttl", choices=("decrement", "set"), default="decrement",
                        help="legs decrement the TTL, or set it (%(default)s)")
    number("--streams", 0, "RTP streams a flow, by SSRC (none)")
    number("--legs", 1, "legs a flow, or a stream (1); all but the last leave by a second port"
           " that frees them")
    number("--size", 0, "frame length without FCS (64, or what headers need)")
    number("--workers", 1, "worker lcores (1)")
    flag("--shared", "the packets of all workers visit all flows")
    flag("--direct", "go round net_ring's own count, as several workers do")
    parser.add_argument("--cores", metavar="C,W,...",
                        help="CPU of control, then of each worker (0,1,2,...)")
    number("--during-updates", 0, "meanwhile install N flows a second, and remove N")
    number("--during-reads", 0, "meanwhile read the counters of all flows N times a second")
    parser.add_argument("--seconds", type=float, default=2, metavar="S",
                        help="that each side is measured (2)")
    flag("--no-huge", "ordinary pages, also when hugepages are free")
    return parser


def setting_of(parser, arguments):
    """What the program takes; the end of this one where options are wrong."""
    cores = arguments.cores or ",".join(map(str, range(arguments.workers + 1)))
    try:
        control, *workers = map(int, cores.split(","))
    except ValueError:
        parser.error(f"--cores: found {cores}, expected numbers of CPUs")
    if len(set(workers[:arguments.workers])) < arguments.workers:
        parser.error(f"--cores: found {cores}, expected a CPU for control and one for each worker")
    if not 0.1 <= arguments.seconds <= 3600:
        parser.error(f"--seconds: found {arguments.seconds}, expected 0.1 to 3600")
    return {
        **{name: getattr(arguments, name)
           for name in (*FLAGS, *NUMBERS, "match", "latch", "learned", "ttl", "level")},
        "hugepages": not arguments.no_huge,
        "control_core": control, "worker_cores": workers[:arguments.workers],
    }


def setting(options):
    """The same in JSON, of a list of options."""
    parser = parser_of()
    return json.dumps(setting_of(parser, parser.parse_args(list(options))))
