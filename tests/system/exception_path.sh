#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 180
# Ports of a driver that has no kernel interface (net_pcap) get a TAP each: the kernel answers and asks by it,
# next hops are those of its routes and neighbours, and strangers do not starve it. Its MTU is
# followed, and it is made again when it is deleted.
source "$(dirname "$0")/_lib.sh"
test_begin
topology_make 2
# What the driver sees of the wire, the host's own stack is not to answer.
for i in 0 1; do
	ip -n "$RIG_NAME-box" addr flush dev "p$i"
	rig_exec box sysctl -qw "net.ipv6.conf.p$i.disable_ipv6=1" "net.ipv4.conf.p$i.arp_ignore=1"
done
{
	config_head sluiced
	echo "hugepages: false"
	echo "exception: {other_pps: 80}"
	echo "ports:"
	for i in 0 1; do
		echo "  - {name: p$i, devargs: \"net_pcap$i,rx_iface_in=p$i,tx_iface=p$i\", rx_queues: 1,"
		echo "     kernel_interface: k$i}"
	done
} | sluiced_start sluiced

box_ip() {
	ip -n "$RIG_NAME-box" "$@"
}

address_kernel() {
	rig_address_add box "k$1" "${BOX_IPV4[$1]}/24" "${BOX_IPV6[$1]}/64"
}

# The kernel of a host reaches an address: pings HOST ADDRESS...
pings() {
	local host=$1 address
	shift
	for address in "$@"; do
		rig_wait 20 rig_exec "$host" ping -c 1 -W 1 -q "$address" >/dev/null ||
			fail "$host does not reach $address: $(ctl counters)"
	done
}

# A relay by what the kernel knows of the way: relay_add PORT LEG TO, relay_check PORT FROM TO
relay_add() {
	ctl flow add --id "f$1" --match "port=p0,src=192.0.2.10:1000,dst=192.0.2.1:$1" --leg "port=p1,$2,dst=$3:7004"
	wait_hop "f$1" state resolved
}

# The driver has room for few frames, and loses some on a busy machine: few are sent, and again.
relay_check() {
	local tries
	for ((tries = 0; tries < 10; tries++)); do
		receive_start "to$1" h1 --src "$2" --dst "$3:7004" --count 5
		send h0 --src 192.0.2.10:1000 --dst "192.0.2.1:$1" --count 5 --gap-us 10000
		rig_wait 20 grep -q '^done' "$RIG_RUN/to$1.log" || fail "to$1: $(tail -n 1 "$RIG_RUN/to$1.log")"
		! grep -q '^done: all' "$RIG_RUN/to$1.log" || return 0
		rig_stop "to$1"
	done
	fail "to$1: $(tail -n 1 "$RIG_RUN/to$1.log"): $(ctl counters --flows)"
}

for i in 0 1; do
	mac=$(ctl --json port list | json_value "d['ports'][$i]['mac']")
	[[ $(box_ip -j link show "k$i" | json_value "d[0]['address'], d[0]['mtu']") == "('$mac', 1500)" ]] ||
		fail "k$i: $(box_ip link show "k$i")"
	[[ $(ctl --json port list | json_value "d['ports'][$i]['netdev']") == "k$i" ]] || fail "$(ctl port list)"
	address_kernel "$i"
done

# ARP and Neighbour Discovery both ways.
pings h0 "${BOX_IPV4[0]}" "${BOX_IPV6[0]}"
pings box "${HOST_IPV4[@]:0:2}" "${HOST_IPV6[@]:0:2}"
pings h1 "${BOX_IPV4[1]}" "${BOX_IPV6[1]}"
box_ip neigh flush dev k1
relay_add 5004 src=198.51.100.1:6004 198.51.100.10
relay_check 5004 198.51.100.1:6004 198.51.100.10

# TCP, as BGP and ssh: a connection to a server of the box, and what the kernel sends has checksums.
rig_spawn server ip netns exec "$RIG_NAME-box" /usr/bin/python3 -c '
import socket
with socket.create_server(("192.0.2.1", 179)) as server:
    print("ready", flush=True)
    connection, _ = server.accept()
    connection.sendall(connection.recv(100000, socket.MSG_WAITALL))'
rig_wait 20 grep -q ready "$RIG_RUN/server.log" || fail "no server"
rig_exec h0 /usr/bin/python3 -c '
import socket
data = bytes(range(256)) * 100 + b"x" * (100000 - 25600)
with socket.create_connection(("192.0.2.1", 179), 20) as connection:
    connection.sendall(data)
    assert connection.makefile("rb").read(100000) == data' || fail "TCP: $(ctl counters)"
(($(counter_read p0.kernel.routing) > 70)) || fail "$(ctl --json counters)"
[[ $(ctl counters) == *"KERNEL "*"routing"* ]] || fail "$(ctl counters)"

# A flood of strangers is a class of its own. Slower than the driver loses it, so that it is the rate of the
# class which stops it.
rig_spawn flood ip netns exec "$RIG_NAME-h0" tests/system/media.py send \
	--src 192.0.2.10:999 --dst 192.0.2.1:9 --count 1000000 --gap-us 1000 rtp
flooded() {
	(($(counter_read p0.drops.kernel_limited) > $1))
}
rig_wait 30 flooded 500 || fail "no flood: $(ctl counters)"
limited=$(counter_read p0.drops.kernel_limited)
for ((i = 0; i < 10; i++)); do
	ip -n "$RIG_NAME-h0" neigh flush dev eth0
	pings h0 192.0.2.1
done
rig_wait 30 flooded $((limited + 100)) || fail "the flood ended: $(ctl counters)"
(($(counter_read p0.kernel.other) < $(counter_read p0.drops.kernel_limited))) || fail "$(ctl --json counters)"
rig_stop flood

# MTU.
mtu_is() {
	[[ $(ctl --json port list | json_value "d['ports'][1]['mtu']") == "$1" ]]
}
box_ip link set k1 mtu 1300
rig_wait 20 mtu_is 1300 || fail "$(ctl port list)"
box_ip link set k1 mtu 1500
rig_wait 20 mtu_is 1500 || fail "$(ctl port list)"

# Down: the port sends nothing, and what comes is refused. Deleted: it is made again, without addresses.
port_link_is() {
	[[ $(ctl --json port list | json_value "d['ports'][1]['link_up']") == "$1" ]]
}
box_ip link set k1 down
rig_wait 20 port_link_is False || fail "$(ctl port list)"
box_ip link set k1 up
rig_wait 20 port_link_is True || fail "$(ctl port list)"
before=$(box_ip -j link show k1 | json_value "d[0]['ifindex']")
box_ip link del k1
made_again() {
	[[ $(box_ip -j link show k1 2>/dev/null | json_value "d[0]['ifindex']" 2>/dev/null) != "$before" ]] &&
		box_ip link show k1 >/dev/null 2>&1
}
rig_wait 20 made_again || fail "k1 is not made again"
address_kernel 1
pings h1 "${BOX_IPV4[1]}"
wait_hop f5004 state resolved
relay_check 5004 198.51.100.1:6004 198.51.100.10
grep -q "made its interface k1 again" "$RIG_RUN/sluiced.log" || fail "not logged"
