#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 500
# nightly: boots a guest
# PCI NICs, each with a TAP in the kernel: it resolves hosts behind them and answers them, in VLANs too; legs
# have the next hops of its routes; the TAP has the NIC's MAC address and link, and a flood of strangers leaves
# ARP its share.
source "$(dirname "$0")/_guest.sh"
test_begin
guest_nic 0 e1000e
guest_nic 1 e1000e
guest_start
cat >"$RIG_RUN/neighbours" <<-END
	0 ${HOST_MAC[0]} 192.0.2.10
	1 ${HOST_MAC[1]} 198.51.100.10 2001:db8:1::10
	1/20 02:00:00:00:01:20 203.0.113.10
END
rig_spawn hosts tests/system/nic_hosts.py "$RIG_RUN" "$RIG_RUN/neighbours"
rig_wait 30 grep -q ready "$RIG_RUN/hosts.log" || fail "no hosts"
GUEST_WIRES=$RIG_RUN/wires
{
	echo "exception: {other_pps: 8}"
	guest_config 2 | sed -E 's/name: p([01]), /&kernel_interface: k\1, /'
} | guest_sluiced_start
guest_ports_up
for i in 0 1; do
	[[ $(guest_run cat "/sys/class/net/k$i/address") == "${BOX_MAC[i]}" ]] || fail "k$i has another MAC address"
done
guest_ip <<-END
	addr add 192.0.2.1/24 dev k0
	addr add 198.51.100.1/24 dev k1
	addr add 2001:db8:1::1/64 dev k1 nodad
	link add link k1 name k1.20 type vlan id 20
	addr add 203.0.113.1/24 dev k1.20
	link set k1.20 up
END

# Next hops without mac: ARP, Neighbour Discovery, and ARP in a VLAN.
flow() {
	ctl flow add --id "$1" --match "port=p0,src=192.0.2.10:1000,dst=192.0.2.1:$2" --leg "port=p1,$3"
	wait_hop "$1" state resolved
}
flow four 5001 src=198.51.100.1:6004,dst=198.51.100.10:7004
flow six 5002 "src=[2001:db8:1::1]:6004,dst=[2001:db8:1::10]:7004"
flow tagged 5003 vlan=20,src=203.0.113.1:6004,dst=203.0.113.10:7004
frames() {
	nic_peer --from 192.0.2.10:1000 --to "192.0.2.1:$1" --count 60 --leg "$2"
}
frames 5001 1,198.51.100.1:6004,198.51.100.10:7004
frames 5003 "1/20,203.0.113.1:6004,203.0.113.10:7004,63,02:00:00:00:01:20"

# Strangers: most are over the rate, and ARP is not among them.
nic_peer --from 192.0.2.10:999 --to 192.0.2.1:9 --count 3000
(($(counter_read p0.drops.kernel_limited) > 0)) || fail "all strangers went to the kernel: $(ctl --json counters)"
guest_ip <<<"neigh flush dev k0"
ctl flow add --id back --match port=p1,src=198.51.100.10:1000,dst=198.51.100.1:5001 \
	--leg port=p0,src=192.0.2.1:6004,dst=192.0.2.10:7004
wait_hop back state resolved

# The link of the NIC is the TAP's.
carrier_is() {
	[[ $(guest_run cat /sys/class/net/k1/carrier) == "$1" ]]
}
monitor set_link name=nic1 up=off
rig_wait 20 carrier_is 0 || fail "k1 has a link"
rig_wait 20 port_is_down p1 || fail "$(ctl port list)"
monitor set_link name=nic1 up=on
rig_wait 20 carrier_is 1 || fail "k1 has no link"
wait_hop four state resolved
frames 5001 1,198.51.100.1:6004,198.51.100.10:7004
guest_sluiced_stop
