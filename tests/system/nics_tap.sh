#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 400
# nightly: boots a guest
# A tap as a port: what the kernel routes into it, with and without a VLAN, is relayed to a VLAN behind a NIC,
# and what is relayed into it is routed on by the kernel. Its link goes and comes back, and it is deleted.
source "$(dirname "$0")/_guest.sh"
test_begin
GUEST_DRIVERS+=(net_af_xdp)
GUEST_MODULES+=(virtio_pci virtio_net)
guest_nic 0 virtio-net-pci
guest_nic 1 virtio-net-pci
guest_start
cat >"$RIG_RUN/neighbours" <<-END
	0 ${HOST_MAC[0]} 192.0.2.10
	1/20 ${HOST_MAC[1]} 198.51.100.10
END
guest_kernel_nics 2 "$RIG_RUN/neighbours"
{
	guest_config 0
	echo '  - {name: t0, devargs: "net_tap0,iface=tap0", rx_queues: 1}'
	echo '  - {name: p1, devargs: "net_af_xdp0,iface=p1", rx_queues: 1}'
} | guest_sluiced_start
tap_mac=$(guest_run cat /sys/class/net/tap0/address)

# Nobody answers ARP in the tap: that the neighbours there are sluiced (.130, .194), and for what is relayed into
# it the kernel itself (.131, .195), is said by permanent entries, which go when the link does.
tap_up() {
	guest_ip <<-END
		link set tap0 up
		link set tap0.10 up
		neigh replace 192.0.2.130 dev tap0 lladdr 02:00:00:00:00:30
		neigh replace 192.0.2.131 dev tap0 lladdr $tap_mac
		neigh replace 192.0.2.194 dev tap0.10 lladdr 02:00:00:00:00:31
		neigh replace 192.0.2.195 dev tap0.10 lladdr $tap_mac
	END
}
guest_ip <<-END
	addr add 192.0.2.1/25 dev p0
	link add link p1 name p1.20 type vlan id 20
	addr add 198.51.100.1/24 dev p1.20
	link set p1.20 up
	addr add 192.0.2.129/26 dev tap0
	link add link tap0 name tap0.10 type vlan id 10
	addr add 192.0.2.193/26 dev tap0.10
END
guest_script "echo 1 >/proc/sys/net/ipv4/ip_forward"
tap_up

out=port=p1,vlan=20,src=198.51.100.1 from=port=p1,vlan=20,src=198.51.100.10:1000
ctl flow add --id out --match port=t0,src=192.0.2.10:1000,dst=192.0.2.130:5004 --leg $out:6004,dst=198.51.100.10:7004
ctl flow add --id out10 --match port=t0,vlan=10,src=192.0.2.10:1000,dst=192.0.2.194:5004 \
	--leg $out:6006,dst=198.51.100.10:7006
ctl flow add --id in --match $from,dst=198.51.100.1:5004 \
	--leg port=t0,src=192.0.2.130:6004,dst=192.0.2.10:7004,next-hop=192.0.2.131
ctl flow add --id in10 --match $from,dst=198.51.100.1:5006 \
	--leg port=t0,vlan=10,src=192.0.2.194:6006,dst=192.0.2.10:7006,next-hop=192.0.2.195

# Sluice and the kernel each take one off the TTL.
relayed() {
	local flow
	for flow in out out10 in in10; do
		wait_hop $flow state resolved
	done
	nic_peer --from 192.0.2.10:1000 --to 192.0.2.130:5004 --count 60 --leg 1/20,198.51.100.1:6004,198.51.100.10:7004,62
	nic_peer --from 192.0.2.10:1000 --to 192.0.2.194:5004 --count 60 --leg 1/20,198.51.100.1:6006,198.51.100.10:7006,62
	nic_peer --in 1/20 --from 198.51.100.10:1000 --to 198.51.100.1:5004 --count 60 \
		--leg 0,192.0.2.130:6004,192.0.2.10:7004,62
	nic_peer --in 1/20 --from 198.51.100.10:1000 --to 198.51.100.1:5006 --count 60 \
		--leg 0,192.0.2.194:6006,192.0.2.10:7006,62
}
relayed

guest_ip <<<"link set tap0 down"
rig_wait 20 port_is_down t0 || fail "t0 has a link: $(ctl port list)"
wait_hop in state pending
nic_peer --in 1/20 --from 198.51.100.10:1000 --to 198.51.100.1:5004 --count 20
expect_flow in "d['legs'][0]['drops'].get('port_down', 0)" 20
tap_up
rig_wait 20 port_is_up t0 || fail "t0 has no link: $(ctl port list)"
relayed

guest_ip <<<"link del tap0"
rig_wait 20 port_is_down t0 || fail "t0 has a link: $(ctl port list)"
[[ $(ctl port list) == *"t0: its interface was deleted: "* ]] || fail "$(ctl port list)"
nic_peer --in 1/20 --from 198.51.100.10:1000 --to 198.51.100.1:5004 --count 20
expect_flow in "d['legs'][0]['drops'].get('port_down', 0)" 40
guest_sluiced_stop
