#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 180
# A camera and three viewers behind two NATs, on two ports, whose addresses are learned from what they
# send. All hear the camera, which hears their reports; one leaves, one falls silent and goes by itself,
# and the third hears all of the camera. It is durable, declared, and exported.
source "$(dirname "$0")/_lib.sh"
CONSERVATION_OPTIONS=(--flows-removed)
test_begin
STATE_PATH=$RIG_RUN/state.db
rig_make 3
nat_add 1
nat_add 2

receivers() {
	ctl --json relay receivers cam "$@" | json_value "[r['receiver']['name'] for r in d['receivers']]"
}
receivers_are() {
	[[ $(receivers) == "$1" ]]
}

ctl relay add --id cam --a port=p0,local=192.0.2.1:5004 --b port=p1,local=198.51.100.1:5004,admin=down
ctl relay join cam --receiver name=v1,local=7001 --receiver name=v2,local=7002 \
	--receiver name=v3,port=p2,local=203.0.113.1:7003,idle-timeout=8s >"$RIG_RUN/joined"
[[ $(cat "$RIG_RUN/joined") == "joined v1 at 198.51.100.1:7001
joined v2 at 198.51.100.1:7002
joined v3 at 203.0.113.1:7003" ]] || fail "relay join shows $(cat "$RIG_RUN/joined")"
party_start v1 c1 --to 198.51.100.1:7001 --count 1500
party_start v2 c1 --to 198.51.100.1:7002 --count 1500
party_start camera h0 --to 192.0.2.1:5004 --count 1000
party_start v3 c2 --to 203.0.113.1:7003 --count 100 --linger 16

rig_wait 30 receivers_are "['v1', 'v2']" || fail "a silent viewer is still there: $(receivers)"
ctl relay show cam >"$RIG_RUN/show"
grep -q '^2 receivers of side b:' "$RIG_RUN/show" || fail "relay show: $(cat "$RIG_RUN/show")"
grep -Eq '^v1 +198\.51\.100\.1:7001 +198\.51\.100\.10:' "$RIG_RUN/show" ||
	fail "relay show: $(cat "$RIG_RUN/show")"
ctl --json relay leave cam v1 >"$RIG_RUN/left.json"
left=$(json_value "[(r['name'], r['latched']['src'], r['received']['packets'] > 50, r['sent']['sent'] > 50)
	for r in d['left']]" <"$RIG_RUN/left.json")
[[ $left == "[('v1', '198.51.100.10', True, True)]" ]] || fail "the call record is $left"

for party in camera v1 v2 v3; do
	party_end "$party"
done
/usr/bin/python3 - "$RIG_RUN" <<'END' || fail "who hears what"
import json
import sys

heard = {}
for name in ("camera", "v1", "v2", "v3"):
    with open(f"{sys.argv[1]}/{name}.log", encoding="utf-8") as log:
        line = next(line for line in log if line.startswith("done: "))
    party = json.loads(line[len("done: "):])
    heard[name] = party["heard"]
    assert party["strangers"] == 0, (name, party["strangers"])
for name in ("v1", "v2", "v3"):
    first, last = heard[name][0], heard[name][-1]
    assert heard[name] == list(range(first, last + 1)), (name, heard[name])
    print(name, "hears", first, "to", last)
assert heard["v2"][-1] == 999
assert heard["v3"][-1] < heard["v1"][-1] < 999
# The camera hears all of v3, which begins last, and the others as long as they are there.
assert set(heard["camera"]) >= set(range(100)), heard["camera"]
assert heard["camera"].count(900) in (1, 2)
END

# It is durable: legs are made of what is stored of receivers.
rig_stop sluiced KILL
config_af_xdp sluiced 3 | sluiced_start sluiced
receivers_are "['v2']" || fail "after a crash there are $(receivers)"
[[ $(ctl --json flow show cam:a | json_value "[l['id'] for l in d['legs']]") == "['leg-1', 'b.v2']" ]] ||
	fail "after a crash the legs are $(ctl flow show cam:a)"

# A file declares receivers; those that joined stay beside them.
ctl export --all --output "$RIG_RUN/cam.yaml"
grep -q 'name: v2' "$RIG_RUN/cam.yaml" || fail "exported: $(cat "$RIG_RUN/cam.yaml")"
ctl apply "$RIG_RUN/cam.yaml"
ctl relay join cam --receiver name=guest,remote=198.51.100.10:7007,action=drop
[[ $(receivers --declared) == "['v2']" ]] || fail "declared are $(receivers --declared)"
[[ $(ctl --json plan "$RIG_RUN/cam.yaml" | json_value "len(d['changes'])") == 0 ]] ||
	fail "the plan for what is there: $(ctl plan "$RIG_RUN/cam.yaml")"
sed -i '/receivers:/,$d' "$RIG_RUN/cam.yaml"
ctl apply "$RIG_RUN/cam.yaml"
receivers_are "['guest']" || fail "who joined is gone, or who is not declared is there: $(receivers)"
ctl rollback 2 >/dev/null
receivers_are "['v1', 'v2', 'v3']" || fail "after a rollback there are $(receivers)"

expect_exit 1 ctl relay join cam --receiver name=v1,local=7009
expect_exit 2 ctl relay join cam --receiver name=v9
expect_exit 1 ctl relay leave cam nobody
expect_exit 2 ctl flow del cam:b.v1
ctl relay del cam >"$RIG_RUN/removed"
grep -q '^v3 ' "$RIG_RUN/removed" || fail "relay del shows $(cat "$RIG_RUN/removed")"
[[ $(ctl --json flow list | json_value "d['total']") == 0 ]] || fail "there are still flows: $(ctl flow list)"

# A declaration swaps the local ports of two receivers: each hears the camera as before, from its new port.
swapped() {
	cat <<-END
		relays:
		- id: swap
		  a: {port: p0, local: 192.0.2.1, local_port: 5004}
		  b:
		    port: p1
		    local: 198.51.100.1
		    local_port: 5004
		    admin: down
		    receivers: [{name: x, local_port: $1}, {name: y, local_port: $2}]
	END
}
local_ports() {
	ctl --json relay receivers swap |
		json_value "[(r['receiver']['name'], r['receiver']['local_port']) for r in d['receivers']]"
}
swapped 7001 7002 >"$RIG_RUN/swap.yaml"
ctl apply "$RIG_RUN/swap.yaml" --yes >/dev/null
swapped 7002 7001 >"$RIG_RUN/swap.yaml"
ctl apply "$RIG_RUN/swap.yaml" --yes >/dev/null
[[ $(local_ports) == "[('x', 7002), ('y', 7001)]" ]] || fail "after the swap: $(local_ports)"
ctl apply "$RIG_RUN/swap.yaml" --yes | grep -q 'No changes' || fail "the second apply changes something"
party_start x c1 --to 198.51.100.1:7002 --count 300
party_start lens h0 --to 192.0.2.1:5004 --count 200
party_end x
party_end lens
expect_flow swap:b.x "d['counters']['packets']" 300
expect_flow swap:b.y "d['counters']['packets']" 0
heard=$(sed -n 's/^done: //p' "$RIG_RUN/x.log" | json_value "len(d['heard']) > 100, d['strangers']")
[[ $heard == "(True, 0)" ]] || fail "x hears $heard after the swap"
