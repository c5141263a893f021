#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The MTU of a route counts for the legs that leave by it: copies that are longer are dropped as too_long,
# while legs on other routes by the same router go on. A change of it is followed while flows run.
source "$(dirname "$0")/_lib.sh"
test_begin
rig_make 2
box=$RIG_NAME-box
gateways_add 2

# flow ID LOCAL_PORT SOURCE DESTINATION
flow() {
	ctl flow add --id "$1" --match "port=p0,dst=192.0.2.1:$2" --leg "port=p1,src=$3:6004,dst=$4:7004"
}

# Datagrams of so many bytes of IP, which the legs send in IPv4: sent LOCAL_PORT IP_BYTES COUNT
sent() {
	rig_exec h0 /usr/bin/python3 - "$@" <<-'END'
		import socket, sys
		to, size, count = map(int, sys.argv[1:])
		sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		for _ in range(count):
		    sender.sendto(bytes(size - 28), ("192.0.2.1", to))
	END
}

# expect MTU FROM of FLOW: what its leg has in effect
wait_mtu() {
	wait_hop "$1" mtu "$2"
	hop_is "$1" mtu_from "$3" || fail "$1: mtu_from is $(hop_value "$1" mtu_from)"
}

ip -n "$box" route add 203.0.113.0/25 via 198.51.100.21 mtu 1000
ip -n "$box" route add 203.0.113.128/25 via 198.51.100.21
ip -n "$box" -6 route add 2001:db8:9::/48 via 2001:db8:1::21 mtu 1300
flow less 5001 198.51.100.1 203.0.113.10
flow plain 5002 198.51.100.1 203.0.113.130
flow six 5003 '[2001:db8:1::1]' '[2001:db8:9::10]'
for id in less plain six; do wait_hop "$id" state resolved; done
wait_mtu less 1000 route
wait_mtu plain 1500 interface
wait_mtu six 1300 route
shown=$(ctl flow show less)
[[ $shown == *"1000 by route"* ]] || fail "not shown: $shown"

sent 5001 1000 20
sent 5001 1001 30
sent 5002 1500 20
expect_counter flow:less.legs.0.sent 20
expect_counter flow:less.legs.0.drops.too_long 30
expect_counter flow:plain.legs.0.sent 20
# The header of IPv6 has 20 bytes more.
sent 5003 1280 20
sent 5003 1281 30
expect_counter flow:six.legs.0.sent 20
expect_counter flow:six.legs.0.drops.too_long 30

# At run time: another MTU, none, one of a group of next-hop objects.
ip -n "$box" route change 203.0.113.0/25 via 198.51.100.21 mtu 600
wait_mtu less 600 route
sent 5001 601 5
expect_counter flow:less.legs.0.drops.too_long 35
ip -n "$box" route change 203.0.113.0/25 via 198.51.100.21
wait_mtu less 1500 interface
sent 5001 1500 20
expect_counter flow:less.legs.0.sent 40
ip -n "$box" -6 route change 2001:db8:9::/48 via 2001:db8:1::21
wait_mtu six 1500 interface
for i in 1 2; do
	ip -n "$box" nexthop add id "$i" via "198.51.100.2$i" dev p1
done
ip -n "$box" nexthop add id 10 group 1/2
ip -n "$box" route replace 203.0.113.0/25 nhid 10 mtu 1100
wait_mtu less 1100 route
# By either router, as the group changes.
for i in 1 2; do
	ip -n "$box" nexthop replace id 10 group "$i"
	wait_hop less mac "02:00:00:00:01:2$i"
	wait_mtu less 1100 route
done
# More than the interface's does not count.
ip -n "$box" route replace 203.0.113.0/25 nhid 10 mtu 1600
wait_mtu less 1500 interface
