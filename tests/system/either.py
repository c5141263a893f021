#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Receives the numbered datagrams of udp.py while the flow that sends them is replaced.

usage: either.py --count N [--seed S] [--timeout SECONDS] VERSION...

A VERSION is SOURCE,DESTINATION,TTL,DSCP: the whole header that one version of the flow sends with.
Each datagram must come exactly once, in the order sent within a version, with the header of one
version and nothing of another. Prints "ready", and at the end "done: all N" and how many came by
each version, or "done: " and what was wrong.
"""

import argparse
import collections
import select
import sys
import time
import types

from udp import KernelEnd, endpoint_parse, payload_make

Version = collections.namedtuple("Version", "source ttl dscp")


def version_open(text):
    """(open socket, Version) of the command line's VERSION."""
    source, destination, ttl, dscp = text.split(",")
    source, destination = endpoint_parse(source), endpoint_parse(destination)
    end = KernelEnd(types.SimpleNamespace(dst=source, no_checksum=False), destination)
    return end, Version(source, int(ttl), int(dscp))


def fault_of(arrival, index, version, args):
    """What is wrong with a datagram that says it is number `index`; empty if nothing is."""
    found = Version(arrival.source, arrival.ttl, arrival.dscp)
    if found != version:
        return f"datagram {index} is torn: {found} where {version} was expected"
    if index >= args.count or arrival.payload != payload_make(args.seed, index):
        return f"datagram {index} has another payload"
    return ""


def receive(args, ends):
    """(what was wrong, datagrams by version)"""
    seen, counts, last = set(), collections.Counter(), {}
    sockets = {end.socket: (end, version) for end, version in ends}
    deadline = time.monotonic() + args.timeout
    while len(seen) < args.count:
        ready = select.select(list(sockets), [], [], max(0, deadline - time.monotonic()))[0]
        if not ready:
            missing = sorted(set(range(args.count)) - seen)
            return f"{len(missing)} did not arrive, the first is {missing[0]}", counts
        for sock in ready:
            end, version = sockets[sock]
            arrival = end.receive()
            index = int.from_bytes(arrival.payload[:4], "big")
            wrong = fault_of(arrival, index, version, args)
            if index in seen:
                wrong = f"datagram {index} came twice"
            elif index < last.get(sock, 0):
                wrong = f"datagram {index} came behind {last[sock]}"
            if wrong:
                return wrong, counts
            seen.add(index)
            last[sock] = index
            counts[version.source[1]] += 1
    return "", counts


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("versions", nargs="+", type=version_open)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--seed", default="sluice")
    parser.add_argument("--timeout", type=float, default=20)
    args = parser.parse_args()
    print("ready", flush=True)
    wrong, counts = receive(args, args.versions)
    shares = " ".join(str(counts[version.source[1]]) for _, version in args.versions)
    print(f"done: {wrong or f'all {args.count}: {shares}'}", flush=True)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
