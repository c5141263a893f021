#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A flow and a listener relay IPv4 between kernel sockets: every datagram, in order, bit-exact.
source "$(dirname "$0")/_lib.sh"
test_begin
rig_make 2

ctl flow add --id exact --match port=p0,src=192.0.2.10:1000,dst=192.0.2.1:5004 \
	--leg port=p1,src=198.51.100.1:6004,dst=198.51.100.10:7004
ctl flow add --id listener --match port=p0,dst=192.0.2.1:5006 \
	--leg port=p1,src=198.51.100.1:6006,dst=198.51.100.10:7006,ttl=9,dscp=46

receive_start exact h1 --src 198.51.100.1:6004 --dst 198.51.100.10:7004 --count 1000 --ttl 63 --dscp 0
receive_start listener h1 --src 198.51.100.1:6006 --dst 198.51.100.10:7006 --count 500 --ttl 9 --dscp 46
send h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5004 --count 1000
send h0 --src 192.0.2.10:4711 --dst 192.0.2.1:5006 --count 500
receive_end exact
receive_end listener

expect_counter flow:exact.packets 1000
expect_counter flow:exact.legs.0.sent 1000
expect_counter flow:listener.legs.0.sent 500
expect_counter p0.rx_packets 1500
expect_counter p1.tx_packets 1500
