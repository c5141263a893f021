#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Flows are given local ports by pools, and keep them: through plan, trial, rollback, restart and
# kill -9. An exhausted pool says so, and raises events before.
# timeout: 180
source "$(dirname "$0")/_lib.sh"
CONSERVATION_OPTIONS=(--flows-removed)
HUGEPAGES=true
POOLS='{name: voice, addresses: [192.0.2.1], ports: [5004, 5043], pairs: true,
    quarantine_s: 600},
  {name: short, addresses: [192.0.2.1], ports: [7000, 7001], quarantine_s: 1},
  {name: calm, addresses: [192.0.2.1], ports: [7100, 7100], quarantine_s: 15}'
test_begin
STATE_PATH=$RIG_RUN/state.db
rig_make 2

LEG=port=p1,src=198.51.100.1:6004,dst=198.51.100.10:7004

# add ID MATCH...: with a leg
add() {
	local id=$1 match=$2
	shift 2
	ctl flow add --id "$id" --match "port=p0,$match" --leg "$LEG" "$@"
}

expect_port() {
	local found
	found=$(flow_value "$1" "'{pool} {dst}:{dst_port}'.format(**d['flow']['match'])")
	[[ $found == "$2" ]] || fail "$1 receives at $found, expected $2"
}

# refused WORDS COMMAND...
refused() {
	local words=$1 output
	shift
	output=$("$@" 2>&1) && fail "not refused: $*"
	grep -qF -- "$words" <<<"$output" || fail "$*: expected '$words', found: $output"
}

# Of voice: GIVEN NAMED QUARANTINED
expect_pool() {
	local found
	found=$(ctl --json info | json_value "'{given} {named} {quarantined}'.format(**d['pools'][0])")
	[[ $found == "$1" ]] || fail "given, named, quarantined of voice: $found, expected $1"
}

# What was given is printed, and media flow there.
add call 'pool=voice' | grep -q '^call receives at 192.0.2.1:5004 of pool voice$' ||
	fail "what was given is not printed"
add call-rtcp 'pool=voice,rtcp-of=call' >/dev/null
expect_port call 'voice 192.0.2.1:5004'
expect_port call-rtcp 'voice 192.0.2.1:5005'
receive_start first h1 --src 198.51.100.1:6004 --dst 198.51.100.10:7004 --count 100
send h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5004 --count 100
receive_end first
ctl export --all | grep -q 'dst_port: 5004, pool: voice' || fail "export does not have it"
ctl flow list | grep -Eq '^call +p0 any > 192.0.2.1:5004 of pool voice ' || fail "flow list does not have it"
ctl info | grep -Eq '^voice +pairs 5004-5043 at 192.0.2.1 +20 +1 +0 +0 +19 ' ||
	fail "info: $(ctl info)"

# Bad input: the field and the reason, and nothing is made.
refused 'NOT_FOUND at --match pool=: found none, expected the name of a pool' add x 'pool=none'
refused 'which pool voice has given to call' add x 'dst=192.0.2.1:5004'
refused 'expected one of pool voice: 5004 to 5043' add x 'pool=voice,dst=192.0.2.1:5050'
refused 'missing, expected the local address, or pool' add x 'vlan=0'
refused 'expected one of IPv6' add x 'pool=voice,src=[2001:db8::9]:5'
expect_pool '1 0 0'
# A named port is taken out of the pool.
add fixed 'dst=192.0.2.1:5007' >/dev/null
add next 'pool=voice' >/dev/null
expect_port next 'voice 192.0.2.1:5008'
expect_pool '2 1 0'

# Files name the pool only; a second apply changes nothing, and a plan gives nothing away.
cat >"$RIG_RUN/flows.yaml" <<-END
	flows:
	- id: d1
	  match: {port: p0, pool: voice}
	  legs: [{port: p1, src: 198.51.100.1, src_port: 6005, dst: 198.51.100.10, dst_port: 7005}]
END
plan=$(ctl plan "$RIG_RUN/flows.yaml") || true
grep -q '192.0.2.1:5010' <<<"$plan" || fail "the plan does not have the port: $plan"
expect_pool '2 1 0'
generation=$(ctl rpc state.get | json_value "d['generation']")
ctl apply "$RIG_RUN/flows.yaml" --yes >/dev/null
expect_port d1 'voice 192.0.2.1:5010'
ctl apply "$RIG_RUN/flows.yaml" --yes | grep -q 'No changes' || fail "the second apply changes something"
# A rollback returns to what was given then, and what ran is in quarantine.
ctl flow del next >/dev/null
expect_pool '2 1 1'
ctl rollback "$generation" --yes >/dev/null
expect_port next 'voice 192.0.2.1:5008'
expect_pool '2 1 1'

# Restart and kill -9: what runs keeps its port, and nobody else is given it; what is in quarantine
# stays in it.
add late 'pool=voice' >/dev/null
expect_port late 'voice 192.0.2.1:5012'
for signal in TERM KILL; do
	rig_stop sluiced "$signal"
	config_af_xdp sluiced 2 | sluiced_start sluiced
	expect_port call 'voice 192.0.2.1:5004'
	expect_port call-rtcp 'voice 192.0.2.1:5005'
	expect_port next 'voice 192.0.2.1:5008'
	expect_pool '3 1 1'
	refused 'which pool voice has given to call' add x 'dst=192.0.2.1:5005'
done
# What was released shortly before does not come first.
add after 'pool=voice' >/dev/null
expect_port after 'voice 192.0.2.1:5014'

# Until it is exhausted, with events at 80 and 95 %.
for ((i = 6; i <= 19; i++)); do
	add "fill-$i" 'pool=voice' >/dev/null
done
refused 'found no free pair in pool voice: of its 20 pairs 18 are given out, 1 are used by flows that name them, and 1 are in quarantine' \
	add x 'pool=voice'
ctl events --kinds pool_usage >"$RIG_RUN/events"
grep -q 'pool=voice.*percent=80' "$RIG_RUN/events" || fail "no event at 80 %: $(cat "$RIG_RUN/events")"
grep -q 'pool=voice.*percent=95' "$RIG_RUN/events" || fail "no event at 95 %: $(cat "$RIG_RUN/events")"
[[ $(grep -c pool=voice "$RIG_RUN/events") == 2 ]] || fail "more than two events"

# A port comes back after its quarantine.
add s1 'pool=short' >/dev/null
add s2 'pool=short' >/dev/null
ctl flow del s1 >/dev/null
refused 'and 1 are in quarantine' add s3 'pool=short'
sleep 1.1
add s3 'pool=short' >/dev/null
expect_port s3 'short 192.0.2.1:7000'

# A quarantine goes on through a kill -9, and is not over before it would have been without.
add c1 'pool=calm' >/dev/null
ctl flow del c1 >/dev/null
released_s=$EPOCHREALTIME
for signal in KILL TERM; do
	rig_stop sluiced "$signal"
	config_af_xdp sluiced 2 | sluiced_start sluiced
	refused 'and 1 are in quarantine' add c2 'pool=calm'
done
calm_free() {
	ctl --json info | json_value "d['pools'][2]['free']" | grep -q 1
}
rig_wait 20 calm_free || fail "the quarantine does not end: $(ctl info)"
passed=$(awk "BEGIN { print $EPOCHREALTIME - $released_s }")
awk "BEGIN { exit !($passed > 14.9) }" || fail "the quarantine of 15 s was over after $passed s"
add c2 'pool=calm' >/dev/null
expect_port c2 'calm 192.0.2.1:7100'

# The configuration is checked: what cannot work is refused, what surprises is warned of.
mkdir "$RIG_RUN/flows.d"
sed 's/pool: voice/dst: 192.0.2.1, dst_port: 40000/' "$RIG_RUN/flows.yaml" >"$RIG_RUN/flows.d/a.yaml"
cat >"$RIG_RUN/flows.d/b.yaml" <<-END
	relays:
	- {id: r1, a: {port: p0, local: 192.0.2.1, local_port: 40001}, b: {port: p1, pool: gone}}
END
POOLS='{name: kernel, addresses: [192.0.2.1], ports: [40000, 40001]}'
config_null check | sed "s|^state: .*|state: {path: '', flows: $RIG_RUN/flows.d}|" >"$RIG_RUN/check.yaml"
output=$("$(rig_built sluiced)" --config "$RIG_RUN/check.yaml" --check 2>&1) || fail "refused: $output"
grep -q 'warning: pool kernel: 2 ports of 40000 to 40001 may be given to sockets' <<<"$output" ||
	fail "no warning of the kernel's ports: $output"
grep -q 'warning: flow d1 of the files in state.flows has a port of pool kernel' <<<"$output" ||
	fail "no warning of the flow in the files: $output"
grep -q 'warning: relay r1 of the files in state.flows has a port of pool kernel' <<<"$output" ||
	fail "no warning of the relay in the files: $output"
grep -q 'warning: relay r1 of the files in state.flows: /b/pool: found gone' <<<"$output" ||
	fail "no warning of a pool that is not there: $output"
