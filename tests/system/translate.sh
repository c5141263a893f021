#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# IPv4 in, IPv6 out, and the other way round, between kernel sockets: every datagram, in order,
# bit-exact, with checksums that the receiving kernel finds right. An IPv4 datagram without a UDP
# checksum gets one, as IPv6 demands (RFC 8200, 8.1); in IPv4 alone it stays without.
source "$(dirname "$0")/_lib.sh"
test_begin
rig_make 2

ctl flow add --id up --match port=p0,dst=192.0.2.1:5004 \
	--leg 'port=p1,src=[2001:db8:1::1]:6004,dst=[2001:db8:1::10]:7004'
ctl flow add --id down --match 'port=p0,dst=[2001:db8:0::1]:5004' \
	--leg port=p1,src=198.51.100.1:6004,dst=198.51.100.10:7004
ctl flow add --id set --match port=p0,dst=192.0.2.1:5006 \
	--leg 'port=p1,src=[2001:db8:1::1]:6006,dst=[2001:db8:1::10]:7006,ttl=9,dscp=46'
ctl flow add --id both --match port=p0,dst=192.0.2.1:5008 \
	--leg 'port=p1,src=[2001:db8:1::1]:6008,dst=[2001:db8:1::10]:7008' \
	--leg port=p1,src=198.51.100.1:6008,dst=198.51.100.10:7008

receive_start up h1 --src '[2001:db8:1::1]:6004' --dst '[2001:db8:1::10]:7004' --count 500 --ttl 63
receive_start down h1 --src 198.51.100.1:6004 --dst 198.51.100.10:7004 --count 500 --ttl 63
receive_start set h1 --src '[2001:db8:1::1]:6006' --dst '[2001:db8:1::10]:7006' --count 200 \
	--ttl 9 --dscp 46
receive_start both6 h1 --src '[2001:db8:1::1]:6008' --dst '[2001:db8:1::10]:7008' --count 200
receive_start both4 h1 --src 198.51.100.1:6008 --dst 198.51.100.10:7008 --count 200
send h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5004 --count 500
send h0 --src '[2001:db8:0::10]:1000' --dst '[2001:db8:0::1]:5004' --count 500
send h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5006 --count 200
send h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5008 --count 200
for label in up down set both6 both4; do
	receive_end $label
done
expect_counter flow:up.legs.0.sent 500
expect_counter flow:down.legs.0.sent 500

# Without a UDP checksum. What leaves is looked at on the wire, too: a frame reader computes the
# checksum and refuses 0, where the kernel's socket would take it in IPv4.
receive_start bare6 h1 --src '[2001:db8:1::1]:6008' --dst '[2001:db8:1::10]:7008' --count 200
receive_start bare4 h1 --src 198.51.100.1:6008 --dst 198.51.100.10:7008 --count 200
receive_start wire6 h1 --interface eth0 --src '[2001:db8:1::1]:6008' \
	--dst '[2001:db8:1::10]:7008' --count 200
send h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5008 --count 200 --no-checksum
for label in bare6 bare4 wire6; do
	receive_end $label
done

# What has grown by the longer header over the MTU is dropped by name.
ip -n "$RIG_NAME-h0" link set eth0 mtu 1500
tally_start long h1 2 '[2001:db8:1::10]:7004'
media h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5004 --count 1 --bytes 1440 rtp
media h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5004 --count 1 --bytes 1441 rtp
tally_end long
expect_tally long "d['[2001:db8:1::10]:7004']['packets']" 1
expect_flow up "d['legs'][0]['drops']" "{'too_long': 1}"
