#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 300
# A port over AF_XDP keeps its packet buffers, however the memory is got: after many times as many
# packets as it has buffers, punted from sources that no flow knows, it still forwards all. What the
# kernel loses while no worker takes packets is counted, to the last one.
source "$(dirname "$0")/_lib.sh"
BUFFERS=6144
UNMATCHED=punt
test_begin
topology_make 1

punts_at_least() {
	(($(counter_read p0.punted) + $(counter_read p0.drops.punt_limited) >= $1))
}

# The ring is empty: on a busy machine a worker may be behind, and what comes meanwhile is lost.
drained() {
	local before
	before=$(counter_read p0.rx_packets)
	sleep 1
	(($(counter_read p0.rx_packets) == before))
}

# With a line of configuration more: buffers_stay MODE LINE
buffers_stay() {
	local mode=$1 tries
	sluiced_start sluiced < <(
		config_af_xdp sluiced 1
		echo "packet_buffers: $BUFFERS"
		echo "$2"
	)
	ctl flow add --id relay --match port=p0,src=192.0.2.10:1000,dst=192.0.2.1:5004 \
		--leg port=p0,src=192.0.2.1:6004,dst=192.0.2.10:7004
	for ((tries = 0; tries < 5; tries++)); do
		media h0 --src 192.0.2.10:999 --dst 192.0.2.1:5004 \
			--count $((10 * BUFFERS)) --gap-us 50 rtp
		! punts_at_least $((10 * BUFFERS)) || break
	done
	punts_at_least $((10 * BUFFERS)) ||
		fail "$mode: $(counter_read p0.rx_packets) received of $((5 * 10 * BUFFERS))"
	rig_wait 20 drained || fail "$mode: the ring is not empty: $(ctl counters)"
	receive_start back h0 --src 192.0.2.1:6004 --dst 192.0.2.10:7004 --count 200
	send h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5004 --count 200
	receive_end back
	expect_counter p0.xdp.rx_invalid_descs 0
	expect_counter p0.xdp.tx_invalid_descs 0
	counters_conserved sluiced
	rig_stop '*'
}

buffers_stay "ordinary pages" ""
HUGEPAGES=true
buffers_stay "hugepages" ""
buffers_stay "hugepages taken at start" "memory_mb: 128"

# A process that is stopped takes no packets, and the kernel goes on: its ring takes 1024, then none.
UNMATCHED=drop
HUGEPAGES=false
config_af_xdp sluiced 1 | sluiced_start sluiced
ctl flow add --id sink --match port=p0,src=192.0.2.10:1000,dst=192.0.2.1:5004 --action drop
pid=$(rig_pid sluiced)
kill -STOP "$pid"
media h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5004 --count 20000 --gap-us 50 rtp
kill -CONT "$pid"
all_counted() {
	(($(counter_read p0.rx_packets) + $(counter_read p0.nic.missed) == 20000))
}
rig_wait 20 all_counted || fail "20000 sent: $(ctl counters)"
(($(counter_read p0.rx_packets) <= 2048)) || fail "the worker was not held up: $(ctl counters)"
(($(counter_read p0.nic.missed) == $(counter_read p0.xdp.rx_ring_full) + \
	$(counter_read p0.xdp.rx_dropped))) || fail "missed differs: $(ctl --json counters)"
[[ $(ctl counters) =~ AF_XDP.*rx_ring_full ]] || fail "not shown: $(ctl counters)"
missed_told() {
	ctl events | grep -q "overload.*rx_missed"
}
rig_wait 20 missed_told || fail "no event: $(ctl events)"
[[ $(counter_read p0.interface.tx_dropped) == 0 ]] || fail "not 0: $(ctl --json counters)"
