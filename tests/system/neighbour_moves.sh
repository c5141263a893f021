#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A receiver's MAC address changes while media flows: the legs follow without a command.
source "$(dirname "$0")/_lib.sh"
test_begin
rig_make 2

ctl flow add --id cam4 --match port=p0,src=192.0.2.10:1000,dst=192.0.2.1:5004 \
	--leg port=p1,src=198.51.100.1:6004,dst=198.51.100.10:7004
ctl flow add --id cam6 --match 'port=p0,src=[2001:db8:0::10]:1000,dst=[2001:db8:0::1]:5004' \
	--leg 'port=p1,src=[2001:db8:1::1]:6004,dst=[2001:db8:1::10]:7004'

mac_of() {
	ctl --json flow show "$1" | grep -o '"mac": *"[^"]*"' | cut -d '"' -f 4
}

has_mac() {
	[[ $(mac_of "$1") == "$2" ]]
}

stream() {
	receive_start "$1-4" h1 --src 198.51.100.1:6004 --dst 198.51.100.10:7004 --count 200
	receive_start "$1-6" h1 --src '[2001:db8:1::1]:6004' --dst '[2001:db8:1::10]:7004' --count 200
	send h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5004 --count 200
	send h0 --src '[2001:db8:0::10]:1000' --dst '[2001:db8:0::1]:5004' --count 200
	receive_end "$1-4"
	receive_end "$1-6"
}

has_mac cam4 "${HOST_MAC[1]}" || fail "cam4 has MAC $(mac_of cam4)"
stream before

moved=02:00:00:00:01:99
ip -n "$RIG_NAME-h1" link set eth0 address $moved
# The host says so itself: its ping makes the box's kernel look at who it is.
rig_exec h1 ping -q -c 2 -i 0.2 -W 2 "${BOX_IPV4[1]}" >/dev/null || true
rig_exec h1 ping -q -c 2 -i 0.2 -W 2 "${BOX_IPV6[1]}" >/dev/null || true
rig_wait 30 has_mac cam4 $moved || fail "cam4 did not follow: MAC $(mac_of cam4)"
rig_wait 30 has_mac cam6 $moved || fail "cam6 did not follow: MAC $(mac_of cam6)"
stream after
