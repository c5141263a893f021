#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 240
# nightly: boots a guest
# NICs are pulled while sluiced forwards, the one of egress and then the one of ingress: the port is shown
# as unplugged, its flows drop copies by name and wait, the other port goes on. With the NIC plugged in and
# bound again, the flow goes on, and no counter has gone back; another NIC's own MAC address is the source of
# what it sends.
source "$(dirname "$0")/_guest.sh"
test_begin
guest_rig_make "${NIC_MODEL:-e1000e}"
guest_ports_up
relay_add
ctl flow add --id local --match port=p0,src=192.0.2.10:1002,dst=192.0.2.1:5006 \
	--leg "port=p0,src=192.0.2.1:6006,dst=192.0.2.10:7006,mac=${HOST_MAC[0]}"

# Options are nic_peer's.
relay_frames() {
	nic_peer --from 192.0.2.10:1000 --to 192.0.2.1:5004 --count 100 "$@" \
		--leg 1,198.51.100.1:6004,198.51.100.10:7004
}

# unplug NUMBER: until the guest's kernel and qemu have let it go.
unplug() {
	monitor device_del "id=dev$1"
	rig_wait 20 nic_is_gone "$1" || fail "the NIC is not let go: $(guest_log)"
	[[ $(ctl port list) == *"p$1: its device was unplugged: "* ]] || fail "$(ctl port list)"
	guest_log | grep -q "warning: port p$1: its device was unplugged: " || fail "not logged: $(guest_log)"
}

nic_is_gone() {
	! guest_script "ls -d /sys/bus/pci/devices/${GUEST_NIC_ROOTS[$1]}/0000:*.0"
}

# plug NUMBER [MAC]
plug() {
	local address
	monitor device_add "driver=${NIC_MODEL:-e1000e}" "id=dev$1" "netdev=nic$1" "bus=slot$1" "mac=${2:-${BOX_MAC[$1]}}"
	rig_wait 20 nic_is_there "$1" || fail "the guest does not see the NIC"
	address=$(guest_nic_address "$1")
	[[ $(ctl port list) == *"p$1: its device was unplugged: "* ]] || fail "$(ctl port list)"
	guest_nic_bind "$address"
	rig_wait 20 port_is_up "p$1" || fail "p$1 has no link: $(ctl port list; guest_log)"
}

nic_is_there() {
	! nic_is_gone "$1"
}

relay_frames
unplug 1
nic_peer --from 192.0.2.10:1000 --to 192.0.2.1:5004 --count 30
expect_flow relay "d['legs'][0]['drops'].get('port_down', 0)" 30
[[ $(ctl flow list) == *"port p1 down"* ]] || fail "$(ctl flow list)"
expect_counter p1.tx_packets 100
nic_peer --from 192.0.2.10:1002 --to 192.0.2.1:5006 --count 50 --leg 0,192.0.2.1:6006,192.0.2.10:7006
plug 1
relay_frames
expect_counter p1.tx_packets 200
expect_counter flow:relay.legs.0.sent 200

unplug 0
[[ $(ctl flow list) == *"port p0 down"* ]] || fail "$(ctl flow list)"
expect_counter p0.rx_packets 280
plug 0
relay_frames
expect_counter p0.rx_packets 380
expect_counter p1.tx_packets 300

unplug 1
plug 1 02:00:00:00:01:99
relay_frames --mac 1,02:00:00:00:01:99
guest_log | grep -q "port p1: MAC address changed to 02:00:00:00:01:99" || fail "$(guest_log)"
expect_counter p1.tx_packets 400
guest_sluiced_stop
