# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# A rig with routing daemons: two gateways on the link of the box's p1, and a receiver behind both.
#
#	h0 --- p0 box p1 --- sw --- g1 198.51.100.21, 2001:db8:1::21 --- r 203.0.113.10
#	                      `---- g2 198.51.100.22, 2001:db8:1::22 --- r 2001:db8:9::10
#
# A bridge, sw, is between the box and the gateways, so that the box's link stays up when a gateway
# fails. The daemons have their configuration of docs/examples, and their sockets in the rig.
source "$(dirname "$0")/_lib.sh"
# shellcheck disable=SC2034
MAC1=02:00:00:00:01:21
# shellcheck disable=SC2034
MAC2=02:00:00:00:01:22

# A namespace that is a switch: switch_add SUFFIX
switch_add() {
	rig_netns_add "$1"
	ip -n "$RIG_NAME-$1" link add br0 type bridge mcast_snooping 0
	ip -n "$RIG_NAME-$1" link set br0 up
}

# Connect an interface to a switch, where the port has the same name as its namespace:
# switch_connect SWITCH SUFFIX INTERFACE MAC ADDRESS/LENGTH...
switch_connect() {
	rig_veth_add "$2" "$3" "$1" "$2"
	ip netns exec "$RIG_NAME-$2" ethtool -K "$3" tx off txvlan off >/dev/null
	ip -n "$RIG_NAME-$2" link set "$3" address "$4"
	ip -n "$RIG_NAME-$1" link set "$2" master br0
	rig_address_add "$2" "$3" "${@:5}"
}

gateways_make() {
	local i r=$RIG_NAME-r
	topology_make 1
	switch_add sw
	switch_connect sw box p1 "${BOX_MAC[1]}" "${BOX_IPV4[1]}/24" "${BOX_IPV6[1]}/64"
	rig_netns_add r
	ip -n "$r" addr add 203.0.113.10/32 dev lo
	ip -n "$r" addr add 198.18.5.10/32 dev lo
	ip -n "$r" addr add 2001:db8:9::10/128 dev lo
	for i in 1 2; do
		rig_netns_add "g$i"
		rig_exec "g$i" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
		switch_connect sw "g$i" eth0 "02:00:00:00:01:2$i" "198.51.100.2$i/24" "2001:db8:1::2$i/64"
		rig_veth_add "g$i" behind r "eth$i"
		rig_address_add "g$i" behind "10.1.$i.1/24" "fd01:$i::1/64"
		rig_address_add r "eth$i" "10.1.$i.2/24" "fd01:$i::2/64"
		ip -n "$RIG_NAME-g$i" route add 203.0.113.0/24 via "10.1.$i.2"
		ip -n "$RIG_NAME-g$i" route add 198.18.5.0/24 via "10.1.$i.2"
		ip -n "$RIG_NAME-g$i" route add 2001:db8:9::/48 via "fd01:$i::2"
	done
}

# N flows each of some kinds from h0 to the receiver, and the streams for paced_start in STREAMS. Kinds are
# four, six, and five, which is IPv4 at the service address: media_make N KIND...
media_make() {
	# shellcheck disable=SC2034
	mapfile -t STREAMS < <(/usr/bin/python3 - "$RIG_RUN/flows.json" "$@" <<-'END'
		import json, sys
		KINDS = {"four": ("192.0.2.10", "192.0.2.1", "198.51.100.1", "203.0.113.10"),
		         "five": ("192.0.2.10", "192.0.2.100", "198.51.100.1", "198.18.5.10"),
		         "six": ("2001:db8::10", "2001:db8::1", "2001:db8:1::1", "2001:db8:9::10")}
		path, n, *kinds = sys.argv[1:]
		flows = []
		def end(address, port):
		    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
		for i in range(int(n)):
		    for kind in kinds:
		        sender, match, src, dst = KINDS[kind]
		        at = i + (100 if kind == "five" else 0)
		        flows.append({
		            "id": f"{kind}{i}", "match": {"port": "p0", "dst": match, "dst_port": 5000 + at},
		            "legs": [{"port": "p1", "src": src, "src_port": 6000 + at,
		                      "dst": dst, "dst_port": 7000 + at}]})
		        print(f"{end(sender, 1000 + at)}>{end(match, 5000 + at)}@{end(dst, 7000 + at)}")
		with open(path, "w") as file:
		    json.dump(flows, file)
	END
	)
	ctl flow add --file "$RIG_RUN/flows.json" >/dev/null 2>&1 || fail "no flows: $(ctl flow list)"
}

# Wait until all legs send to these routers, and each has some: wait_by MAC...
wait_by() {
	rig_wait 60 legs_by "$@" || fail "expected legs by $*, found $(legs_macs)"
}

legs_by() {
	[[ $(legs_macs) == "$*" ]]
}

legs_macs() {
	tests/system/next_hops.py macs "$RIG_RUN/sluiced.sock"
}

# Media at a pace, see paced.py: paced_start FROM TO SRC>DST@RECEIVED_AT..., waits until all arrives.
paced_start() {
	local from=$1 to=$2
	shift 2
	rig_spawn paced-in ip netns exec "$RIG_NAME-$to" tests/system/paced.py receive "${@#*@}"
	PACED_PID=$RIG_PID
	rig_wait 30 grep -q '^ready' "$RIG_RUN/paced-in.log" || fail "nothing listens"
	rig_spawn paced-out ip netns exec "$RIG_NAME-$from" tests/system/paced.py send "${@%@*}"
	rig_wait 30 paced_arrives || fail "no media: $PACED"
	paced_read USR2
}

# What was received, lost ... in this phase, as JSON in PACED; with USR2, a new phase begins:
# paced_read [USR2]
paced_read() {
	local before
	before=$(grep -c '^phase' "$RIG_RUN/paced-in.log" || true)
	kill "-${1:-USR1}" "$PACED_PID"
	rig_wait 30 paced_told "$before" || fail "paced.py does not answer"
	PACED=$(sed -n 's/^phase: //p' "$RIG_RUN/paced-in.log" | tail -n 1)
}

paced_told() {
	(($(grep -c '^phase' "$RIG_RUN/paced-in.log") > $1))
}

# Each stream gets packets at present.
paced_arrives() {
	local before
	paced_read
	before=$(json_value "[s['received'] for s in d.values()]" <<<"$PACED")
	sleep 0.1
	paced_read
	[[ $(json_value "all(s['received'] > n for s, n in zip(d.values(), $before))" <<<"$PACED") == True ]]
}

# End a phase in which each stream lost so many packets at most, once all arrive again, and none came
# twice: paced_expect WHAT LOST_MAX
paced_expect() {
	local lost twice
	rig_wait 30 paced_arrives || fail "$1: no media: $PACED"
	paced_read USR2
	lost=$(json_value "max(s['lost'] for s in d.values())" <<<"$PACED")
	twice=$(json_value "sum(s['twice'] for s in d.values())" <<<"$PACED")
	echo "$1: lost at most $lost of $(json_value "max(s['received'] + s['lost'] for s in d.values())" \
		<<<"$PACED"), outage $(json_value "max(s['outage_ms'] for s in d.values())" <<<"$PACED") ms"
	((lost <= $2)) || fail "$1: expected $2 lost at most, found $PACED"
	((twice == 0)) || fail "$1: packets came twice: $PACED"
}
