#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# While media flows through a port, the box's kernel still has the rest of it: ARP and neighbour
# discovery, ping, TCP, and UDP to other ports.
source "$(dirname "$0")/_lib.sh"
test_begin
rig_make 2

ctl flow add --id cam --match port=p0,src=192.0.2.10:1000,dst=192.0.2.1:5004 \
	--leg port=p1,src=198.51.100.1:6004,dst=198.51.100.10:7004
receive_start media h1 --src 198.51.100.1:6004 --dst 198.51.100.10:7004 --count 5000 --timeout 90
rig_spawn media-out ip netns exec "$RIG_NAME-h0" \
	tests/system/udp.py send --src 192.0.2.10:1000 --dst 192.0.2.1:5004 --count 5000 --gap-us 1000 \
	--until "$RIG_RUN/checked"
media_flows() {
	(($(counter_read flow:cam.packets) > 0))
}
rig_wait 30 media_flows || fail "the media does not flow"

for i in 0 1; do
	# Forget what is known, so that ARP and neighbour discovery have to work as well.
	ip -n "$RIG_NAME-h$i" neigh flush all
	rig_exec "h$i" ping -q -c 5 -i 0.2 -W 2 "${BOX_IPV4[i]}" | grep ' 0% packet loss' ||
		fail "h$i does not reach the box's kernel over IPv4"
	rig_exec "h$i" ping -q -c 5 -i 0.2 -W 2 "${BOX_IPV6[i]}" | grep ' 0% packet loss' ||
		fail "h$i does not reach the box's kernel over IPv6"
	rig_exec box ping -q -c 5 -i 0.2 -W 2 "${HOST_IPV4[i]}" | grep ' 0% packet loss' ||
		fail "the box's kernel does not reach h$i"
done

receive_start other box --src 192.0.2.10:1001 --dst 192.0.2.1:5005 --count 100
send h0 --src 192.0.2.10:1001 --dst 192.0.2.1:5005 --count 100
receive_end other

rig_spawn tcp ip netns exec "$RIG_NAME-box" /usr/bin/python3 -c '
import socket
listener = socket.create_server(("192.0.2.1", 2222))
print("ready", flush=True)
listener.accept()[0].sendall(b"hello")'
rig_wait 30 grep -q ready "$RIG_RUN/tcp.log" || fail "no TCP server"
[[ $(rig_exec h0 /usr/bin/python3 -c '
import socket
print(socket.create_connection(("192.0.2.1", 2222), 5).recv(5).decode())') == hello ]] ||
	fail "TCP to the box does not work"

rig_pid media-out >/dev/null || fail "the media ended before the checks did: this proves nothing"
touch "$RIG_RUN/checked"
receive_end media

# RFC 1812, 5.3.4: what went to another host, to all or to a group is not forwarded. What goes to
# the address that p0 has now is, also when it changes.
cam_counted() {
	(($(counter_read flow:cam.packets) + $(counter_read p0.steering.passed.other_mac) >= $1))
}
# Ten frames, of which each is forwarded or passed to the kernel when this returns.
cam_to() {
	local before=$(($(counter_read flow:cam.packets) + $(counter_read p0.steering.passed.other_mac)))
	send h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5004 --interface eth0 --dst-mac "$1" --count 10
	rig_wait 30 cam_counted $((before + 10)) || fail "frames to $1 are not counted"
}
cam_gets() {
	cam_to "$1"
	(($(counter_read flow:cam.packets) > 5000))
}
for mac in 02:00:00:00:00:99 ff:ff:ff:ff:ff:ff 01:00:5e:00:02:01; do
	cam_gets "$mac" && fail "a frame to $mac was forwarded"
done
ip -n "$RIG_NAME-box" link set p0 address 02:00:00:00:00:99
rig_wait 30 cam_gets 02:00:00:00:00:99 || fail "p0 does not follow its MAC address"
forwarded=$(counter_read flow:cam.packets)
cam_to "${BOX_MAC[0]}"
expect_counter flow:cam.packets "$forwarded"
ip -n "$RIG_NAME-h0" neigh flush all

# What does not get in is counted by cause, and a trace says by what it missed the flow.
steering() {
	counter_read "p0.steering.$1"
}
expect_steering() {
	local cause=$1 before=$2 more=$3
	(($(steering "$cause") == before + more)) ||
		fail "expected $more more under $cause, found $before and $(steering "$cause")"
}
source=$(steering dropped.source) port=$(steering passed.port) vlan=$(steering passed.vlan)
send h0 --src 192.0.2.10:1001 --dst 192.0.2.1:5004 --count 3
send h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5005 --count 4
send h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5004 --interface eth0 --vlan 7 \
	--dst-mac 02:00:00:00:00:99 --count 5
expect_steering dropped.source "$source" 3
expect_steering passed.port "$port" 4
expect_steering passed.vlan "$vlan" 5
(($(steering passed.not_udp) > 0 && $(steering passed.other_mac) >= 30)) ||
	fail "pings and frames to others are not counted: $(ctl counters)"
ctl port show p0 | grep -q '^p0 .*dropped: source ' || fail "$(ctl port show p0)"
expect_exit 1 ctl port show p9
ctl trace p0 --from 192.0.2.10:1001 --to 192.0.2.1:5004 |
	grep -q '^nearest    flow cam matches source port 1000, not 1001$' ||
	fail "a trace does not name the nearest flow"

# What a veth's other end may do to packets is said at start, and of a frame.
grep -q "port p0: its interface is a veth: run 'ethtool" "$RIG_RUN/sluiced.log" ||
	fail "a veth is not mentioned"
ctl port list | grep -q '^p1: its interface is a veth' || fail "no hint: $(ctl port list)"
frame=$(ctl --json trace p0 --from 192.0.2.10:1000 --to 192.0.2.1:5004 | json_value "d['frame']")
ctl trace p0 --hex "$frame" | grep -q 'UDP checksum right$' || fail "a right checksum is not said"
ctl trace p0 --hex "${frame:0:80}1234${frame:84}" | grep -q 'UDP checksum 0x1234, expected 0x' ||
	fail "a wrong checksum is not said"

expect_counter p0.drops.no_flow 0
