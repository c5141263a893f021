#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A receiver's MAC address changes while media flows, then that of the port: the legs follow without a
# command.
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

own=02:00:00:00:01:77
ip -n "$RIG_NAME-box" link set p1 address $own
port_has_mac() {
	[[ $(ctl --json port list | json_value "d['ports'][1]['mac']") == "$own" ]]
}
rig_wait 30 port_has_mac || fail "p1 did not follow: $(ctl port list)"
rig_wait 30 grep -q "port p1: MAC address changed to $own" "$RIG_RUN/sluiced.log" || fail "not logged"
# The new address on the wire is the kernel's.
rig_spawn sniff ip netns exec "$RIG_NAME-h1" /usr/bin/python3 -c '
import socket
sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
sniffer.bind(("eth0", 0))
sniffer.settimeout(20)
print("ready", flush=True)
while True:
    frame = sniffer.recv(2048)
    if frame[23] == 17 and frame[36:38] == (7004).to_bytes(2, "big"):
        break
print("source", frame[6:12].hex(":"), flush=True)'
rig_wait 30 grep -q ready "$RIG_RUN/sniff.log" || fail "nothing listens"
stream own
rig_wait 30 grep -q source "$RIG_RUN/sniff.log" || fail "no frame seen"
grep -q "source $own" "$RIG_RUN/sniff.log" || fail "expected $own, found $(tail -n 1 "$RIG_RUN/sniff.log")"
