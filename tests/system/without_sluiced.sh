#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The proof that it is Sluice that forwards: the very stream that arrives while sluiced runs does
# not arrive before it started, without its flow, nor after it stopped.
source "$(dirname "$0")/_lib.sh"
test_begin
topology_make 2

stream() {
	local label=$1 count=$2
	receive_start "$label" h1 --src 198.51.100.1:6004 --dst 198.51.100.10:7004 \
		--count "$count" --timeout $((count > 0 ? 30 : 3))
	send h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5004 --count 300
	receive_end "$label"
}

stream before 0
config_af_xdp sluiced 2 | sluiced_start sluiced
stream no-flow 0
ctl flow add --id cam --match port=p0,src=192.0.2.10:1000,dst=192.0.2.1:5004 \
	--leg port=p1,src=198.51.100.1:6004,dst=198.51.100.10:7004
stream running 300
expect_counter flow:cam.packets 300
counters_conserved sluiced
rig_stop sluiced
stream stopped 0
