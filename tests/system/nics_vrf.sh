#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 400
# nightly: boots a guest
# VRFs on ports over AF_XDP: a leg's route is that of the VRF which the leg's interface is in, with
# overlapping prefixes in three of them, one on a VLAN interface whose parent is in another. Interfaces that
# change their VRF, and a VRF that is deleted and made again, are followed.
source "$(dirname "$0")/_guest.sh"
test_begin
GUEST_DRIVERS+=(net_af_xdp)
GUEST_MODULES+=(virtio_net e1000e vrf)
guest_nic 0 virtio-net-pci
guest_nic 1 e1000e
guest_start
mac_blue=02:00:00:00:00:21 mac_red=02:00:00:00:01:21 mac_green=02:00:00:00:01:22 mac_main=02:00:00:00:01:23
cat >"$RIG_RUN/neighbours" <<-END
	0 $mac_blue 192.0.2.21 2001:db8::21
	1 $mac_red 198.51.100.21 2001:db8:1::21
	1/20 $mac_green 198.51.100.22 2001:db8:1::22
	1 $mac_main 198.51.100.23 2001:db8:1::23
END
guest_kernel_nics 2 "$RIG_RUN/neighbours"
# The main table has a route out of p1, too, which a packet of VRF red must not take: the VRF ends it, see
# docs/network.md.
guest_ip <<-END
	link add blue type vrf table 20
	link set blue up
	link add red type vrf table 10
	link set red up
	link add green type vrf table 30
	link set green up
	route add unreachable default metric 4278198272 vrf red
	route add unreachable ::/0 metric 4278198272 vrf red
	link set p0 vrf blue
	addr add 192.0.2.1/24 dev p0
	route add 203.0.113.0/24 via 192.0.2.21 vrf blue
	link set p1 vrf red
	addr add 198.51.100.1/24 dev p1
	addr add 2001:db8:1::1/64 dev p1 nodad
	addr add fe80::1/64 dev p1 nodad
	route add 203.0.113.0/24 via 198.51.100.21 vrf red
	route add 2001:db8:9::/48 via 2001:db8:1::21 vrf red
	link add link p1 name p1.20 type vlan id 20
	link set p1.20 vrf green
	addr add 198.51.100.1/24 dev p1.20
	addr add 2001:db8:1::1/64 dev p1.20 nodad
	link set p1.20 up
	route add 203.0.113.0/24 via 198.51.100.22 vrf green
	route add 2001:db8:9::/48 via 2001:db8:1::22 vrf green
	route add 203.0.113.0/24 via 198.51.100.23 dev p1 onlink
END
guest_kernel_config 2 | guest_sluiced_start

# To 203.0.113.10 and 2001:db8:9::10 out of each of the interfaces: flow ID IN PORT OUT SOURCE DESTINATION
flow() {
	ctl flow add --id "$1" --match "port=$2,src=192.0.2.10:1000,dst=192.0.2.1:$3" --leg "port=$4,src=$5:6004,dst=$6:7004"
}
# frames IN LOCAL_PORT LEG: 40 datagrams, which come out by that leg and no other
frames() {
	nic_peer --in "$1" --from 192.0.2.10:1000 --to "192.0.2.1:$2" --count 40 --leg "$3"
}
flow red p0 5001 p1 198.51.100.1 203.0.113.10
flow green p0 5002 p1,vlan=20 198.51.100.1 203.0.113.10
flow blue p1 5003 p0 192.0.2.1 203.0.113.10
flow red6 p0 5004 p1 '[2001:db8:1::1]' '[2001:db8:9::10]'
flow green6 p0 5005 p1,vlan=20 '[2001:db8:1::1]' '[2001:db8:9::10]'
wait_hop red mac $mac_red
wait_hop green mac $mac_green
wait_hop blue mac $mac_blue
wait_hop red6 mac $mac_red
wait_hop green6 mac $mac_green
to=203.0.113.10:7004
red=1,198.51.100.1:6004,$to,63,$mac_red
frames 0 5001 $red
frames 0 5002 1/20,198.51.100.1:6004,$to,63,$mac_green
frames 1 5003 0,192.0.2.1:6004,$to,63,$mac_blue

# A route of the main table, or of another VRF, is no substitute for one that goes.
guest_ip <<<"route del 203.0.113.0/24 vrf red"
wait_hop red reason "no route to 203.0.113.10 out of p1 in VRF red"
hop_is green mac $mac_green || fail "green lost its route with red"
hop_is blue mac $mac_blue || fail "blue lost its route with red"
guest_ip <<<"route add 203.0.113.0/24 via 198.51.100.21 vrf red"
wait_hop red mac $mac_red

# The VRF is deleted: p1 is in none, and the main table counts. (The kernel takes the interface down and up,
# and its VLAN interface with it, by which their routes go.) Made again, without routes, then with them.
guest_ip <<-END
	link del red
	route replace 203.0.113.0/24 via 198.51.100.23 dev p1 onlink
	route replace 203.0.113.0/24 via 198.51.100.22 dev p1.20 onlink vrf green
END
wait_hop red mac $mac_main
wait_hop green mac $mac_green
frames 0 5001 1,198.51.100.1:6004,$to,63,$mac_main
guest_ip <<-END
	link add red type vrf table 10
	link set red up
	route replace unreachable default metric 4278198272 vrf red
	link set p1 vrf red
END
wait_hop red reason "no route to 203.0.113.10 out of p1 in VRF red"
guest_ip <<<"route replace 203.0.113.0/24 via 198.51.100.21 dev p1 onlink vrf red"
wait_hop red mac $mac_red
frames 0 5001 $red

# An interface moves from one VRF to another, whose routes lead elsewhere.
guest_ip <<<"link set p1 vrf green"
wait_hop red reason "no route to 203.0.113.10 out of p1 in VRF green"
guest_ip <<-END
	link set p1 vrf red
	route replace 203.0.113.0/24 via 198.51.100.21 dev p1 onlink vrf red
END
wait_hop red mac $mac_red
frames 0 5001 $red
guest_sluiced_stop
