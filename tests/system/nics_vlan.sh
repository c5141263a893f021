#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 400
# nightly: boots a guest
# VLAN interfaces of the kernel on ports over AF_XDP, a virtio NIC and one that takes tags out of frames: no
# tenant gets another's frames; what leaves by a VLAN interface has its tags, its MAC address and at most its
# MTU, and goes to the neighbour that the kernel found there; it is followed down, away, and back.
source "$(dirname "$0")/_guest.sh"
test_begin
GUEST_DRIVERS+=(net_af_xdp)
GUEST_MODULES+=(virtio_pci virtio_net e1000e)
GUEST_PROGRAMS+=(/usr/sbin/ethtool)
guest_nic 0 virtio-net-pci
guest_nic 1 e1000e
guest_start
cat >"$RIG_RUN/neighbours" <<-END
	0/10 ${HOST_MAC[0]} 192.0.2.10
	1/20 02:00:00:00:01:20 198.51.100.10 2001:db8:1::10
	1/30 02:00:00:00:01:30 198.51.100.10
	1/400.20 02:00:00:00:01:40 203.0.113.10
END
guest_kernel_nics 2 "$RIG_RUN/neighbours"
guest_ip <<-END
	link add link p0 name p0.10 type vlan id 10
	addr add 192.0.2.1/24 dev p0.10
	link set p0.10 up
	link add link p1 name p1.20 type vlan id 20
	addr add 198.51.100.1/24 dev p1.20
	addr add 2001:db8:1::1/64 dev p1.20 nodad
	link set p1.20 up
	link add link p1 name p1.30 type vlan id 30 reorder_hdr off
	addr add 198.51.100.1/24 dev p1.30
	link set p1.30 up
	link add link p1 name p1.400 type vlan proto 802.1ad id 400
	link set p1.400 up
	link add link p1.400 name p1.400.20 type vlan id 20
	addr add 203.0.113.1/24 dev p1.400.20
	link set p1.400.20 up
END
[[ $(guest_run ethtool -k p1) == *"rx-vlan-offload: on"* ]] || fail "this NIC takes no tags out of frames"
guest_kernel_config 2 | guest_sluiced_start

# Two tenants have the same addresses behind p1, one of them in VLAN 20, the other without a VLAN; a third in
# VLAN 30 has no flow.
for vlan in 0 20; do
	ctl flow add --id tenant$vlan --match port=p1,vlan=$vlan,src=203.0.113.9:1000,dst=198.51.100.1:5004 \
		--leg "port=p0,vlan=10,src=192.0.2.1:$((6000 + vlan)),dst=192.0.2.10:$((7000 + vlan))"
	wait_hop tenant$vlan state resolved
done
nic_peer --in 1/20 --from 203.0.113.9:1000 --to 198.51.100.1:5004 --count 40 \
	--leg 0/10,192.0.2.1:6020,192.0.2.10:7020
nic_peer --in 1 --from 203.0.113.9:1000 --to 198.51.100.1:5004 --count 40 \
	--leg 0/10,192.0.2.1:6000,192.0.2.10:7000
nic_peer --in 1/30 --from 203.0.113.9:1000 --to 198.51.100.1:5004 --count 40
tag_offload_is_off() {
	[[ $(guest_run ethtool -k p1) == *"rx-vlan-offload: off"* ]]
}
guest_log | grep -q "port p1: turned rx-vlan-offload of interface p1 off" || fail "not logged: $(guest_log)"
guest_run ethtool -K p1 rxvlan on
rig_wait 20 tag_offload_is_off || fail "rx-vlan-offload of p1 stays on"
nic_peer --in 1/30 --from 203.0.113.9:1000 --to 198.51.100.1:5004 --count 40

# By the interface of each VLAN to the neighbour there: flow ID PORT VLANS SOURCE DESTINATION, of what comes
# in by VLAN 10 of p0.
flow() {
	ctl flow add --id "$1" --match "port=p0,vlan=10,src=192.0.2.10:1000,dst=192.0.2.1:$2" \
		--leg "port=p1,$3,src=$4:6004,dst=$5:7004"
	wait_hop "$1" state resolved
}
flow in20 5001 vlan=20 198.51.100.1 198.51.100.10
flow in30 5002 vlan=30 198.51.100.1 198.51.100.10
flow qinq 5003 outer-vlan=400,vlan=20 203.0.113.1 203.0.113.10
ctl flow add --id six --match port=p0,vlan=10,src=192.0.2.10:1000,dst=192.0.2.1:5004 \
	--leg "port=p1,vlan=20,src=[2001:db8:1::1]:6004,dst=[2001:db8:1::10]:7004"
wait_hop six state resolved
hop_is six mac 02:00:00:00:01:20 || fail "$(ctl flow show six)"

frames() {
	local to=$1 leg=$2
	shift 2
	nic_peer --in 0/10 --from 192.0.2.10:1000 --to "192.0.2.1:$to" --count 60 --leg "$leg" "$@"
}
leg20=1/20,198.51.100.1:6004,198.51.100.10:7004,63,02:00:00:00:01:20
leg30=1/30,198.51.100.1:6004,198.51.100.10:7004,63,02:00:00:00:01:30
legqinq=1/400.20,203.0.113.1:6004,203.0.113.10:7004,63,02:00:00:00:01:40
frames 5001 $leg20
frames 5002 $leg30
frames 5003 $legqinq

# A VLAN interface with a MAC address of its own: copies have it as source, and flows take what is sent to it
# in its VLAN, and in no other. One with a lower MTU: longer copies are dropped, in this VLAN only.
own0=02:00:00:00:00:77 own1=02:00:00:00:01:77
guest_ip <<-END
	link set p0.10 address $own0
	link set p1.20 address $own1
	link set p1.20 mtu 1428
END
sleep 1
frames 5001 $leg20 --mac 1,$own1 --mtu 1428
expect_flow in20 "d['legs'][0]['drops'].get('too_long', 0)" 20
frames 5002 $leg30 --to-mac $own0
nic_peer --in 1 --from 203.0.113.9:1000 --to 198.51.100.1:5004 --count 20 --to-mac $own1
nic_peer --in 1/20 --from 203.0.113.9:1000 --to 198.51.100.1:5004 --count 20 --to-mac $own1 --mac 0,$own0 \
	--leg 0/10,192.0.2.1:6020,192.0.2.10:7020
guest_ip <<-END
	link set p0.10 address ${BOX_MAC[0]}
	link set p1.20 mtu 1500
END
sleep 1
frames 5001 $leg20 --mac 1,$own1
nic_peer --in 0/10 --from 192.0.2.10:1000 --to 192.0.2.1:5002 --count 20 --to-mac $own0

# Down, deleted, and made again with another index and MAC address.
guest_ip <<<"link set p1.20 down"
wait_hop in20 reason "the link of p1.20 is down"
guest_ip <<<"link del p1.20"
wait_hop in20 reason "no interface for VLAN 20 on p1"
guest_ip <<-END
	link add link p1 name tenant20 type vlan id 20
	addr add 198.51.100.1/24 dev tenant20
	link set tenant20 up
END
wait_hop in20 state resolved
hop_is in20 netdev tenant20 || fail "$(ctl flow show in20)"
frames 5001 $leg20
guest_ip <<<"link set p1.400 down"
wait_hop qinq reason "the link of p1.400.20 is down"
guest_ip <<-END
	link set p1.400 up
	link set p1.400.20 up
END
wait_hop qinq state resolved
frames 5003 $legqinq
guest_sluiced_stop
