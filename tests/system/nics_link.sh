#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 240
# nightly: boots a guest
# The cable of a NIC is pulled: sluiced raises an event, drops copies by name and counts on; with the
# link back the flow goes on as before.
source "$(dirname "$0")/_guest.sh"
test_begin
guest_rig_make e1000e
guest_ports_up
relay_add

nic_peer --from 192.0.2.10:1000 --to 192.0.2.1:5004 --count 100 --leg 1,198.51.100.1:6004,198.51.100.10:7004
before=$(guest_port_events p1)
monitor set_link name=nic1 up=off
rig_wait 20 port_is_down p1 || fail "p1 has a link: $(ctl port list)"
nic_peer --from 192.0.2.10:1000 --to 192.0.2.1:5004 --count 70
expect_counter flow:relay.packets 170
expect_counter flow:relay.legs.0.sent 100
expect_flow relay "d['legs'][0]['drops'].get('port_down', 0)" 70
expect_counter p1.tx_packets 100
[[ $(ctl flow list) == *"port p1 down"* ]] || fail "$(ctl flow list)"
monitor set_link name=nic1 up=on
rig_wait 20 port_is_up p1 || fail "p1 has no link: $(ctl port list)"
nic_peer --from 192.0.2.10:1000 --to 192.0.2.1:5004 --count 100 --leg 1,198.51.100.1:6004,198.51.100.10:7004
expect_counter flow:relay.legs.0.sent 200
[[ $(guest_port_events p1) == "$before port_down port_up" ]] ||
	fail "events of p1: found $(guest_port_events p1), expected two more than $before"
guest_log | grep -q "warning: port p1: link is down" || fail "not logged: $(guest_log)"

# At the ingress nothing arrives any more, and nothing is wrong afterwards.
monitor set_link name=nic0 up=off
rig_wait 20 port_is_down p0 || fail "p0 has a link: $(ctl port list)"
nic_peer --from 192.0.2.10:1000 --to 192.0.2.1:5004 --count 20
expect_counter p0.rx_packets 270
monitor set_link name=nic0 up=on
rig_wait 20 port_is_up p0 || fail "p0 has no link: $(ctl port list)"
nic_peer --from 192.0.2.10:1000 --to 192.0.2.1:5004 --count 100 --leg 1,198.51.100.1:6004,198.51.100.10:7004
expect_counter p0.rx_packets 370
expect_counter p1.tx_packets 300
guest_sluiced_stop
