#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# From a change in the kernel's tables to the first packets by the other router, for a number of legs behind one
# next hop: a route that is replaced, and another MAC address of the router. As a test, it is about the
# order of magnitude; perf/convergence measures with it.
#
# usage: convergence.sh [TRIALS ROW...], a ROW is LEGS:DESTINATIONS:LIMIT_MS, where DESTINATIONS is each or one
# timeout: 900
source "$(dirname "$0")/_lib.sh"
TRIALS=${1:-3}
shift || true
(($# > 0)) || set -- 1:each:2000 1000:each:2000
PROBES=10
test_begin
topology_make 2
box=$RIG_NAME-box
gateways_add 2
rig_address_add h0 eth0 192.0.2.11/24
IPV4_FLOWS=131072
RPC_LIMITS=", max_message_bytes: 67108864"

# Flows with a leg each, all behind the same router: flows_make LEGS DESTINATIONS
flows_make() {
	/usr/bin/python3 - "$RIG_RUN" "$PROBES" "$@" <<-'END'
		import json, sys
		run, probes, legs, destinations = sys.argv[1], *map(int, sys.argv[2:4]), sys.argv[4]
		step = max(legs // probes, 1)
		flows, probed = [], []
		for i in range(legs):
		    src = f"192.0.2.{10 + i // 50000}", 1024 + i % 50000
		    probe = i % step == step - 1 and len(probed) < probes
		    dst = f"10.{1 + i // 50000}.{i // 250 % 200}.{1 + i % 250}" if destinations == "each" \
		        else "10.1.1.1"
		    dst_port = 20000 + len(probed) if probe else 9000
		    if probe:
		        probed.append([*src, dst_port])
		    flows.append({
		        "id": f"f{i}", "match": {"port": "p0", "src": src[0], "src_port": src[1],
		                                  "dst": "192.0.2.1", "dst_port": 5004},
		        "legs": [{"port": "p1", "src": "198.51.100.1", "src_port": 6004,
		                  "dst": dst, "dst_port": dst_port}]})
		for name, value in ("flows", flows), ("probes", probed):
		    with open(f"{run}/{name}.json", "w", encoding="ascii") as file:
		        json.dump(value, file)
	END
}

# Times of the two routers by turns, as JSON: trials ROW LIMIT_MS CHANGE_A CHANGE_B
trials() {
	perf/load/convergence_trials.py "$RIG_NAME" "$TRIALS" "$1" "$RIG_RUN/probes.json" "${@:3}" \
		>"$RIG_RUN/times" || fail "$1: no times"
	cat "$RIG_RUN/times"
	[[ $(json_value "max(d['last_ms']) < $2" <"$RIG_RUN/times") == True ]] ||
		fail "$1: expected $2 ms at most, found $(<"$RIG_RUN/times")"
}

for row; do
	IFS=: read -r legs destinations limit_ms <<<"$row"
	{
		config_af_xdp sluiced 2
		echo "memory_mb: 768"
	} | sluiced_start sluiced
	ip -n "$box" route replace 10.0.0.0/8 via 198.51.100.21
	flows_make "$legs" "$destinations"
	ctl flow add --file "$RIG_RUN/flows.json" >/dev/null
	wait_hop "f$((legs - 1))" mac 02:00:00:00:01:21
	name="$legs to $destinations"
	trials "$name, route" "$limit_ms" \
		"route replace 10.0.0.0/8 via 198.51.100.22" "route replace 10.0.0.0/8 via 198.51.100.21"
	ip -n "$box" route replace 10.0.0.0/8 via 198.51.100.21
	wait_hop "f$((legs - 1))" mac 02:00:00:00:01:21
	trials "$name, MAC address" "$limit_ms" \
		"neigh replace 198.51.100.21 lladdr 02:00:00:00:01:22 dev p1 nud permanent" \
		"neigh replace 198.51.100.21 lladdr 02:00:00:00:01:21 dev p1 nud permanent"
	counters_conserved sluiced
	rig_stop sluiced
done
