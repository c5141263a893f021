#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Policers of a flow and of a leg, measured by the receiving kernel's own time stamps: bytes of IP
# datagrams a second. A leg's policer leaves the other legs alone.
source "$(dirname "$0")/_lib.sh"
test_begin
rig_make 2

ctl flow add --id flow --match port=p0,dst=192.0.2.1:5004 --police 1M/3000 \
	--leg port=p1,src=198.51.100.1:6004,dst=198.51.100.10:7004
ctl flow add --id leg --match port=p0,dst=192.0.2.1:5006 \
	--leg port=p1,src=198.51.100.1:6006,dst=198.51.100.10:7006,police=500k/3000 \
	--leg port=p1,src=198.51.100.1:6006,dst=198.51.100.10:7008

# 6 s of 2.5 Mbit/s to each: packets of 12 + 840 bytes of payload, 880 with the headers.
tally_start all h1 10 198.51.100.10:{7004,7006,7008}
rig_spawn second ip netns exec "$RIG_NAME-h0" tests/system/media.py send --src 192.0.2.10:1001 \
	--dst 192.0.2.1:5006 --count 2130 --gap-us 2817 --bytes 840 rtp
media h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5004 --count 2130 --gap-us 2817 --bytes 840 rtp
rig_wait 30 rig_ended second || fail "the second sender does not end"
tally_end all

# The rate of what came after the burst, in percent of what was asked for: never more. It is less when
# the sender was held up for longer than the burst lasts, as on a busy machine; that the policer itself
# is exact is for its unit tests to say.
expect_rate() {
	local percent
	percent=$(tally_value all "round((d['198.51.100.10:$1']['ip_bytes'] - 3000) * 8 * 100 / \
		d['198.51.100.10:$1']['seconds'] / $2, 2)")
	echo "port $1: $percent % of $2 bit/s"
	[[ $(json_value "80 <= $percent <= 103" <<<0) == True ]] ||
		fail "port $1 received $percent % of $2 bit/s"
}
expect_rate 7004 1000000
expect_rate 7006 500000
expect_tally all "d['198.51.100.10:7008']['packets']" 2130

expect_flow flow "d['counters']['packets']" 2130
received=$(tally_value all "d['198.51.100.10:7004']['packets']")
expect_flow_drops flow policed $((2130 - received))
received=$(tally_value all "d['198.51.100.10:7006']['packets']")
expect_flow leg "d['legs'][0]['drops']" "{'leg_policed': $((2130 - received))}"
expect_flow leg "d['legs'][0]['copies'], d['legs'][1]['sent']" "(2130, 2130)"
