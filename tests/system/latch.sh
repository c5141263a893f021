#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Listeners that learn their source: the first for ever, or the latest but one move an interval.
# What is learned is seen through RPC and told by events at once, outlives changes of other flows and of the
# flow itself, and an allow-list keeps others from being learned at all.
source "$(dirname "$0")/_lib.sh"
CONSERVATION_OPTIONS=(--flows-removed)
test_begin
rig_make 2

# Strangers to flow first: its own count, and that of the steering program, which drops them as soon
# as control has seen what the flow learned.
expect_strangers() {
	local found
	found=$(($(flow_value first "d['counters']['drops'].get('source_refused', 0)") + \
		$(counter_read p0.steering.dropped.source)))
	((found == $1)) || fail "expected $1 packets of strangers to flow first, found $found"
}

leg() {
	echo "port=p1,src=198.51.100.1:6004,dst=198.51.100.10:$1"
}

ctl flow add --id first --match port=p0,dst=192.0.2.1:5004 --latch first --leg "$(leg 7004)"
ctl flow add --id follow --match port=p0,dst=192.0.2.1:5006 --latch follow \
	--latch-interval-ms 4000 --leg "$(leg 7006)"
ctl flow add --id allowed --match port=p0,dst=192.0.2.1:5008 --latch first \
	--allow 192.0.2.64/26 --allow 203.0.113.0/24 --leg "$(leg 7008)"
ctl flow show first | grep -q '^latched   no source yet$' || fail "it shows a source"
expect_flow first "d['latched']" None

tally_start all h1 20 198.51.100.10:7004 198.51.100.10:7006 198.51.100.10:7008
media h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5004 --count 10 rtp
media h0 --src 192.0.2.10:1001 --dst 192.0.2.1:5004 --count 5 rtp
expect_flow first "d['latched']" "{'src': '192.0.2.10', 'src_port': 1000, 'moves': 1}"
expect_strangers 5
ctl flow show first | grep -q '^latched   192.0.2.10:1000, learned 1 time$' ||
	fail "flow show lacks the source"

# Other flows come and go, and the flow itself is replaced: it stays latched.
ctl flow add --id other --match port=p0,dst=192.0.2.1:5020 --leg "$(leg 7020)"
ctl flow del other
ctl --json flow show first | json_value 'json.dumps(d["flow"])' |
	sed 's/"dst_port": 7004/"dst_port": 7004, "dscp": 10/' >"$RIG_RUN/first.json"
ctl flow replace "$RIG_RUN/first.json"
media h0 --src 192.0.2.10:1001 --dst 192.0.2.1:5004 --count 3 rtp
media h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5004 --count 2 rtp
expect_flow first "d['latched']['src_port'], d['latched']['moves']" "(1000, 1)"
expect_strangers 8

# Follow: the second source is refused at first, and taken when the interval is over.
media h0 --src 192.0.2.10:2000 --dst 192.0.2.1:5006 --count 10 rtp
media h0 --src 192.0.2.10:2001 --dst 192.0.2.1:5006 --count 10 rtp
expect_flow follow "d['latched']" "{'src': '192.0.2.10', 'src_port': 2000, 'moves': 1}"
expect_flow_drops follow source_refused 10
tries=0
follows() {
	tries=$((tries + 1))
	media h0 --src 192.0.2.10:2001 --dst 192.0.2.1:5006 --count 1 rtp
	expect_flow follow "d['counters']['packets']" $((20 + tries))
	[[ $(flow_value follow "d['latched']['src_port']") == 2001 ]]
}
rig_wait 30 follows || fail "the second source is not taken"
media h0 --src 192.0.2.10:2001 --dst 192.0.2.1:5006 --count 9 rtp
media h0 --src 192.0.2.10:2000 --dst 192.0.2.1:5006 --count 4 rtp
expect_flow follow "d['latched']" "{'src': '192.0.2.10', 'src_port': 2001, 'moves': 2}"
expect_flow_drops follow source_refused $((10 + tries - 1 + 4))

# Who is not allowed is refused, and is not learned.
media h0 --src 192.0.2.10:3000 --dst 192.0.2.1:5008 --count 6 rtp
expect_flow allowed "d['latched']" None
expect_flow_drops allowed source_refused 6
rig_address_add h0 eth0 192.0.2.70/24
media h0 --src 192.0.2.70:3000 --dst 192.0.2.1:5008 --count 7 rtp
expect_flow allowed "d['latched']['src']" 192.0.2.70

# A latch that is closed, and the port that was narrowed to its source, open again for another one.
ctl flow forget first | grep -q '^forgot 192.0.2.10:1000 of first$' || fail "it forgot otherwise"
expect_flow first "d['latched']" None
media h0 --src 192.0.2.10:1001 --dst 192.0.2.1:5004 --count 4 rtp
expect_flow first "d['latched']" "{'src': '192.0.2.10', 'src_port': 1001, 'moves': 2}"
ctl flow forget first
media h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5004 --count 1 rtp
expect_flow first "d['latched']" "{'src': '192.0.2.10', 'src_port': 1000, 'moves': 3}"
expect_exit 1 ctl flow forget first other
expect_exit 1 ctl flow forget nobody

tally_end all
expect_tally all "[d[f'198.51.100.10:{port}']['packets'] for port in (7004, 7006, 7008)]" \
	"[17, 20, 7]"

events_seen() {
	ctl --json events | grep -c '"event":"flow_latched"'
}
has_events() {
	(($(events_seen) >= 6))
}
rig_wait 30 has_events || fail "expected 6 events of sources learned, found $(events_seen)"
ctl events | grep -q 'flow_latched *follow src=192.0.2.10 src_port=2001 moves=2' ||
	fail "no event of the move: $(ctl events)"

# Workers tell what they learn.
told=$(rig_exec h0 tests/system/latched.py "$RIG_RUN/sluiced.sock" 192.0.2.1:9000 192.0.2.10 100) ||
	fail "sources are told of late: $told"
echo "# from packet to event: $(tail -n 1 <<<"$told")"

# By now strangers to the first flow no longer reach the port; its own source does.
narrowed() {
	local before
	before=$(counter_read p0.steering.dropped.source)
	send h0 --src 192.0.2.10:1001 --dst 192.0.2.1:5004 --count 1
	(($(counter_read p0.steering.dropped.source) == before + 1))
}
rig_wait 30 narrowed || fail "strangers to a closed latch reach the port"
before=$(counter_read flow:first.packets)
media h0 --src 192.0.2.10:1001 --dst 192.0.2.1:5004 --count 5 rtp
expect_counter flow:first.packets "$before"
media h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5004 --count 2 rtp
expect_counter flow:first.packets "$((before + 2))"
