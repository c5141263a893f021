#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Does the conservation law hold? Every packet is forwarded or dropped by a named reason.

usage: conservation_check.py [--flows-removed] COMMAND...

COMMAND prints the result of counters.get with flows, as `sluicectl --json counters --flows` does.
The law is exact at rest; it is asked for two seconds at most, until what was in flight has landed.
Prints each equation that does not hold; the exit code is 0 only if all do.

For each port:  rx_packets = forwarded + packet drops,  copies = tx_packets + copy drops
For each flow:  a leg's copies = the flow's packets,  a leg's sent = copies - drops
Together:       the packets of all flows = forwarded of all ports, and the same for copies
                (not with --flows-removed: what a removed flow counted is still in its ports)
"""

import json
import pathlib
import re
import subprocess
import sys
import time

STATS_H = pathlib.Path(__file__).resolve().parents[2] / "dataplane/include/dp/stats.h"
PATIENCE_S = 2.0


def reasons_of(list_name):
    """Names of one of the X-macro lists of drop reasons."""
    text = STATS_H.read_text(encoding="utf-8")
    body = re.search(rf"#define {list_name}\(X\)((?:.*\\\n)*.*\n)", text).group(1)
    return re.findall(r"\bX\((\w+),", body)


def port_faults(port, packet_drops, copy_drops):
    """Equations of one port that do not hold."""
    drops = port["drops"]
    refused = sum(drops.get(reason, 0) for reason in packet_drops)
    unsent = sum(drops.get(reason, 0) for reason in copy_drops)
    unknown = set(drops) - set(packet_drops) - set(copy_drops)
    if unknown:
        yield f"port {port['name']}: reasons that dp/stats.h does not list: {sorted(unknown)}"
    if port["rx_packets"] != port["forwarded"] + refused:
        yield (f"port {port['name']}: rx_packets {port['rx_packets']} is not "
               f"forwarded {port['forwarded']} + drops {refused}")
    if port["copies"] != port["tx_packets"] + unsent:
        yield (f"port {port['name']}: copies {port['copies']} is not "
               f"tx_packets {port['tx_packets']} + drops {unsent}")


def flow_faults(flow):
    """Equations of one flow that do not hold."""
    for index, leg in enumerate(flow["legs"]):
        name = f"flow {flow['id']} leg {index}"
        if leg["copies"] != flow["packets"]:
            yield f"{name}: copies {leg['copies']} is not the flow's packets {flow['packets']}"
        if leg["sent"] != leg["copies"] - sum(leg["drops"].values()):
            yield (f"{name}: sent {leg['sent']} is not copies {leg['copies']} - drops "
                   f"{sum(leg['drops'].values())}")


def total_faults(counters):
    """Equations between all flows and all ports that do not hold."""
    ports, flows = counters["ports"], counters["flows"]
    sums = {
        "forwarded": sum(flow["packets"] for flow in flows),
        "copies": sum(leg["copies"] for flow in flows for leg in flow["legs"]),
    }
    for name, of_flows in sums.items():
        of_ports = sum(port[name] for port in ports)
        if of_ports != of_flows:
            yield f"all ports: {name} {of_ports}, but the flows say {of_flows}"


def faults(counters, flows_removed, packet_drops, copy_drops):
    """All that does not hold, in words."""
    found = []
    for port in counters["ports"]:
        found += port_faults(port, packet_drops, copy_drops)
    for flow in counters["flows"]:
        found += flow_faults(flow)
    if not flows_removed:
        found += total_faults(counters)
    return found


def main():
    args = sys.argv[1:]
    flows_removed = args[:1] == ["--flows-removed"]
    command = args[1:] if flows_removed else args
    if not command or command[0] in ("-h", "--help"):
        sys.exit(__doc__)
    packet_drops, copy_drops = reasons_of("DP_PACKET_DROPS"), reasons_of("DP_COPY_DROPS")
    deadline = time.monotonic() + PATIENCE_S
    while True:
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
        found = faults(json.loads(output), flows_removed, packet_drops, copy_drops)
        if not found or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    for line in found:
        print(line)
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
