#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Legs join and leave a running flow, go down and up: the receiver of a leg that does not change gets
# every datagram in order, and one that joins gets all from then on. A sampling leg gets its share.
source "$(dirname "$0")/_lib.sh"
CONSERVATION_OPTIONS=(--flows-removed --legs-vary)
test_begin
rig_make 3

ctl flow add --id cam --match port=p0,src=192.0.2.10:1000,dst=192.0.2.1:5004 \
	--leg id=stays,port=p1,src=198.51.100.1:6004,dst=198.51.100.10:7004
receive_start stays h1 --src 198.51.100.1:6004 --dst 198.51.100.10:7004 --count 8000 --timeout 90
rig_spawn stream ip netns exec "$RIG_NAME-h0" \
	tests/system/udp.py send --src 192.0.2.10:1000 --dst 192.0.2.1:5004 --count 8000 --gap-us 900 \
	--until "$RIG_RUN/changed"
flows() {
	(($(counter_read flow:cam.packets) > 0))
}
rig_wait 30 flows || fail "the media does not flow"

# Fifty come and go; ids that are given and ids that are not.
copies_left=0
for ((i = 0; i < 50; i++)); do
	ctl leg join cam --leg "id=guest,port=p2,src=203.0.113.1:6004,dst=203.0.113.10:7$((100 + i))" \
		>/dev/null
	joined=$(ctl leg join cam --leg "port=p1,src=198.51.100.1:6006,dst=198.51.100.10:7$((200 + i))")
	left=$(ctl --json leg leave cam guest "${joined#joined }" |
		json_value "sum(leg['counters']['copies'] for leg in d['left'])")
	copies_left=$((copies_left + left))
done
expect_flow cam "[leg['id'] for leg in d['legs']]" "['stays']"
rig_pid stream >/dev/null || fail "the stream ended before the legs did: this proves nothing"
touch "$RIG_RUN/changed"
receive_end stays
expect_flow cam "d['legs'][0]['copies'], d['legs'][0]['sent']" "(8000, 8000)"
# The last counters of legs that left are exact: their sum is what the ports count.
((copies_left > 0)) || fail "no leg that left had got anything: this proves nothing"
expect_counter p1.tx_packets $((8000 + copies_left - $(counter_read p2.copies)))

# A leg that joins gets all that comes then, and its final counters are exact.
ctl leg join cam --leg id=late,port=p2,src=203.0.113.1:6004,dst=203.0.113.10:7004
ctl leg join cam --leg id=sample,port=p2,src=203.0.113.1:6006,dst=203.0.113.10:7006,one-in=10
receive_start late h2 --src 203.0.113.1:6004 --dst 203.0.113.10:7004 --count 500
tally_start sample h2 4 203.0.113.10:7006
send h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5004 --count 500
receive_end late
tally_end sample
expect_tally sample "d['203.0.113.10:7006']['packets']" 50
ctl leg leave cam late >"$RIG_RUN/left"
[[ $(awk 'NR == 2 { print $1, $2, $4, $5 }' "$RIG_RUN/left") == "late 500 500 -" ]] ||
	fail "leg leave shows: $(cat "$RIG_RUN/left")"

# Down and up, of a leg and of the flow.
ctl flow down cam --leg stays
send h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5004 --count 100
expect_flow cam "d['legs'][0]['sent'], d['legs'][1]['copies']" "(8500, 60)"
ctl flow show cam | grep -q '^stays.* down$' || fail "flow show does not show that the leg is down"
ctl flow up cam --leg stays
ctl flow down cam
send h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5004 --count 100
expect_flow_drops cam flow_down 100
ctl flow list | grep -q 'down: p1 198.51.100.10:7004' || fail "flow list does not show it: $(ctl flow list)"
ctl flow up cam
receive_start up h1 --src 198.51.100.1:6004 --dst 198.51.100.10:7004 --count 100
send h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5004 --count 100
receive_end up

# What is refused names what is at fault, and changes nothing.
expect_exit 1 ctl leg leave cam nobody
expect_exit 1 ctl leg join cam --leg id=stays,port=p1,src=198.51.100.1:1,dst=198.51.100.10:1
expect_exit 2 ctl leg leave cam stays sample
expect_exit 1 ctl flow down cam --leg nobody
expect_exit 1 ctl flow up nobody
expect_flow cam "[leg['id'] for leg in d['legs']]" "['stays', 'sample']"

# An event names the flow, what changed and who did it.
ctl flow down cam --leg stays
ctl flow up cam --leg stays
ctl --json flow show cam | json_value "__import__('json').dumps({**d['flow'], 'idle_timeout_s': 900,
	'police': {'rate_bps': 9000000}})" >"$RIG_RUN/cam.json"
ctl flow replace "$RIG_RUN/cam.json"
ctl --json flow show cam | json_value "__import__('json').dumps({**d['flow'], 'streams': [
	{'ssrc': 7, 'legs': [{'port': 'p2', 'dst': '203.0.113.10', 'dst_port': 7010,
		'src': '203.0.113.1', 'src_port': 6010}]}]})" >"$RIG_RUN/cam.json"
ctl flow replace "$RIG_RUN/cam.json"
ctl --json flow show cam | json_value "__import__('json').dumps({**d['flow'], 'idle_timeout_s': 901})" \
	>"$RIG_RUN/cam.json"
ctl flow replace "$RIG_RUN/cam.json"
ctl --json events --kinds flow_changed | /usr/bin/python3 -c '
import json, sys
for line in sys.stdin:
    d = json.loads(line)
    print(d["flow"], d["method"], d.get("leg", "-"), d["legs_joined"], d["legs_left"],
          d["legs_changed"], *sorted(d["fields"]), "generation" if d["generation"] > 1 else "none",
          d["actor"]["via"])' >"$RIG_RUN/changes"
for change in "leg.join late 1 0 0" "leg.leave late 0 1 0" "flow.admin stays 0 0 1" \
	"flow.admin - 0 0 0 admin" "flow.replace - 0 0 0 idle_timeout_s police" \
	"flow.replace - 0 0 0 streams" "flow.replace - 0 0 0 idle_timeout_s"; do
	grep -qx "cam $change generation unix" "$RIG_RUN/changes" ||
		fail "no event of cam $change: $(cat "$RIG_RUN/changes")"
done
ctl events --kinds flow_changed | grep -q ' flow_changed  .* cam generation=.* by .*fields=' ||
	fail "events shows: $(ctl events --kinds flow_changed | tail -n 3)"
