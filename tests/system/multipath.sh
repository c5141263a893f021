#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Legs share the paths of an ECMP route, each by one: its packets do not overtake each other. When a
# path goes, from the route, from a next-hop group, or because its router does not answer, its own
# legs go to the others while the rest stay; they return with it. Media of the others is not touched.
source "$(dirname "$0")/_lib.sh"
LEGS=120
test_begin
rig_make 2
box=$RIG_NAME-box
gateways_add 3

# Flow to DESTINATION with 120 legs that differ by their UDP ports: flow ID LOCAL_PORT SOURCE DESTINATION
flow() {
	/usr/bin/python3 - "$@" "$LEGS" >"$RIG_RUN/$1.json" <<-'END'
		import json, sys
		name, port, src, dst, n = sys.argv[1:]
		print(json.dumps([{"id": name, "match": {"port": "p0", "dst": "192.0.2.1", "dst_port": int(port)},
		    "legs": [{"port": "p1", "src": src, "src_port": 6000, "dst": dst, "dst_port": 20000 + i}
		             for i in range(int(n))]}]))
	END
	ctl flow add --file "$RIG_RUN/$1.json" >/dev/null
}

# The router of each leg by the last digit of its MAC address; "-": none.
legs_by() {
	flow_value "$1" "' '.join((l['next_hop'].get('mac') or '-')[-1] for l in d['legs'])"
}

# How many legs each router has: shares FLOW
shares() {
	legs_by "$1" | tr ' ' '\n' | sort | uniq -c | awk '{ printf "%s:%s ", $2, $1 }'
}

# Routers that have some legs, and no leg is without one: routers_are FLOW "1 2 3"
routers_are() {
	[[ $(legs_by "$1" | tr ' ' '\n' | sort -u | tr '\n' ' ') == "$2 " ]]
}

wait_routers() {
	rig_wait 50 routers_are "$1" "$2" || fail "$1: expected legs by $2, found $(shares "$1")"
}

# Legs that were by ROUTER are by others now, all others are where they were: only_moved OLD NEW ROUTER
only_moved() {
	/usr/bin/python3 - "$@" <<-'END'
		import sys
		old, new, router = sys.argv[1].split(), sys.argv[2].split(), sys.argv[3]
		bad = [i for i, (a, b) in enumerate(zip(old, new)) if (a == router) == (a == b)]
		sys.exit(f"legs {bad} are not where they ought to be" if bad else 0)
	END
}

# A path goes and comes back: path_leaves FLOW ROUTER LEFT GO BACK, the last two are commands.
path_leaves() {
	local before after
	before=$(legs_by "$1")
	eval "$4"
	wait_routers "$1" "$3"
	after=$(legs_by "$1")
	only_moved "$before" "$after" "$2" || fail "$1: router $2 left by: $4"
	eval "$5"
	wait_routers "$1" "1 2 3"
	[[ $(legs_by "$1") == "$before" ]] || fail "$1: not as before after: $5"
}

via1='nexthop via 198.51.100.21'
via2='nexthop via 198.51.100.22'
via3='nexthop via 198.51.100.23'
# shellcheck disable=SC2086
ip -n "$box" route add 203.0.113.0/24 $via1 $via2 $via3
flow four 5001 198.51.100.1 203.0.113.10
wait_routers four "1 2 3"
least=$(shares four | tr ' ' '\n' | sed -n 's/.*://p' | sort -n | head -n 1)
((least >= LEGS / 6)) || fail "shares are not even: $(shares four)"

# While media flows: no copy is lost but those on the way to a router that goes.
rig_spawn media ip netns exec "$RIG_NAME-h0" tests/system/udp.py send \
	--src 192.0.2.10:1000 --dst 192.0.2.1:5001 --count 500 --gap-us 10000
path_leaves four 2 "1 3" "ip -n $box route replace 203.0.113.0/24 $via1 $via3" \
	"ip -n $box route replace 203.0.113.0/24 $via1 $via2 $via3"
rig_wait 30 rig_ended media || fail "the sender does not end"
expect_counter flow:four.packets 500
expect_flow_drops four unresolved 0

# Groups of next-hop objects, in IPv4 and IPv6.
for i in 1 2 3; do
	ip -n "$box" nexthop add id "$i" via "198.51.100.2$i" dev p1
	ip -n "$box" nexthop add id "6$i" via "2001:db8:1::2$i" dev p1
done
ip -n "$box" nexthop add id 10 group 1/2/3
ip -n "$box" nexthop add id 60 group 61/62/63
ip -n "$box" route replace 203.0.113.0/24 nhid 10
ip -n "$box" route add 2001:db8:9::/48 nhid 60
flow six 5002 2001:db8:1::1 2001:db8:9::10
path_leaves four 3 "1 2" "ip -n $box nexthop replace id 10 group 1/2" \
	"ip -n $box nexthop replace id 10 group 1/2/3"
wait_routers six "1 2 3"
path_leaves six 1 "2 3" "ip -n $box nexthop del id 61" \
	"ip -n $box nexthop add id 61 via 2001:db8:1::21 dev p1; ip -n $box nexthop replace id 60 group 61/62/63"

# A router that does not answer any more: the route stays as it is.
path_leaves four 1 "2 3" \
	"ip -n $RIG_NAME-h1 link set mv1 down; ip -n $box neigh change 198.51.100.21 dev p1 nud failed" \
	"ip -n $RIG_NAME-h1 link set mv1 up"

# Weights.
# shellcheck disable=SC2086
ip -n "$box" route replace 203.0.113.0/24 $via1 weight 8 $via2
wait_routers four "1 2"
(($(shares four | sed 's/.*1:\([0-9]*\).*/\1/') > LEGS * 3 / 4)) || fail "expected 8 to 1: $(shares four)"
