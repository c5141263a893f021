#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The flows of the recipes in docs/network.md do what these say: multicast ingest and a VLAN trunk. The
# kernel here may know no VLANs: the frames are made by the peers, and the legs get a MAC address.
source "$(dirname "$0")/_lib.sh"
CONSERVATION_OPTIONS=(--flows-removed) # by the second apply
test_begin
rig_make 2

ctl apply --yes docs/examples/multicast.yaml >/dev/null
for id in channel group; do
	[[ $(flow_value $id "d['membership']['state']") == joined ]] || fail "$id: $(ctl flow show $id)"
done
receive_start recorder h1 --src 198.51.100.1:6004 --dst 198.51.100.10:7004 --count 100 --ttl 32
receive_start monitor h1 --src 198.51.100.1:6004 --dst 198.51.100.10:7006 --count 100 --ttl 32
send h0 --src 192.0.2.10:1000 --dst 232.1.1.1:5004 --count 100
receive_end recorder
receive_end monitor
send h0 --src '[2001:db8::10]:1000' --dst '[ff3e::db8:1]:5004' --count 100
expect_counter flow:group.legs.0.sent 100

sed -E "s/vlan: 1[12]0,/& mac: '${HOST_MAC[1]}',/" docs/examples/vlan-trunk.yaml >"$RIG_RUN/trunk.yaml"
ctl apply --yes "$RIG_RUN/trunk.yaml" >/dev/null
for vlan in 10 20; do
	receive_start "tenant$vlan" h1 --interface eth0 --vlan "1$vlan" --seed "$vlan" --count 100 \
		--src 198.51.100.1:6004 --dst 198.51.100.10:7004
	send h0 --interface eth0 --vlan "$vlan" --seed "$vlan" --count 100 --src-mac "${HOST_MAC[0]}" \
		--dst-mac "${BOX_MAC[0]}" --src 192.0.2.10:1000 --dst 192.0.2.1:5004
	receive_end "tenant$vlan"
	expect_counter "flow:tenant$vlan.legs.0.sent" 100
done
