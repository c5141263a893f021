#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Calls whose local ports are given by pools, of one side or of both, with a pair for RTP and RTCP. A
# relay keeps them through an update, a file, a rollback and a crash; a pool that is exhausted refuses
# the whole relay.
source "$(dirname "$0")/_lib.sh"
CONSERVATION_OPTIONS=(--flows-removed)
POOLS='{name: voice, addresses: [192.0.2.1], ports: [5004, 5011], pairs: true},
  {name: trunk, addresses: [198.51.100.1], ports: [7000, 7001]}'
test_begin
STATE_PATH=$RIG_RUN/state.db
rig_make 2

# Where a side of a relay is: expect_side RELAY SIDE 'POOL ADDRESS:PORT'
expect_side() {
	local found
	found=$(ctl --json relay show "$1" |
		json_value "'{pool} {local}:{local_port}'.format(**d['relay']['$2'])")
	[[ $found == "$3" ]] || fail "side $2 of $1 is at $found, expected $3"
}

# Of a pool: expect_pool NUMBER 'GIVEN NAMED QUARANTINED'
expect_pool() {
	local found
	found=$(ctl --json info | json_value "'{given} {named} {quarantined}'.format(**d['pools'][$1])")
	[[ $found == "$2" ]] || fail "given, named, quarantined of pool $1: $found, expected $2"
}

# Side b hears a on RTP and RTCP, and nobody else.
expect_heard() {
	local found
	rig_wait 60 grep -q '^done' "$RIG_RUN/$1.log" || fail "$1: $(tail -n 1 "$RIG_RUN/$1.log")"
	found=$(sed -n 's/^done: //p' "$RIG_RUN/$1.log" | json_value \
		"[(len(s['heard']) > 40, s['strangers']) for s in (d, d['rtcp'])]")
	[[ $found == "[(True, 0), (True, 0)]" ]] || fail "$1 hears $found"
}

# What was given is printed, and the media of both sides flow there.
ctl relay add --id call --rtcp next --a port=p0,pool=voice --b port=p1,local=198.51.100.1:6000 \
	>"$RIG_RUN/added"
grep -q '^call:a receives at 192.0.2.1:5004 of pool voice$' "$RIG_RUN/added" ||
	fail "what was given is not printed: $(cat "$RIG_RUN/added")"
expect_side call a 'voice 192.0.2.1:5004'
party_start a h0 --to 192.0.2.1:5004 --count 150 --rtcp
party_start b h1 --to 198.51.100.1:6000 --count 100 --rtcp
expect_heard a
expect_heard b
expect_pool 0 '1 0 0'

# Both sides are given one, at an address that is named.
ctl relay add --id both --a port=p0,pool=voice --b port=p1,pool=trunk,local=198.51.100.1 >/dev/null
expect_side both a 'voice 192.0.2.1:5006'
expect_side both b 'trunk 198.51.100.1:7000'

# An update that names the pool only keeps the port; what was learned stays.
ctl relay update --id call --rtcp next --a port=p0,pool=voice,dscp=46 \
	--b port=p1,local=198.51.100.1:6000 >/dev/null
expect_side call a 'voice 192.0.2.1:5004'
[[ $(ctl --json relay show call | json_value "d['a']['latched']['src']") == 192.0.2.10 ]] ||
	fail "the update has lost what was learned"
# Side b leaves its pool, and a rollback brings it back to the same port.
ctl relay update --id both --a port=p0,pool=voice --b port=p1,local=198.51.100.1:6010 >/dev/null
expect_pool 1 '0 0 1'
generation=$(ctl rpc state.get | json_value "d['generation']")
ctl rollback "$((generation - 1))" --yes >/dev/null
expect_side both b 'trunk 198.51.100.1:7000'
expect_pool 1 '1 0 0'

expect_exit 2 ctl relay add --id more --rtcp next --a port=p0,pool=voice --b port=p1,pool=trunk 2>"$RIG_RUN/more"
grep -q 'at --b pool=: found pool trunk, which has single ports' "$RIG_RUN/more" ||
	fail "single ports: $(cat "$RIG_RUN/more")"
# Exhaustion names the pool and its size, and nothing of the relay is made.
ctl relay add --id last --a port=p0,pool=voice --b port=p1,pool=trunk >/dev/null
expect_exit 1 ctl relay add --id more --a port=p0,pool=voice --b port=p1,pool=trunk 2>"$RIG_RUN/more"
grep -q 'at --b pool=: found no free port in pool trunk: of its 2 ports 2 are given out' "$RIG_RUN/more" ||
	fail "exhaustion: $(cat "$RIG_RUN/more")"
expect_pool 0 '3 0 0'
expect_exit 1 ctl flow add --id x --match port=p0,dst=192.0.2.1:5005 \
	--leg port=p1,src=198.51.100.1:1,dst=198.51.100.10:2 2>"$RIG_RUN/more"
grep -q 'which pool voice has given to call:a' "$RIG_RUN/more" || fail "the pair: $(cat "$RIG_RUN/more")"

# A crash and a restart: all keep their ports, and nobody else is given them.
rig_stop sluiced KILL
config_af_xdp sluiced 2 | sluiced_start sluiced
expect_side call a 'voice 192.0.2.1:5004'
expect_side both b 'trunk 198.51.100.1:7000'
expect_side last b 'trunk 198.51.100.1:7001'
expect_pool 0 '3 0 0'

# Files name the pool only; a second apply changes nothing, and export has what was given.
ctl relay del both last >/dev/null
cat >"$RIG_RUN/relays.yaml" <<-END
	relays:
	- id: filed
	  rtcp: next
	  a: {port: p0, pool: voice}
	  b: {port: p1, local: 198.51.100.1, local_port: 6020}
END
ctl apply "$RIG_RUN/relays.yaml" --yes >/dev/null
expect_side filed a 'voice 192.0.2.1:5010'
ctl apply "$RIG_RUN/relays.yaml" --yes | grep -q 'No changes' || fail "the second apply changes something"
ctl export >"$RIG_RUN/exported.yaml"
grep -q 'local_port: 5010, pool: voice' "$RIG_RUN/exported.yaml" ||
	fail "export does not have it: $(cat "$RIG_RUN/exported.yaml")"
ctl apply "$RIG_RUN/exported.yaml" --yes | grep -q 'No changes' || fail "what was exported changes something"
ctl relay del call >/dev/null
expect_pool 0 '1 0 3'

# A crash ends no quarantine.
rig_stop sluiced KILL
config_af_xdp sluiced 2 | sluiced_start sluiced
expect_pool 0 '1 0 3'
expect_exit 1 ctl relay add --id more --a port=p0,pool=voice --b port=p1,local=198.51.100.1:6030 2>"$RIG_RUN/more"
grep -q 'found no free pair in pool voice: .* and 3 are in quarantine, the first of them for another [1-6][0-9]* s' \
	"$RIG_RUN/more" || fail "after the restart: $(cat "$RIG_RUN/more")"

# What else a side says is shown, and its VLAN.
ctl relay add --id tagged --a port=p0,local=192.0.2.1:6040,allow=192.0.2.0/24,allow=10.0.0.0/8,max-datagram=1200 \
	--b port=p1,vlan=7,local=198.51.100.1:6040,dscp=46,ttl=9,police=64k,classes=stun=punt >/dev/null
ctl relay show tagged >"$RIG_RUN/tagged.txt"
grep -Eq '^a +allow 192.0.2.0/24, allow 10.0.0.0/8, datagrams of up to 1,?200 bytes$' "$RIG_RUN/tagged.txt" ||
	fail "options of side a: $(cat "$RIG_RUN/tagged.txt")"
grep -Eq '^b +stun=punt, policed to .*, DSCP 46, TTL 9$' "$RIG_RUN/tagged.txt" ||
	fail "options of side b: $(cat "$RIG_RUN/tagged.txt")"
ctl relay show filed | grep -Eq '^a +pool voice$' || fail "the pool is not shown: $(ctl relay show filed)"
ctl relay list | grep -Eq '^ +b +p1 +7 +198.51.100.1:6040' || fail "relay list: $(ctl relay list)"
ctl flow show filed:a | grep -q '^match .*192.0.2.1:5010 of pool voice$' || fail "flow show: $(ctl flow show filed:a)"
