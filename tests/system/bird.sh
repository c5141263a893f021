#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# BIRD in the box learns IPv4 and IPv6 routes over two gateways by BGP and BFD, and legs follow: media is
# not interrupted when a gateway withdraws or announces a route, or when both share the legs. If a
# gateway falls silent without a link going down, what BFD needs to find out is lost, and no more.
source "$(dirname "$0")/_routing.sh"
BFD_LOST_MAX=4000 # ms, one packet each: 900 of BFD, and what the daemons of a busy machine take
FLOWS=8
test_begin
gateways_make
config_af_xdp sluiced 2 | sluiced_start sluiced

bird_start() {
	rig_spawn "bird-$1" ip netns exec "$RIG_NAME-$1" \
		bird -f -c "$2" -s "$RIG_RUN/bird-$1.ctl" -P "$RIG_RUN/bird-$1.pid"
}

# Commands of birdc: bird HOST COMMAND...
bird() {
	birdc -s "$RIG_RUN/bird-$1.ctl" "${@:2}" >"$RIG_RUN/birdc.log" || fail "birdc: $(cat "$RIG_RUN/birdc.log")"
}

session_up() {
	birdc -s "$RIG_RUN/bird-box.ctl" show protocols | grep -q "^$1 .*Established"
}

# A gateway with that MED: the lower one is better. gateway_write I MED
gateway_write() {
	sed "s/ROUTER/$1/; s/MED/$2/" tests/system/bird_gateway.conf >"$RIG_RUN/g$1.conf"
}

media_make $FLOWS four six
gateway_write 1 0
gateway_write 2 100
bird_start g1 "$RIG_RUN/g1.conf"
bird_start g2 "$RIG_RUN/g2.conf"
bird_start box docs/examples/bird/bird.conf
wait_by $MAC1
rig_wait 60 session_up gateway2 || fail "no session with gateway 2"
paced_start h0 r "${STREAMS[@]}"

bird g1 disable behind4
bird g1 disable behind6
wait_by $MAC2
paced_expect "the better route is withdrawn" 0
bird g1 enable behind4
bird g1 enable behind6
wait_by $MAC1
paced_expect "it is announced again" 0

gateway_write 2 0
bird g2 configure
wait_by $MAC1 $MAC2
paced_expect "both gateways share the legs" 0
ip -n "$RIG_NAME-sw" link set g1 down
wait_by $MAC2
paced_expect "a gateway of two falls silent" $BFD_LOST_MAX
ip -n "$RIG_NAME-sw" link set g1 up
wait_by $MAC1 $MAC2
paced_expect "it is back" 0

gateway_write 1 100
bird g1 configure
wait_by $MAC2
paced_expect "the other one becomes the better" 0
ip -n "$RIG_NAME-sw" link set g2 down
wait_by $MAC1
paced_expect "it falls silent" $BFD_LOST_MAX
