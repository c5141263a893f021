#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Next hops follow the kernel: a neighbour that comes later, routes that move between gateways,
# for all that share one and for some, an interface that is made after the flow, a link that goes
# and comes. Once a change shows, no frame carries the address of before.
source "$(dirname "$0")/_lib.sh"
test_begin
rig_make 2
h1=$RIG_NAME-h1
box=$RIG_NAME-box
from=port=p1,src=198.51.100.1:6004

flow() {
	ctl flow add --id "$1" --match "port=p0,dst=192.0.2.1:$2" --leg "$from,$3"
}

# A neighbour that comes later.
flow later 5001 dst=198.51.100.20:7001
wait_hop later state pending
ip -n "$h1" addr add 198.51.100.20/24 dev eth0
wait_hop later state resolved

# Two gateways behind one port, distinguished by their MAC addresses; one route moves, others follow it.
gateways_add 2
flow a 5002 dst=203.0.113.10:7002
flow b 5003 dst=203.0.113.200:7003
wait_hop a reason "no route to 203.0.113.10 out of p1"
ip -n "$box" route add 203.0.113.0/24 via 198.51.100.21
wait_hop a mac 02:00:00:00:01:21
wait_hop b mac 02:00:00:00:01:21
ip -n "$box" route replace 203.0.113.0/24 via 198.51.100.22
wait_hop a mac 02:00:00:00:01:22
wait_hop b mac 02:00:00:00:01:22
ip -n "$box" route add 203.0.113.128/25 via 198.51.100.21
wait_hop b mac 02:00:00:00:01:21
hop_is a mac 02:00:00:00:01:22 || fail "a went with b"

# What is sent from here on carries the addresses of now: each gateway counts its own.
before1=$(gateway_got 1)
before2=$(gateway_got 2)
send h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5002 --count 100
send h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5003 --count 40
mv2_got() {
	(($(gateway_got 2) - before2 >= 100)) && (($(gateway_got 1) - before1 >= 40))
}
rig_wait 20 mv2_got || fail "mv1 got $(($(gateway_got 1) - before1)), mv2 $(($(gateway_got 2) - before2))"
(($(gateway_got 1) - before1 < 100)) || fail "mv1 got frames of a"
ip -n "$box" route del 203.0.113.128/25
wait_hop b mac 02:00:00:00:01:22

# An interface for a VLAN that is made after the flow.
if ip -n "$h1" link add link eth0 name eth0.9 type vlan id 9 2>/dev/null; then
	flow vlan 5004 dst=198.51.100.130:7004,vlan=9
	wait_hop vlan reason "no interface for VLAN 9 on p1"
	ip -n "$h1" addr add 198.51.100.130/25 dev eth0.9
	ip -n "$h1" link set eth0.9 up
	ip -n "$box" link add link p1 name p1.9 type vlan id 9
	ip -n "$box" addr add 198.51.100.129/25 dev p1.9
	ip -n "$box" link set p1.9 up
	wait_hop vlan state resolved
fi

# The link goes, and comes back.
ip -n "$h1" link set eth0 down
wait_hop later state pending
ip -n "$h1" link set eth0 up
wait_hop later state resolved

# 5,000 neighbours that do not exist: the reply comes at once, and other calls are answered meanwhile.
/usr/bin/python3 - >"$RIG_RUN/many.json" <<'END'
import json
print(json.dumps([{
    "id": f"many{i}",
    "match": {"port": "p0", "dst": "2001:db8:0::1", "dst_port": 10000 + i},
    "legs": [{"port": "p1", "src": "2001:db8:1::1", "src_port": 1,
              "dst": f"2001:db8:1::{i:x}:{j + 1:x}", "dst_port": 1} for j in range(100)]}
    for i in range(50)]))
END
# Seconds that a command takes, in 1/1000.
took_ms() {
	local begin
	begin=$(date +%s%3N)
	"$@" >/dev/null
	echo $(($(date +%s%3N) - begin))
}
install_ms=$(took_ms ctl --json flow add --file "$RIG_RUN/many.json")
for _ in 1 2 3 4 5; do
	get_ms=$(took_ms ctl --json flow show a)
	((get_ms < 500)) || fail "flow show took $get_ms ms while neighbours are asked for"
done
((install_ms < 3000)) || fail "flow add of 5,000 destinations took $install_ms ms"
[[ $(hop_value many49 state) == pending ]] || fail "many49 is $(hop_value many49 state)"
