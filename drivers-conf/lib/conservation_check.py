#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Check the conservation law: every packet is forwarded, punted or dropped for a named reason.

usage: conservation_check.py [--flows-removed] [--legs-vary] COMMAND...

COMMAND prints the result of counters.get with flows, as `sluicectl --json counters --flows` does.
The law is exact if no packets are in flight; the check is repeated for at most two seconds. Prints
each equation that is not satisfied; the exit code is 0 if all are.

For each port:  rx_packets = forwarded + punted + packet drops,
                copies + injected = tx_packets + copy drops
For each flow:  packets = forwarded + punted + flow drops
For each leg:   copies = forwarded of its flow,  sent = copies - drops
                (with --legs-vary at most that: legs were added later, were down, or sample)
Total:          forwarded and copies of all flows = those of all ports; punted and dropped for a
                flow's reason at most those (not with --flows-removed: ports include the counts
                of removed flows and legs, and of legs of streams)
"""

import argparse
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


def sum_of(drops, reasons):
    """Packets or copies dropped for one of the reasons."""
    return sum(drops.get(reason, 0) for reason in reasons)


def port_faults(port, packet_drops, copy_drops):
    """Equations of one port that do not hold."""
    drops = port["drops"]
    refused, unsent = sum_of(drops, packet_drops), sum_of(drops, copy_drops)
    unknown = set(drops) - set(packet_drops) - set(copy_drops)
    if unknown:
        yield f"port {port['name']}: reasons that dp/stats.h does not list: {sorted(unknown)}"
    if port["rx_packets"] != port["forwarded"] + port["punted"] + refused:
        yield (f"port {port['name']}: rx_packets {port['rx_packets']} is not forwarded "
               f"{port['forwarded']} + punted {port['punted']} + drops {refused}")
    if port["copies"] + port["injected"] != port["tx_packets"] + unsent:
        yield (f"port {port['name']}: copies {port['copies']} + injected {port['injected']} is not "
               f"tx_packets {port['tx_packets']} + drops {unsent}")


def leg_faults(name, leg, forwarded, legs_vary):
    """Equations of one leg that do not hold."""
    if leg["copies"] > forwarded or (leg["copies"] < forwarded and not legs_vary):
        yield f"{name}: copies {leg['copies']}, but its flow forwarded {forwarded}"
    if leg["sent"] != leg["copies"] - sum(leg["drops"].values()):
        yield (f"{name}: sent {leg['sent']} is not copies {leg['copies']} - drops "
               f"{sum(leg['drops'].values())}")


def flow_faults(flow, legs_vary, flow_drops):
    """Equations of one flow that do not hold."""
    refused = sum(flow["drops"].values())
    unknown = set(flow["drops"]) - set(flow_drops)
    if unknown:
        yield f"flow {flow['id']}: reasons that are no flow's: {sorted(unknown)}"
    if flow["packets"] != flow["forwarded"] + flow["punted"] + refused:
        yield (f"flow {flow['id']}: packets {flow['packets']} is not forwarded "
               f"{flow['forwarded']} + punted {flow['punted']} + drops {refused}")
    for index, leg in enumerate(flow["legs"]):
        yield from leg_faults(f"flow {flow['id']} leg {index}", leg, flow["forwarded"], legs_vary)


def total_faults(counters, flow_drops):
    """Equations between all flows and all ports that do not hold."""
    ports, flows = counters["ports"], counters["flows"]
    sums = {
        "forwarded": sum(flow["forwarded"] for flow in flows),
        "copies": sum(leg["copies"] for flow in flows for leg in flow["legs"]),
    }
    for name, of_flows in sums.items():
        of_ports = sum(port[name] for port in ports)
        if of_ports != of_flows:
            yield f"all ports: {name} {of_ports}, but the flows say {of_flows}"
    # Packets of no flow may be punted as well.
    caused = {"punted": (sum(flow["punted"] for flow in flows),
                         sum(port["punted"] for port in ports))}
    caused |= {reason: (sum(flow["drops"].get(reason, 0) for flow in flows),
                        sum(port["drops"].get(reason, 0) for port in ports))
               for reason in flow_drops}
    for name, (of_flows, of_ports) in caused.items():
        if of_flows > of_ports:
            yield f"all ports: {name} {of_ports}, but the flows say {of_flows}"


def faults(counters, args):
    """All that does not hold, in words."""
    flow_drops, copy_drops = reasons_of("DP_FLOW_DROPS"), reasons_of("DP_COPY_DROPS")
    packet_drops = reasons_of("DP_FRAME_DROPS") + flow_drops
    found = []
    for port in counters["ports"]:
        found += port_faults(port, packet_drops, copy_drops)
    for flow in counters["flows"]:
        found += flow_faults(flow, args.legs_vary, flow_drops)
    if not args.flows_removed:
        found += total_faults(counters, flow_drops)
    return found


def parse_arguments():
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flows-removed", action="store_true")
    parser.add_argument("--legs-vary", action="store_true")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    if not args.command:
        parser.error("the COMMAND is missing")
    return args


def main():
    args = parse_arguments()
    deadline = time.monotonic() + PATIENCE_S
    while True:
        output = subprocess.run(args.command, check=True, stdout=subprocess.PIPE).stdout
        found = faults(json.loads(output), args)
        if not found or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    for line in found:
        print(line)
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
