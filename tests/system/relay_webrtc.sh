#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# WebRTC sessions (aiortc) with one peer behind a NAT, IPv4 to IPv4 and to IPv6: both peers know the relay's
# addresses only, as candidates in the session descriptions. ICE, DTLS, audio both ways, and a data channel.
# timeout: 240
source "$(dirname "$0")/_lib.sh"
test_begin
rig_make 2
nat_add 0

# session NAME A_LOCAL B_LOCAL
session() {
	ctl relay add --id "$1" --a "port=p0,local=$2" --b "port=p1,local=$3"
	mkdir "$RIG_RUN/$1"
	rig_spawn "$1-a" ip netns exec "$RIG_NAME-c0" tests/system/webrtc_party.py offer --to "$2" "$RIG_RUN/$1"
	rig_spawn "$1-b" ip netns exec "$RIG_NAME-h1" tests/system/webrtc_party.py answer --to "$3" "$RIG_RUN/$1"
}

expect_session() {
	local side
	for side in a b; do
		rig_wait 90 grep -q '^done' "$RIG_RUN/$1-$side.log" || fail "$1-$side does not end"
		grep -q '^done: {"messages": 50, "frames": 100}' "$RIG_RUN/$1-$side.log" ||
			fail "$1-$side has $(grep '^done' "$RIG_RUN/$1-$side.log")"
	done
}

session v4 192.0.2.1:6500 198.51.100.1:6500
session v6 192.0.2.1:6502 '[2001:db8:1::1]:6502'
expect_session v4
expect_session v6
