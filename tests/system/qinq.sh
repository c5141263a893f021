#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Two VLAN tags (802.1ad around 802.1Q) on AF_XDP, in and out, both families: a stack is swapped
# for another, pushed and popped. The peers make and read their frames themselves.
source "$(dirname "$0")/_lib.sh"
test_begin
rig_make 2

frames=(--interface eth0 --src-mac "${HOST_MAC[0]}" --dst-mac "${BOX_MAC[0]}")

# relay ID TAGS_IN TAGS_OUT FROM TO OUT IN, tags as OUTER.INNER, 0 for none
relay() {
	local id=$1 in=("${2%.*}" "${2#*.}") out=("${3%.*}" "${3#*.}") from=$4 to=$5 leg=$6 host=$7
	ctl flow add --id "$id" \
		--match "port=p0,outer-vlan=${in[0]},vlan=${in[1]},src=$from,dst=$to" --leg \
		"port=p1,outer-vlan=${out[0]},vlan=${out[1]},src=$leg,dst=$host,mac=${HOST_MAC[1]}"
	receive_start "$id" h1 --interface eth0 --outer-vlan "${out[0]}" --vlan "${out[1]}" \
		--src "$leg" --dst "$host" --count 200 --ttl 63
	send h0 "${frames[@]}" --outer-vlan "${in[0]}" --vlan "${in[1]}" --src "$from" --dst "$to" \
		--count 200
	receive_end "$id"
	expect_counter "flow:$id.legs.0.sent" 200
}

relay swap4 300.10 400.20 192.0.2.10:1000 192.0.2.1:5004 198.51.100.1:6004 198.51.100.10:7004
relay swap6 300.10 400.20 '[2001:db8:0::10]:1000' '[2001:db8:0::1]:5004' \
	'[2001:db8:1::1]:6004' '[2001:db8:1::10]:7004'
relay push 0.10 400.20 192.0.2.10:1000 192.0.2.1:5006 198.51.100.1:6006 198.51.100.10:7006
relay pop 300.10 0.20 192.0.2.10:1000 192.0.2.1:5008 198.51.100.1:6008 198.51.100.10:7008
relay bare 300.10 0.0 192.0.2.10:1000 192.0.2.1:5010 198.51.100.1:6010 198.51.100.10:7010
relay outer 300.0 400.0 192.0.2.10:1000 192.0.2.1:5012 198.51.100.1:6012 198.51.100.10:7012

# The same addresses under another outer tag, under none, or inner for outer are not the flow's:
# the steering program leaves them to the kernel.
for tags in "301 10" "0 10" "10 300" "300 11"; do
	read -r outer inner <<<"$tags"
	send h0 "${frames[@]}" --outer-vlan "$outer" --vlan "$inner" \
		--src 192.0.2.10:1000 --dst 192.0.2.1:5004 --count 10
done
expect_counter flow:swap4.packets 200
expect_counter p0.rx_packets 1200
