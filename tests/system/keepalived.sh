#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Two boxes with the same flows, of which one has the virtual addresses: keepalived moves them when
# sluiced is killed or the box has gone, by gratuitous ARP and unsolicited neighbour advertisements. The
# sender keeps sending to the same address, IPv4 and IPv6. Packets lost are counted, and none comes twice.
source "$(dirname "$0")/_routing.sh"
# ms, one packet each: 1000 until the script runs, and what a busy machine takes to run it
KILLED_LOST_MAX=5000
# 600 without an advertisement, and 130 of the priority
GONE_LOST_MAX=3000
test_begin
# The boxes are "box" and "spare", both on the same two links.
for i in 0 1; do
	switch_add "sw$i"
	rig_netns_add "h$i"
	switch_connect "sw$i" "h$i" eth0 "${HOST_MAC[i]}" "${HOST_IPV4[i]}/24" "${HOST_IPV6[i]}/64"
done
for host in box spare; do
	number=$([[ $host == box ]] && echo 1 || echo 2)
	rig_netns_add "$host"
	for i in 0 1; do
		switch_connect "sw$i" "$host" "p$i" "02:00:00:00:0$i:0$number" \
			"${BOX_IPV4[i]%.*}.$number/24" "2001:db8:$i::$number/64"
	done
done

box_start() {
	config_af_xdp "$1" 2 | sluiced_start "$1" "$1"
	ctl_of "$1" flow add --id four --match port=p0,dst=192.0.2.100:5004 \
		--leg port=p1,src=198.51.100.100:6004,dst=198.51.100.10:7004 >"$RIG_RUN/$1.added" 2>&1
	ctl_of "$1" flow add --id six --match 'port=p0,dst=[2001:db8::100]:5004' \
		--leg 'port=p1,src=[2001:db8:1::100]:6004,dst=[2001:db8:1::10]:7004' >"$RIG_RUN/$1.added" 2>&1
}

# keepalived_start HOST PRIORITY
keepalived_start() {
	sed "s/priority 150/priority $2/
		s|/usr/bin/sluicectl|$PWD/$(rig_built sluicectl) --socket $RIG_RUN/$1.sock|" \
		docs/examples/keepalived/keepalived.conf >"$RIG_RUN/keepalived-$1.conf"
	rig_spawn "keepalived-$1" ip netns exec "$RIG_NAME-$1" keepalived -n -l -D -P \
		-f "$RIG_RUN/keepalived-$1.conf" -p "$RIG_RUN/keepalived-$1.pid" -r "$RIG_RUN/vrrp-$1.pid"
}

# The host has so many of the four virtual addresses: addresses HOST COUNT
addresses() {
	(($(ip -o -n "$RIG_NAME-$1" address | grep -Ec '(2.0.2|51.100|db8:|db8:1:):?[.:]100/') == $2))
}

# They are at one host, and not at the other: wait_master HOST OTHER
wait_master() {
	rig_wait 60 addresses "$1" 4 || fail "$1 has $(ip -o -n "$RIG_NAME-$1" address)"
	rig_wait 60 addresses "$2" 0 || fail "$2 has $(ip -o -n "$RIG_NAME-$2" address)"
}

# The host is ready to become master: wait_backup HOST
wait_backup() {
	rig_wait 60 backup_is "$1" || fail "$1 is no backup: $(tail -n 1 "$RIG_RUN/keepalived-$1.log")"
}

backup_is() {
	[[ $(grep Entering "$RIG_RUN/keepalived-$1.log" | tail -n 1) == *"Entering BACKUP STATE"* ]]
}

# The switches forward what a host sends and gets, or do not: switches HOST forwarding|disabled
switches() {
	local i
	for i in 0 1; do
		rig_exec "sw$i" bridge link set dev "$1" state "$2"
	done
}

box_start box
box_start spare
keepalived_start box 150
wait_master box spare
keepalived_start spare 100
STREAMS=("192.0.2.10:1000>192.0.2.100:5004@198.51.100.10:7004"
	"[2001:db8::10]:1000>[2001:db8::100]:5004@[2001:db8:1::10]:7004")
paced_start h0 h1 "${STREAMS[@]}"
wait_backup spare

rig_stop box KILL
wait_master spare box
paced_expect "sluiced is killed" $KILLED_LOST_MAX
box_start box
wait_backup box
wait_master spare box
paced_expect "it is back, and a backup" 0

switches spare disabled
rig_wait 60 addresses box 4 || fail "box has $(ip -o -n "$RIG_NAME-box" address)"
paced_expect "the spare has gone" $GONE_LOST_MAX
switches spare forwarding
wait_master box spare
paced_expect "it is back" 1000
counters_conserved box
counters_conserved spare
