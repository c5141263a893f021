#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# One flow, three legs to two receivers, each with headers of its own: everybody gets everything.
source "$(dirname "$0")/_lib.sh"
test_begin
rig_make 3

ctl flow add --id cam --match port=p0,src=192.0.2.10:1000,dst=192.0.2.1:5004 \
	--leg port=p1,src=198.51.100.1:6004,dst=198.51.100.10:7004 \
	--leg port=p2,src=203.0.113.1:6004,dst=203.0.113.10:7004,dscp=34,ttl=200 \
	--leg port=p2,src=203.0.113.1:6006,dst=203.0.113.10:7006

receive_start first h1 --src 198.51.100.1:6004 --dst 198.51.100.10:7004 --count 2000 --ttl 63
receive_start second h2 --src 203.0.113.1:6004 --dst 203.0.113.10:7004 --count 2000 --ttl 200 --dscp 34
receive_start third h2 --src 203.0.113.1:6006 --dst 203.0.113.10:7006 --count 2000 --ttl 63 --dscp 0
send h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5004 --count 2000 --gap-us 200
receive_end first
receive_end second
receive_end third

expect_counter flow:cam.packets 2000
expect_counter p0.forwarded 2000
expect_counter p1.tx_packets 2000
expect_counter p2.tx_packets 4000
