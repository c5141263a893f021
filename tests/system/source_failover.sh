#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A flow with two sources: the backup's packets go on when the primary has been silent for the time-out,
# the primary's again when it has sent for long enough, and not while it flaps. In both families.
source "$(dirname "$0")/_lib.sh"
CONSERVATION_OPTIONS=(--flows-removed)
TIMEOUT_MS=100
RETURN_MS=600
test_begin
rig_make 2

# measure FLOW FROM TO AT
measure() {
	local said
	said=$(rig_exec h0 tests/system/failover.py "$RIG_RUN/sluiced.sock" "$1" "$RIG_NAME-h1" "$2" "$3" "$4" \
		$TIMEOUT_MS $RETURN_MS 2>&1) || fail "flow $1: $said"
	sed "s/^/# $1: /" <<<"$said"
}

ctl flow add --id v4 --match port=p0,dst=192.0.2.1:5004 \
	--source src=192.0.2.10:1000 --source src=192.0.2.10:1001 \
	--source-timeout-ms ${TIMEOUT_MS}ms --source-return-ms ${RETURN_MS}ms \
	--leg port=p1,src=198.51.100.1:6004,dst=198.51.100.10:7004
ctl flow add --id v6 --match 'port=p0,dst=[2001:db8:0::1]:5004' \
	--source 'src=[2001:db8:0::10]:1000' --source 'src=[2001:db8:0::10]:1001' \
	--source-timeout-ms ${TIMEOUT_MS} --source-return-ms ${RETURN_MS} \
	--leg 'port=p1,src=[2001:db8:1::1]:6004,dst=[2001:db8:1::10]:7004'
expect_flow v4 "d['failover']['active'], d['failover']['switches'], d['failover']['since_ns']" "(0, 0, None)"

measure v4 192.0.2.10 192.0.2.1:5004 198.51.100.10:7004
measure v6 2001:db8:0::10 '[2001:db8:0::1]:5004' '[2001:db8:1::10]:7004'

expect_flow v4 "d['failover']['active'], d['failover']['switches']" "(1, 11)"
ctl flow show v4 | grep -q '192.0.2.10:1001 *active ' || fail "flow show lacks the active source: $(ctl flow show v4)"
told() {
	(($(ctl --json events --kinds source_switched | grep -c '"flow":"v4"') == 11))
}
rig_wait 10 told || fail "expected 11 events of v4, found: $(ctl events)"

# Each packet has its place: standby, or none of the sources.
before=$(flow_value v4 "d['counters']['drops'].get('standby_source', 0)")
media h0 --src 192.0.2.10:1001 --dst 192.0.2.1:5004 --count 1 rtp
media h0 --src 192.0.2.10:1002 --dst 192.0.2.1:5004 --count 3 rtp
expect_flow_drops v4 source_refused 3
expect_flow_drops v4 standby_source "$before"

# The flow is changed: it goes on with its active source, and does not go back. The change is undone.
ctl --json flow show v4 | json_value 'json.dumps(d["flow"])' |
	sed 's/"source_timeout_ms": 100/"source_timeout_ms": 10000/; s/"source_return_ms": 600/"source_return_ms": 0/' >"$RIG_RUN/v4.json"
ctl flow replace "$RIG_RUN/v4.json"
expect_flow v4 "d['failover']['active'], d['failover']['switches']" "(1, 11)"
expect_flow v4 "d['flow']['source_timeout_ms'], d['flow']['source_return_ms']" "(10000, 0)"
media h0 --src 192.0.2.10:1001 --dst 192.0.2.1:5004 --count 1 rtp
media h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5004 --count 5 rtp
expect_flow_drops v4 standby_source $((before + 5))
ctl rollback 2
expect_flow v4 "d['flow']['source_timeout_ms']" $TIMEOUT_MS

# What a packet would meet: its source is silent by now, and so is the active one.
traced=$(ctl trace p0 --from 192.0.2.10:1001 --to 192.0.2.1:5004)
grep -q '^sources .*this is the active source' <<<"$traced" || fail "found the trace: $traced"
traced=$(ctl trace p0 --from 192.0.2.10:1002 --to 192.0.2.1:5004) || true
grep -q '^sources .*not one of the sources' <<<"$traced" || fail "found the trace: $traced"
