#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A million datagrams of sources that are no flow's, as fast as a sender makes them, to the local addresses of
# flows. To a flow of one source (IPv4), the steering program drops them; to one of an allow-list (IPv6), they
# reach the worker. Media on another port loses nothing meanwhile, and each stranger is counted.
# timeout: 240
source "$(dirname "$0")/_lib.sh"
STRANGERS=500000 # of each family
test_begin
rig_make 3
ctl flow add --id media --match port=p0,src=192.0.2.10:1000,dst=192.0.2.1:5004 \
	--leg port=p1,src=198.51.100.1:6004,dst=198.51.100.10:7004
ctl flow add --id media6 --match 'port=p0,src=[2001:db8:0::10]:1000,dst=[2001:db8:0::1]:5004' \
	--leg 'port=p1,src=[2001:db8:1::1]:6004,dst=[2001:db8:1::10]:7004'
ctl flow add --id known --match port=p2,src=203.0.113.10:400,dst=203.0.113.1:5004 --action drop
ctl flow add --id known6 --match 'port=p2,dst=[2001:db8:2::1]:5004' --allow 2001:db8:2::10/128 --action drop

# What the worker got, what the kernel's ring had no room for, and what the steering program dropped.
flooded() {
	(($(counter_read p2.rx_packets) + $(counter_read p2.nic.missed) + \
		$(counter_read p2.steering.dropped.source) == 2 * STRANGERS))
}

MEDIA=5000
receive_start media h1 --src 198.51.100.1:6004 --dst 198.51.100.10:7004 --count $MEDIA --timeout 120
receive_start media6 h1 --src '[2001:db8:1::1]:6004' --dst '[2001:db8:1::10]:7004' --count $MEDIA --timeout 120
# Half of the media beside the flood at least: the sender waits for its end in the middle.
sender_start() {
	rig_spawn "$1" ip netns exec "$RIG_NAME-h0" tests/system/udp.py send \
		--src "$2" --dst "$3" --count $MEDIA --gap-us 1000 --until "$RIG_RUN/flooded"
}
sender_start sender 192.0.2.10:1000 192.0.2.1:5004
sender_start sender6 '[2001:db8:0::10]:1000' '[2001:db8:0::1]:5004'
rig_exec h2 tests/system/strangers.py eth0 198.18.0.0 203.0.113.1:5004 "${BOX_MAC[2]}" $STRANGERS
rig_exec h2 tests/system/strangers.py eth0 2001:db8:5::1 '[2001:db8:2::1]:5004' "${BOX_MAC[2]}" $STRANGERS
rig_wait 60 flooded || fail "$((2 * STRANGERS)) sent: $(ctl counters)"
touch "$RIG_RUN/flooded"
receive_end media
receive_end media6
expect_flow media "d['counters']['packets']" $MEDIA
expect_flow media6 "d['counters']['packets']" $MEDIA
expect_counter p2.steering.dropped.source $STRANGERS
expect_counter p2.drops.source_refused "$(counter_read p2.rx_packets)"
received=$(counter_read p2.rx_packets)
echo "the worker refused $received strangers, $(counter_read p2.nic.missed) found the ring full"
((received > STRANGERS / 10)) || fail "the flood did not reach the worker: $(ctl counters)"
