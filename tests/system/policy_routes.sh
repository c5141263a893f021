#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A next hop is that of the very packet: policy rules by source, DSCP and mark, IPv6 routes for one source,
# IPv4 routes by IPv6 routers, and next-hop objects. Legs of another source, with the same destination,
# have the answer of theirs. What moves while media flows loses none of it.
source "$(dirname "$0")/_lib.sh"
test_begin
topology_make 2
box=$RIG_NAME-box
gateways_add 2
mac1=02:00:00:00:01:21
mac2=02:00:00:00:01:22
ip -n "$box" addr add 198.51.100.2/24 dev p1
ip -n "$box" addr add 2001:db8:1::2/64 dev p1
config_af_xdp sluiced 2 | sluiced_start sluiced

# flow ID LOCAL_PORT SOURCE DESTINATION [MORE]
flow() {
	ctl flow add --id "$1" --match "port=p0,dst=192.0.2.1:$2" \
		--leg "port=p1,src=$3:6004,dst=$4:7004${5:-}"
}

# Media in the background, of so many packets: media_start FLOW_PORT COUNT, media_end
media_start() {
	rig_spawn media ip netns exec "$RIG_NAME-h0" tests/system/udp.py send \
		--src 192.0.2.10:1000 --dst "192.0.2.1:$1" --count "$2" --gap-us 1000
}

media_end() {
	rig_wait 30 rig_ended media || fail "the sender does not end"
}

# All of a flow's packets were sent to some router: expect_sent FLOW COUNT
expect_sent() {
	expect_counter "flow:$1.packets" "$2"
	expect_flow_drops "$1" unresolved 0
}

# Two sources, one destination: main's route for one of them, table 77 for the other.
ip -n "$box" route add 203.0.113.0/24 via 198.51.100.21
ip -n "$box" route add default via 198.51.100.22 table 77
flow main 5001 198.51.100.1 203.0.113.10
flow ruled 5002 198.51.100.2 203.0.113.10
wait_hop ruled mac "$mac1"
ip -n "$box" rule add from 198.51.100.2 lookup 77
wait_hop ruled mac "$mac2"
hop_is main mac "$mac1" || fail "main went with the rule of another source"

# The route of main's table goes while media of the other source flows.
before1=$(gateway_got 1)
before2=$(gateway_got 2)
media_start 5002 1000
sleep 0.3
ip -n "$box" route del 203.0.113.0/24
wait_hop main reason "no route to 203.0.113.10 out of p1"
media_end
expect_sent ruled 1000
(($(gateway_got 2) - before2 >= 1000)) || fail "mv2 got $(($(gateway_got 2) - before2)) of 1000"
(($(gateway_got 1) - before1 < 100)) || fail "mv1 got frames of the other source"

# Changes in a table other than main.
ip -n "$box" route replace default via 198.51.100.21 table 77
wait_hop ruled mac "$mac1"
ip -n "$box" rule del from 198.51.100.2 lookup 77
wait_hop ruled state pending

# By DSCP: the leg that sets it, and not the one that keeps what came.
ip -n "$box" route add 203.0.113.0/24 via 198.51.100.21
ip -n "$box" route add default via 198.51.100.22 table 78
ip -n "$box" rule add tos 0x10 lookup 78
flow marked 5003 198.51.100.1 203.0.113.10 ,dscp=4
wait_hop marked mac "$mac2"
wait_hop main mac "$mac1"

# A source that is no address of the host is not looked for in the rules, and has a route all the same.
flow foreign 5004 198.18.0.1 203.0.113.10
wait_hop foreign mac "$mac1"

# By mark, which is not sent: the leg of that mark, and legs of another one do not share its answer.
ip -n "$box" rule add fwmark 7 lookup 78
flow seven 5007 198.51.100.1 203.0.113.10 ,mark=7
flow eight 5008 198.51.100.1 203.0.113.10 ,mark=8
wait_hop seven mac "$mac2"
wait_hop eight mac "$mac1"
[[ $(ctl flow show seven) == *"up, mark 7"* ]] || fail "not shown: $(ctl flow show seven)"
before2=$(gateway_got 2)
send h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5007 --count 100
expect_sent seven 100
(($(gateway_got 2) - before2 >= 100)) || fail "mv2 got $(($(gateway_got 2) - before2)) of 100"
ip -n "$box" rule del fwmark 7 lookup 78
wait_hop seven mac "$mac1"
if ctl flow add --id both --match port=p0,dst=192.0.2.1:5009 --leg \
	port=p1,src=198.51.100.1:6004,dst=203.0.113.10:7004,mark=7,next-hop=198.51.100.21 2>"$RIG_RUN/refused"; then
	fail "a leg with mark and next_hop is accepted"
fi
grep -q "mark=: found it with next_hop" "$RIG_RUN/refused" || fail "$(cat "$RIG_RUN/refused")"

# IPv6: rules, routes for one source only, and routers by their link-local address.
ip -n "$box" -6 route add 2001:db8:9::/48 from 2001:db8:1::2 via 2001:db8:1::22 dev p1
flow six 5005 '[2001:db8:1::2]' '[2001:db8:9::10]'
wait_hop six mac "$mac2"
flow other 5006 '[2001:db8:1::1]' '[2001:db8:9::10]'
wait_hop other reason "no route to 2001:db8:9::10 out of p1"
ip -n "$box" -6 route add 2001:db8:8::/47 via fe80::ff:fe00:121 dev p1
wait_hop other mac "$mac1"
hop_is other address fe80::ff:fe00:121 || fail "other has $(hop_value other address)"
hop_is six mac "$mac2" || fail "six went with the route of other sources"
ip -n "$box" -6 route add default via 2001:db8:1::21 dev p1 table 79
ip -n "$box" -6 rule add from 2001:db8:1::2 lookup 79
wait_hop six mac "$mac1"

# An IPv4 route by an IPv6 router (RFC 8950), which is resolved in IPv6.
ip -n "$box" route replace 203.0.113.0/24 via inet6 fe80::ff:fe00:122 dev p1
wait_hop main mac "$mac2"
hop_is main address fe80::ff:fe00:122 || fail "main has $(hop_value main address)"
before2=$(gateway_got 2)
send h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5001 --count 100
expect_sent main 100
(($(gateway_got 2) - before2 >= 100)) || fail "mv2 got $(($(gateway_got 2) - before2)) of 100"

# A next-hop object that is replaced while media flows, of IPv4 and IPv6 routes, and a group of one.
ip -n "$box" nexthop add id 1 via 198.51.100.21 dev p1
ip -n "$box" nexthop add id 2 via 2001:db8:1::21 dev p1
ip -n "$box" nexthop add id 3 group 2
ip -n "$box" route replace 203.0.113.0/24 nhid 1
ip -n "$box" -6 route replace 2001:db8:8::/47 nhid 3
wait_hop main mac "$mac1"
wait_hop other mac "$mac1"
media_start 5001 1000
sleep 0.3
ip -n "$box" nexthop replace id 1 via 198.51.100.22 dev p1
ip -n "$box" nexthop replace id 2 via 2001:db8:1::22 dev p1
wait_hop main mac "$mac2"
wait_hop other mac "$mac2"
media_end
expect_sent main 1100
ip -n "$box" nexthop del id 1
wait_hop main reason "no route to 203.0.113.10 out of p1"
# The kernel says no more than the object's number.
ip netns exec "$box" sysctl -qw net.ipv4.nexthop_compat_mode=0
ip -n "$box" nexthop add id 1 via inet6 fe80::ff:fe00:121 dev p1
ip -n "$box" route add 203.0.113.0/24 nhid 1
wait_hop main mac "$mac1"

# An interface in a VRF, which has a table of its own.
if ip -n "$box" link add vrf9 type vrf table 9 2>/dev/null; then
	ip -n "$box" link set vrf9 up
	ip -n "$box" link set p1 vrf vrf9
	ip -n "$box" route add 203.0.113.0/24 via 198.51.100.22 table 9
	wait_hop main mac "$mac2"
fi
