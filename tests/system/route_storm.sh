#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A storm of 20,000 route changes, more than the notification socket holds: other calls are answered
# meanwhile, and no next hop is stale afterwards, for 2,000 legs to 2,000 destinations.
source "$(dirname "$0")/_lib.sh"
ROUTES=20000
CALL_MS_MAX=100
test_begin
IPV4_FLOWS=4096
rig_make 2
control=$(rig_pid sluiced)
box=$RIG_NAME-box
gateways_add 2
mac1=02:00:00:00:01:21
mac2=02:00:00:00:01:22

# 10.0.0.0/8 and 20,000 networks of it: routes COMMAND ROUTER
routes() {
	awk -v n="$ROUTES" -v command="$1" -v router="$2" 'BEGIN {
		for (i = 0; i < n; i++)
			printf "route %s 10.%d.%d.0/24 via %s\n", command, i / 256, i % 256, router
	}'
}

ip -n "$box" route add 10.0.0.0/8 via 198.51.100.21
/usr/bin/python3 - >"$RIG_RUN/flows.json" <<'END'
import json
print(json.dumps([{
    "id": f"f{i}",
    "match": {"port": "p0", "dst": "192.0.2.1", "dst_port": 10000 + i},
    "legs": [{"port": "p1", "src": "198.51.100.1", "src_port": 6004,
              "dst": f"10.{i % 78}.{i // 78}.1", "dst_port": 7004}]} for i in range(2000)]))
END
ctl flow add --file "$RIG_RUN/flows.json" >/dev/null
wait_hop f1999 mac "$mac1"


# How fast calls are answered while a batch of changes is made: calls_during BATCH_FILE
calls_during() {
	rig_spawn batch ip -n "$box" -batch "$1"
	tests/system/next_hops.py answer "$RIG_RUN/sluiced.sock" "$control" "$RIG_PID" \
		"$CALL_MS_MAX" ||
		fail "calls are not answered while $1 is run"
	[[ ! -s $RIG_RUN/batch.log ]] || fail "$1: $(tail -n 1 "$RIG_RUN/batch.log")"
}

all_by() {
	tests/system/next_hops.py all_by "$RIG_RUN/sluiced.sock" "$1"
}

wait_all_by() {
	rig_wait 60 all_by "$1" || fail "$(all_by "$1" 2>&1)"
}

wait_all_by "$mac1"
for change in add:198.51.100.22 replace:198.51.100.21 replace:198.51.100.22 del:198.51.100.22; do
	routes "${change%:*}" "${change#*:}" >"$RIG_RUN/$change"
done

# Each network gets a route of its own, which moves, and moves back.
calls_during "$RIG_RUN/add:198.51.100.22"
wait_all_by "$mac2"
calls_during "$RIG_RUN/replace:198.51.100.21"
wait_all_by "$mac1"
calls_during "$RIG_RUN/replace:198.51.100.22"
wait_all_by "$mac2"

# Control sleeps while a neighbour that no leg has fills the socket, so that the notifications of the
# routes are lost.
awk 'BEGIN {
	for (i = 0; i < 20000; i++)
		printf "neigh replace 198.51.100.99 lladdr 02:00:00:00:99:%02x dev p1\n", i % 2
}' >"$RIG_RUN/neighbours"
kill -STOP "$control"
ip -n "$box" -batch "$RIG_RUN/neighbours"
ip -n "$box" -batch "$RIG_RUN/del:198.51.100.22"
overruns=$(awk '$2 == 0 { n += $9 } END { print n + 0 }' "/proc/$control/net/netlink")
kill -CONT "$control"
((overruns > 0)) || fail "the notification socket was not overrun"
wait_all_by "$mac1"

# Media is that of now.
before1=$(gateway_got 1)
send h0 --src 192.0.2.10:1000 --dst 192.0.2.1:10777 --count 100
expect_counter flow:f777.packets 100
expect_flow_drops f777 unresolved 0
(($(gateway_got 1) - before1 >= 100)) || fail "mv1 got $(($(gateway_got 1) - before1)) of 100"
