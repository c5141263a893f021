#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Rules of prefixes, port ranges and priorities on AF_XDP ports: the steering program brings what
# they ask for and nothing else, the greatest priority wins, and exact flows and listeners go first.
source "$(dirname "$0")/_lib.sh"
test_begin
rig_make 2
rig_address_add h0 eth0 192.0.2.70/24

ctl flow add --id net --rule priority=10,port=p0,src=192.0.2.0/24,dst-ports=5000-5009 \
	--leg port=p1,src=198.51.100.1:6004,dst=198.51.100.10:7004
ctl flow add --id bad --rule priority=20,src=192.0.2.64/26,dst=192.0.2.1/32,dst-ports=5005-5006 \
	--action drop
ctl flow add --id six --rule priority=5,family=6,dst-ports=5000 \
	--leg 'port=p1,src=[2001:db8:1::1]:6006,dst=[2001:db8:1::10]:7006'
ctl flow add --id listener --match port=p0,dst=192.0.2.1:5009 \
	--leg port=p1,src=198.51.100.1:6004,dst=198.51.100.10:7009

tally_start all h1 6 198.51.100.10:{7004,7009} '[2001:db8:1::10]:7006'
tally_start kernel box 6 192.0.2.1:{4999,5010}
for port in 4999 5000 5005 5008 5009 5010; do
	media h0 --src 192.0.2.10:1000 --dst 192.0.2.1:$port --count 10 rtp
done
for port in 5004 5005 5006 5007; do
	media h0 --src 192.0.2.70:1000 --dst 192.0.2.1:$port --count 10 rtp
done
media h0 --src '[2001:db8:0::10]:1000' --dst '[2001:db8:0::1]:5000' --count 10 rtp
tally_end all
tally_end kernel

expect_tally all "d['198.51.100.10:7004']['packets']" 50
expect_tally all "d['198.51.100.10:7009']['packets']" 10
expect_tally all "d['[2001:db8:1::10]:7006']['packets']" 10
expect_tally kernel "d['192.0.2.1:4999']['packets'], d['192.0.2.1:5010']['packets']" "(10, 10)"
expect_flow net "d['counters']['packets'], d['counters']['forwarded']" "(50, 50)"
expect_flow_drops bad flow_drop 20
expect_counter p0.rx_packets 90
ctl flow list | grep -q '^bad *rule 20 192.0.2.64/26 > 192.0.2.1/32:5005-5006 *silent *0  drop$' ||
	fail "flow list shows: $(ctl flow list)"

# A rule may change its range; the kernel has what it leaves, and all of it when the rule goes.
ctl --json flow show net | json_value 'json.dumps(d["flow"])' | sed 's/5009\]/5001]/' \
	>"$RIG_RUN/net.json"
ctl flow replace "$RIG_RUN/net.json"
receive_start left box --src 192.0.2.10:1000 --dst 192.0.2.1:5008 --count 50
send h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5008 --count 50
receive_end left
receive_start net h1 --src 198.51.100.1:6004 --dst 198.51.100.10:7004 --count 50
send h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5001 --count 50
receive_end net
CONSERVATION_OPTIONS=(--flows-removed)
ctl flow del net >/dev/null
receive_start gone box --src 192.0.2.10:1000 --dst 192.0.2.1:5001 --count 50
send h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5001 --count 50
receive_end gone
