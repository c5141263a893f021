#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A flow is replaced a hundred times under traffic: every datagram arrives once, with the header of
# the old or of the new flow, whole, and the flow's counters go on.
source "$(dirname "$0")/_lib.sh"
CONSERVATION_OPTIONS=(--flows-removed --legs-vary)
test_begin
rig_make 2

version() {
	cat <<-END
		id: cam
		match: {port: p0, src: 192.0.2.10, src_port: 1000, dst: 192.0.2.1, dst_port: 5004}
		legs:
		  - {port: p1, src: 198.51.100.1, src_port: 600$1, dst: 198.51.100.10, dst_port: 700$1,
		     ttl: 10$1, dscp: 1$1}
	END
}
version 1 >"$RIG_RUN/one.yaml"
version 2 >"$RIG_RUN/two.yaml"
ctl flow add --file "$RIG_RUN/one.yaml"

rig_spawn either ip netns exec "$RIG_NAME-h1" tests/system/either.py --count 10000 --timeout 90 \
	198.51.100.1:6001,198.51.100.10:7001,101,11 198.51.100.1:6002,198.51.100.10:7002,102,12
rig_wait 30 grep -q '^ready' "$RIG_RUN/either.log" || fail "the receiver does not listen"
rig_spawn stream ip netns exec "$RIG_NAME-h0" \
	tests/system/udp.py send --src 192.0.2.10:1000 --dst 192.0.2.1:5004 --count 10000 --gap-us 700 \
	--until "$RIG_RUN/changed"
flows() {
	(($(counter_read flow:cam.packets) > 0))
}
rig_wait 30 flows || fail "the media does not flow"
for ((i = 0; i < 50; i++)); do
	ctl flow replace "$RIG_RUN/two.yaml" >/dev/null
	ctl flow replace "$RIG_RUN/one.yaml" >/dev/null
done
rig_pid stream >/dev/null || fail "the stream ended before the replacements did: this proves nothing"
touch "$RIG_RUN/changed"
receive_end either
read -r -a shares < <(sed -n 's/^done: all 10000: //p' "$RIG_RUN/either.log")
((shares[0] > 100 && shares[1] > 100)) || fail "the versions had ${shares[*]}: this proves little"
expect_counter flow:cam.packets 10000
expect_counter flow:cam.forwarded 10000

# Legs without an id go on with their counters, in whatever order the file has them.
cat >"$RIG_RUN/pair.yaml" <<-END
	id: pair
	match: {port: p0, src: 192.0.2.10, src_port: 1000, dst: 192.0.2.1, dst_port: 5006}
	legs:
	  - {port: p1, src: 198.51.100.1, src_port: 6001, dst: 198.51.100.10, dst_port: 7001}
	  - {port: p1, src: 198.51.100.1, src_port: 6002, dst: 198.51.100.10, dst_port: 7002, one_in: 10}
END
ctl flow add --file "$RIG_RUN/pair.yaml"
send h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5006 --count 100
sed '4{h;d}; 5G' "$RIG_RUN/pair.yaml" >"$RIG_RUN/turned.yaml"
ctl flow replace "$RIG_RUN/turned.yaml"
expect_flow pair "[(leg['id'], leg['copies']) for leg in d['legs']]" "[('leg-2', 10), ('leg-1', 100)]"
# The same place twice is refused.
sed 's/7002/7001/' "$RIG_RUN/pair.yaml" >"$RIG_RUN/twice.yaml"
expect_exit 2 ctl flow replace "$RIG_RUN/twice.yaml"
expect_flow pair "len(d['legs'])" "2"

# A match cannot change, and a flow that does not exist cannot be replaced; nothing changes then.
sed 's/5004/5005/' "$RIG_RUN/one.yaml" >"$RIG_RUN/other.yaml"
expect_exit 2 ctl flow replace "$RIG_RUN/other.yaml"
sed 's/cam/nobody/' "$RIG_RUN/one.yaml" >"$RIG_RUN/other.yaml"
expect_exit 1 ctl flow replace "$RIG_RUN/other.yaml"
expect_counter flow:cam.packets 10000
