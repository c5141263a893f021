#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Print a line of rates and counters per second.

usage: live_line.py SECONDS LEG,LEG,... COMMAND...

COMMAND prints the result of counters.get with flows. Ends after SECONDS lines. Flows with as many
legs as there are LEG arguments have a column for each leg with its sent packets.
"""

import json
import subprocess
import sys
import time


def read_counters(command):
    """Read all counters; exit on failure."""
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE)
    if done.returncode != 0:
        sys.exit(f"no counters: {command[0]} ended with {done.returncode}")
    return json.loads(done.stdout)


def drops_text(ports):
    """Drops of all ports by reason, those that happened."""
    reasons = {}
    for port in ports:
        for reason, count in port["drops"].items():
            reasons[reason] = reasons.get(reason, 0) + count
    return ", ".join(f"{reason} {count}" for reason, count in reasons.items() if count) or "none"


def column_width(name, legs):
    """Of a flow: its name, or five digits a leg, whichever is longer."""
    return max(len(name), 6 * len(legs) - 1)


def legs_text(flow):
    """What each leg of a flow sent: "  120   120"."""
    leg_width = (column_width(flow["id"], flow["legs"]) + 1) // len(flow["legs"]) - 1
    sent = " ".join(f"{leg['sent']:{leg_width}d}" for leg in flow["legs"])
    return f"{sent:>{column_width(flow['id'], flow['legs'])}}"


def print_heads(flows, legs):
    """Two lines: the flows, and the legs below each."""
    names = "".join(f"  {name:>{column_width(name, legs)}}" for name in flows)
    below = "".join(
        f"  {' '.join(f'{leg:>5}' for leg in legs):>{column_width(name, legs)}}" for name in flows
    )
    print(f"  {'time':>4}  {'pkt/s':>5}  {'Mbit/s':>6}{names}")
    print(f"  {'':>4}  {'sent':>5}  {'sent':>6}{below}  drops", flush=True)


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    seconds, legs, command = int(sys.argv[1]), sys.argv[2].split(","), sys.argv[3:]
    before = read_counters(command)
    shown = [flow["id"] for flow in before["flows"] if len(flow["legs"]) == len(legs)]
    print_heads(shown, legs)
    start = time.monotonic()
    for second in range(1, seconds + 1):
        time.sleep(max(0.0, start + second - time.monotonic()))
        now = read_counters(command)
        elapsed = (now["monotonic_ns"] - before["monotonic_ns"]) / 1e9
        packets, octets = (
            sum(port[name] for port in now["ports"]) - sum(port[name] for port in before["ports"])
            for name in ("tx_packets", "tx_bytes")
        )
        flows = {flow["id"]: flow for flow in now["flows"]}
        columns = "".join(f"  {legs_text(flows[name])}" for name in shown if name in flows)
        print(f"  {second:2d} s  {packets / elapsed:5.0f}  {octets * 8 / elapsed / 1e6:6.2f}"
              f"{columns}  {drops_text(now['ports'])}", flush=True)
        before = now


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
