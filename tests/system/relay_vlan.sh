#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# From one VLAN to another, and from a VLAN to no tag, in both families. The peers make their
# tagged frames themselves, as this kernel may know no VLANs; so the next hops have fixed MACs.
source "$(dirname "$0")/_lib.sh"
test_begin
rig_make 2

relay() {
	local id=$1 from=$2 to=$3 out=$4 in=$5
	ctl flow add --id "$id" --match "port=p0,vlan=10,src=$from,dst=$to" \
		--leg "port=p1,vlan=20,src=$out,dst=$in,mac=${HOST_MAC[1]}"
	receive_start "$id" h1 --interface eth0 --vlan 20 --src "$out" --dst "$in" --count 500 --ttl 63
	send h0 --interface eth0 --vlan 10 --src-mac "${HOST_MAC[0]}" --dst-mac "${BOX_MAC[0]}" \
		--src "$from" --dst "$to" --count 500
	receive_end "$id"
	expect_counter "flow:$id.legs.0.sent" 500
}

relay tagged4 192.0.2.10:1000 192.0.2.1:5004 198.51.100.1:6004 198.51.100.10:7004
relay tagged6 '[2001:db8:0::10]:1000' '[2001:db8:0::1]:5004' \
	'[2001:db8:1::1]:6004' '[2001:db8:1::10]:7004'

# The tag taken off: an ordinary socket receives.
ctl flow add --id untag --match port=p0,vlan=10,dst=192.0.2.1:5008 \
	--leg port=p1,src=198.51.100.1:6008,dst=198.51.100.10:7008
receive_start untag h1 --src 198.51.100.1:6008 --dst 198.51.100.10:7008 --count 100
send h0 --interface eth0 --vlan 10 --src-mac "${HOST_MAC[0]}" --dst-mac "${BOX_MAC[0]}" \
	--src 192.0.2.10:1000 --dst 192.0.2.1:5008 --count 100
receive_end untag

# The same addresses in another VLAN, or in none, are not the flow's.
receive_start stray h1 --src 198.51.100.1:6008 --dst 198.51.100.10:7008 --count 0 --timeout 2
send h0 --interface eth0 --vlan 11 --src-mac "${HOST_MAC[0]}" --dst-mac "${BOX_MAC[0]}" \
	--src 192.0.2.10:1000 --dst 192.0.2.1:5008 --count 100
send h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5008 --count 100
receive_end stray
expect_counter flow:untag.packets 100
