#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copies into a port without a link are dropped by name from 100 ms after the kernel knows on, whether
# the leg names a MAC address or the kernel resolved one; they go out again when the link is back.
source "$(dirname "$0")/_lib.sh"
test_begin
rig_make 2

from=port=p1,src=198.51.100.1
ctl flow add --id static --match port=p0,src=192.0.2.10:1004,dst=192.0.2.1:5004 \
	--leg "$from:6004,dst=198.51.100.10:7004,mac=${HOST_MAC[1]}"
ctl flow add --id routed --match port=p0,src=192.0.2.10:1006,dst=192.0.2.1:5006 \
	--leg $from:6006,dst=198.51.100.10:7006
ctl flow add --id both --match port=p0,src=192.0.2.10:1008,dst=192.0.2.1:5008 \
	--leg "$from:6008,dst=198.51.100.10:7008,mac=${HOST_MAC[1]}" \
	--leg port=p0,src=192.0.2.1:6008,dst=192.0.2.10:7008
ctl flow add --id back --match port=p1,src=198.51.100.10:1004,dst=198.51.100.1:5004 \
	--leg port=p0,src=192.0.2.1:6008,dst=192.0.2.10:7008

streams_start() {
	local port
	for port in 5004 5006 5008; do
		rig_spawn "stream$port" ip netns exec "$RIG_NAME-h0" tests/system/media.py send \
			--src "192.0.2.10:$((port - 4000))" --dst "192.0.2.1:$port" --count 60000 --gap-us 2000 rtp
		rig_wait 20 counter_grows "p0.rx_packets" || fail "nothing arrives for $port"
	done
}

counter_grows() {
	local before
	before=$(counter_read "$1")
	sleep 0.2
	(($(counter_read "$1") > before))
}

# What the first legs of the three flows have sent.
legs_sent() {
	ctl --json counters --flows | json_value "{f['id']: f['legs'][0]['sent'] for f in d['flows']}"
}

# The link is down since a moment: nothing is sent, each copy is dropped for that, and all views say so.
down_expect() {
	local why=$1 before trace
	sleep 0.1
	before=$(legs_sent)
	counter_grows flow:static.legs.0.drops.port_down || fail "$why: no drop of static"
	counter_grows flow:routed.legs.0.copies || fail "$why: no copies of routed"
	counter_grows flow:both.legs.0.drops.port_down || fail "$why: no drop of both"
	counter_grows flow:both.legs.1.sent || fail "$why: the other leg does not go on"
	[[ $(legs_sent) == "$before" ]] || fail "$why: sent $before, then $(legs_sent)"
	[[ $(ctl flow show static) == *"less 1  port down"* ]] || fail "$why: $(ctl flow show static)"
	[[ $(ctl flow list) == *"port p1 down"* ]] || fail "$why: $(ctl flow list)"
	trace=$(ctl trace p0 --from 192.0.2.10:1004 --to 192.0.2.1:5004)
	[[ $trace == *"port_down: egress port has no link"* ]] || fail "$why: $trace"
}

up_expect() {
	local id
	for id in static routed both; do
		rig_wait 20 counter_grows "flow:$id.legs.0.sent" || fail "$id does not resume"
	done
	[[ $(ctl flow show static) != *"port down"* ]] || fail "$(ctl flow show static)"
}

# The kernel has forgotten the neighbour, and perhaps the route: the link is the cause of that.
lost_expect() {
	local why=$1 before
	routed_pending() {
		[[ $(flow_value routed "d['legs'][0]['next_hop']['state']") == pending ]]
	}
	rig_wait 20 routed_pending || fail "$why: routed is not pending"
	before=$(flow_value routed "d['legs'][0]['drops'].get('unresolved', 0)")
	counter_grows flow:routed.legs.0.drops.port_down || fail "$why: no drop of routed"
	[[ $(flow_value routed "d['legs'][0]['drops'].get('unresolved', 0)") == "$before" ]] ||
		fail "$why: routed drops as unresolved"
}

# A flow whose packets come by a port without a link is not well.
ingress_expect() {
	[[ $(ctl flow list | grep '^back ') == *port_down*"port p1 down" ]] || fail "$(ctl flow list)"
}

streams_start
up_expect
rig_exec h1 ip link set eth0 down
down_expect "the peer's end is down"
# Until the kernel forgets the neighbour, the link is the reason for that flow as well.
(($(flow_value routed "d['legs'][0]['drops'].get('port_down', 0)") > 0)) || fail "routed: no port_down"
ingress_expect
grep -q "warning: port p1: link is down" "$RIG_RUN/sluiced.log" || fail "not logged"
rig_exec h1 ip link set eth0 up
up_expect
rig_exec box ip link set p1 down
down_expect "the interface is taken down"
lost_expect "the interface is taken down"
why=$(ctl flow show routed)
[[ $why == *"pending: the link of port p1 is down"* ]] || fail "it does not say why it is pending: $why"
rig_exec box ip link set p1 up
up_expect
rig_exec box ip link del p1
down_expect "the interface is deleted"
lost_expect "the interface is deleted"
ingress_expect
grep -q "warning: port p1: its interface was deleted: " "$RIG_RUN/sluiced.log" ||
	fail "not logged"
[[ $(ctl port list) == *"p1: its interface was deleted: "* ]] || fail "$(ctl port list)"
why=$(ctl flow show routed)
[[ $why == *"pending: the port's interface was deleted; create it and restart sluiced"$'\n'* ]] ||
	fail "it does not say why it is pending: $why"
