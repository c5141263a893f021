#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Packets handed to control: those that a flow punts and those that no flow matches, as they came;
# at no more than the configured rate, and what is over it is counted.
source "$(dirname "$0")/_lib.sh"
PUNT="rate_pps: 200"
UNMATCHED=punt
test_begin
rig_make 1

ctl flow add --id stun --match port=p0,dst=192.0.2.1:3478 --action punt
# The steering program takes what is sent there; of another source it matches no flow.
ctl flow add --id elsewhere --match port=p0,src=192.0.2.99:1,dst=192.0.2.1:5004 --action drop

rig_spawn follow "$(rig_built sluicectl)" --socket "$RIG_RUN/sluiced.sock" --json punted --follow
media h0 --src 192.0.2.10:1000 --dst 192.0.2.1:3478 --count 5 stun
media h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5004 --count 3 dtls
expect_flow stun "d['counters']['punted']" 5
expect_counter p0.punted 8
expect_flow elsewhere "d['counters']['packets']" 0

rows=$(ctl --json punted)
[[ $(grep -c '"flow":"stun"' <<<"$rows") == 5 && $(grep -c '"flow":null' <<<"$rows") == 3 ]] ||
	fail "expected 5 of the flow and 3 of none, found: $rows"
[[ $(ctl punted | awk 'NR > 1 { print $4, $5, $6 }' | sort | uniq -c | tr -s ' \n' ' ') == \
	" 3 p0 109 - 5 p0 70 stun " ]] || fail "the table differs: $(ctl punted)"
[[ $(ctl --json punted --after 7 | json_value "d['sequence']") == 8 ]] || fail "--after differs"

# Somebody else's program takes them for what they are.
ctl punted --hex | text2pcap -q - "$RIG_RUN/punted.pcap" 2>/dev/null
[[ $(tshark -r "$RIG_RUN/punted.pcap" -Y 'stun.type == 1' 2>/dev/null | wc -l) == 5 ]] ||
	fail "tshark does not find 5 binding requests"
[[ $(tshark -r "$RIG_RUN/punted.pcap" -Y 'dtls.handshake.type == 1' 2>/dev/null | wc -l) == 3 ]] ||
	fail "tshark does not find 3 DTLS hellos"

# Faster than the rate: the bucket, an eighth of a second deep, and what the rate lets through.
start=$(date +%s%N)
media h0 --src 192.0.2.10:1000 --dst 192.0.2.1:3478 --count 1600 --gap-us 1000 stun
took_ms=$((($(date +%s%N) - start) / 1000000))
# While the worker has no CPU the kernel may run out of room for some of them.
rig_wait 10 flow_value_is stun "d['counters']['packets'] - 5" 1600 || true
came=$(flow_value stun "d['counters']['packets'] - 5")
((came >= 1200)) || fail "$came of 1600 arrived"
expect_flow stun "d['counters']['punted'] - 5 + d['counters']['drops'].get('punt_limited', 0)" "$came"
punted=$(flow_value stun "d['counters']['punted'] - 5")
((punted >= 280 && punted <= 26 + took_ms / 5)) ||
	fail "$punted punted in $took_ms ms at 200 a second"
# Control keeps the last 256; who follows has seen them all.
[[ $(ctl --json punted | wc -l) == 256 ]] || fail "control keeps $(ctl --json punted | wc -l), not 256"
followed_all() {
	(($(wc -l <"$RIG_RUN/follow.log") == 8 + punted))
}
rig_wait 30 followed_all || fail "followed $(wc -l <"$RIG_RUN/follow.log"), not $((8 + punted))"
