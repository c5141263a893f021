#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 180
# A relay in two directions whose flows send to each other's source: what the server sends reaches a
# client whose address nobody knew before, its first packet included, and follows the client to
# another port. IPv4 and, between the two sides, IPv6; what is refused.
source "$(dirname "$0")/_lib.sh"
CONSERVATION_OPTIONS=(--flows-removed)
test_begin
STATE_PATH=$RIG_RUN/state/state.db
rig_make 2

expect_sends_to() {
	expect_flow "$1" "[s and (s['learned'], s['dst'], s['dst_port'])
		for s in [d['legs'][0]['sends_to']]][0]" "$2"
}

# What is refused before there is a flow: the other flow does not exist, or is the flow itself.
expect_exit 1 ctl flow add --id back --match port=p1,dst=198.51.100.1:6004 \
	--leg port=p0,src=192.0.2.1:5004,learned=call
expect_exit 2 ctl flow add --id call --match port=p0,dst=192.0.2.1:5004 --latch first \
	--leg port=p1,src=198.51.100.1:6004,learned=call
expect_exit 2 ctl flow add --id call --match port=p0,dst=192.0.2.1:5004 --latch first \
	--leg port=p1,src=198.51.100.1:6004
cat >"$RIG_RUN/relay.yaml" <<-END
	flows:
	  - id: call
	    match: {port: p0, dst: 192.0.2.1, dst_port: 5004}
	    latch: follow
	    latch_interval_ms: 0
	    legs:
	      - {port: p1, src: 198.51.100.1, src_port: 6004, learned: back,
	         dst: 198.51.100.10, dst_port: 7004}
	  - id: back
	    match: {port: p1, dst: 198.51.100.1, dst_port: 6004}
	    latch: first
	    legs: [{port: p0, src: 192.0.2.1, src_port: 5004, learned: call}]
END
ctl flow add "$RIG_RUN/relay.yaml"
ctl flow list | grep -q '^back .* source of call$' || fail "flow list shows $(ctl flow list)"
expect_sends_to call "(False, '198.51.100.10', 7004)"
expect_sends_to back None
ctl flow show back | grep -q 'nowhere, as call has learned no source' ||
	fail "flow show shows $(ctl flow show back)"

# Before the client has sent: what the server sends has no peer.
send h1 --src 198.51.100.10:7004 --dst 198.51.100.1:6004 --count 3
expect_flow back "d['legs'][0]['drops']" "{'peer_unknown': 3}"
expect_flow back "d['legs'][0]['next_hop']['state']" unknown

# The client's first packet is echoed by the server, and the echo reaches it: nobody knew its port.
rig_spawn echo ip netns exec "$RIG_NAME-h1" tests/system/echo.py 198.51.100.10:7004 \
	'[2001:db8:1::10]:7006'
rig_wait 30 grep -q '^ready' "$RIG_RUN/echo.log" || fail "the server does not listen"
client() {
	rig_exec h0 tests/system/echo.py --client "$@" || fail "no answer to $*"
}
client 192.0.2.1:5004 --count 20
back=$(flow_value back "d['legs'][0]['sends_to']['dst_port']")
[[ $(flow_value call "d['latched']['src_port']") == "$back" ]] || fail "the leg sends to port $back"
expect_flow back "d['legs'][0]['next_hop']['state']" resolved
expect_flow back "d['legs'][0]['next_hop']['address']" 192.0.2.10
expect_sends_to call "(True, '198.51.100.10', 7004)"
ctl flow show back | grep -q "192.0.2.10:$back, source of call" ||
	fail "flow show: $(ctl flow show back)"

# The client moves from port to port, as behind a NAT that forgets: each answer reaches the port
# that asked.
client 192.0.2.1:5004 --count 200 --rebind
expect_flow back "d['legs'][0]['drops']" "{'peer_unknown': 3}"
expect_flow back "d['legs'][0]['next_hop']['state']" resolved

# A change of the flow, and of the other one, changes nothing of that.
ctl leg join call --leg port=p1,src=198.51.100.1:6006,dst=198.51.100.10:7999
client 192.0.2.1:5004 --count 20
expect_flow back "d['legs'][0]['copies']" $((3 + 20 + 200 + 20))

# Forgotten: the leg has nowhere to send again, until somebody sends.
ctl flow forget call
expect_sends_to back None
client 192.0.2.1:5004 --count 5

# What others refer to stays, and stays a flow that learns.
expect_exit 1 ctl flow del call
ctl --json flow show call | json_value 'json.dumps(d["flow"])' |
	sed 's/"latch": "follow", "latch_interval_ms": 0/"latch": "open"/' >"$RIG_RUN/open.json"
expect_exit 2 ctl flow replace "$RIG_RUN/open.json"
ctl flow down back
ctl flow up back
ctl --json flow list | json_value 'json.dumps(d["flows"])' >"$RIG_RUN/flows.json"

# IPv4 at the client, IPv6 at the server.
cat >"$RIG_RUN/family.yaml" <<-'END'
	flows:
	  - id: call46
	    match: {port: p0, dst: 192.0.2.1, dst_port: 5006}
	    latch: first
	    legs:
	      - {port: p1, src: "2001:db8:1::1", src_port: 6006,
	         dst: "2001:db8:1::10", dst_port: 7006}
	  - id: back46
	    match: {port: p1, dst: "2001:db8:1::1", dst_port: 6006}
	    legs: [{port: p0, src: 192.0.2.1, src_port: 5006, learned: call46}]
END
ctl flow add "$RIG_RUN/family.yaml"
client 192.0.2.1:5006 --count 50
expect_flow back46 "d['legs'][0]['next_hop']['state']" resolved
expect_flow back46 "d['legs'][0]['sent']" 50
expect_exit 2 ctl leg join call46 --leg 'port=p1,src=[2001:db8:1::1]:6008,learned=call'
expect_exit 2 ctl leg join call46 --leg port=p1,src=198.51.100.1:6008,learned=back46

# A packet is traced as it would be sent now.
ctl trace p1 --from 198.51.100.10:7004 --to 198.51.100.1:6004 >"$RIG_RUN/trace" ||
	fail "trace: $(<"$RIG_RUN/trace")"
grep -q "192.0.2.10:$(flow_value call "d['latched']['src_port']")" "$RIG_RUN/trace" ||
	fail "the trace shows $(<"$RIG_RUN/trace")"

# All of them at once, and again from what the list showed.
ctl flow del call back
ctl flow add "$RIG_RUN/flows.json"
client 192.0.2.1:5004 --count 5

# Declared in a file: what is exported plans no change. Without its way back, and with it again.
ctl flow del call back
ctl apply "$RIG_RUN/relay.yaml" >/dev/null
ctl export -o "$RIG_RUN/exported.yaml"
ctl plan "$RIG_RUN/exported.yaml" >"$RIG_RUN/plan" || fail "a plan: $(<"$RIG_RUN/plan")"
both=$(ctl rpc state.get | json_value "d['generation']")
sed -e '/- id: back/,$d' -e 's/learned: back,//' "$RIG_RUN/relay.yaml" >"$RIG_RUN/one.yaml"
sed -e '/- id: back/,$d' "$RIG_RUN/relay.yaml" >"$RIG_RUN/half.yaml"
expect_exit 1 ctl apply "$RIG_RUN/half.yaml"
ctl apply "$RIG_RUN/one.yaml" --yes >/dev/null
expect_exit 1 ctl flow show back
ctl rollback "$both" >/dev/null
client 192.0.2.1:5004 --count 5

# With another match it is another flow, which learns its own source.
sed -e 's/5004/5014/' "$RIG_RUN/relay.yaml" >"$RIG_RUN/moved.yaml"
ctl apply "$RIG_RUN/moved.yaml" --yes >/dev/null
expect_flow call "d['latched']" None
expect_sends_to back None
client 192.0.2.1:5014 --count 5
ctl apply "$RIG_RUN/relay.yaml" --yes >/dev/null

# After a restart, the flows refer to each other again, and have to learn again.
rig_stop sluiced KILL
rig_sluiced_start box "$RIG_RUN/sluiced.yaml" sluiced
rig_wait 30 ctl info || fail "sluiced does not answer"
expect_sends_to back None
client 192.0.2.1:5004 --count 5
expect_flow back "d['legs'][0]['next_hop']['state']" resolved
