#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Flows as files: validate, plan, apply, confirm, roll back, look back, export. What is not
# confirmed returns by itself, also when sluiced was killed meanwhile; two operators cannot
# overwrite each other unseen; and a terminal of 80 columns shows what it should.
# timeout: 240
source "$(dirname "$0")/_lib.sh"
CONSERVATION_OPTIONS=(--flows-removed --legs-vary)
IPV4_FLOWS=4096
test_begin
rig_netns_add box
STATE_PATH=$RIG_RUN/state.db
CTL=("$(rig_built sluicectl)" --socket "$RIG_RUN/sluiced.sock")
F=$RIG_RUN/files
mkdir -p "$F/flows.d"

start() {
	config_null sluiced | sluiced_start sluiced
}

# A flow for the files: flow_yaml ID PORT [DSCP]
flow_yaml() {
	cat <<-END
		  - id: $1
		    match: {port: p0, dst: 192.0.2.1, dst_port: $2}
		    legs:
		      - {port: p1, src: 198.51.100.1, src_port: $2, dst: 198.51.100.10, dst_port: $2,
		         mac: "02:00:00:00:00:10", dscp: ${3:-AF41}}
	END
}

ids() {
	ctl --json flow list | json_value "' '.join(sorted(f['id'] for f in d['flows']))"
}

expect_ids() {
	local found
	found=$(ids)
	[[ $found == "$1" ]] || fail "expected flows $1, found $found"
}

generation() {
	ctl rpc state.get | json_value "d['generation']"
}

dscp_of() {
	flow_value "$1" "d['flow']['legs'][0]['dscp']"
}

# What the command shows in 80 columns is the text at stdin, where N stands for numbers that vary:
# at_terminal COMMAND...
at_terminal() {
	local found expected code=0
	found=$(NO_COLOR=1 tests/system/terminal.py -- "${CTL[@]}" "$@") || code=$?
	((code == 0 || code == 6)) || fail "exit code $code: $*: $found"
	awk 'length($0) > 80 { exit 1 }' <<<"$found" || fail "longer than 80 columns: $found"
	expected=$(cat)
	found=$(vary <<<"$found")
	[[ $found == "$expected" ]] ||
		fail "$*: $(diff <(echo "$expected") <(echo "$found"))"
}

# Times, generations and sizes in memory vary.
vary() {
	sed -E 's/[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}/DATE/; s/[0-9.]+ (bytes|kB)/N bytes/g
		s/[Gg]eneration +[0-9]+/generation N/; s/^ +[0-9]+  DATE/  N  DATE/'
}

{ echo "flows:" && flow_yaml cam1 5001 && flow_yaml cam2 5002; } >"$F/flows.d/10.yaml"
{ echo "flows:" && flow_yaml talk 5003; } >"$F/flows.d/20.yaml"

# Without sluiced: by schema, decoder and ids.
ctl validate "$F/flows.d" 2>"$F/said" | grep -q '^valid: 3 flows in 2 files$' ||
	fail "validate without sluiced"
grep -q '^Not checked by sluiced' "$F/said" ||
	fail "validate does not say that no daemon was queried"
{ echo "flows:" && flow_yaml cam1 5009; } >"$F/flows.d/30.yaml"
expect_exit 2 ctl validate --offline "$F/flows.d" 2>"$F/said"
grep -q '/30.yaml:2: flow cam1: /id: declared twice, first at .*/10.yaml:2;' "$F/said" ||
	fail "the duplicate is said to be: $(cat "$F/said")"
rm "$F/flows.d/30.yaml"

start
ctl validate "$F/flows.d" | grep -q 'checked by sluiced: 3 flows in 2 files' || fail "validate with sluiced"
{ echo "flows:" && flow_yaml cam9 5001; } >"$F/other.yaml"
sed 's/p0/p7/' "$F/other.yaml" >"$F/wrong.yaml"
expect_exit 1 ctl validate "$F/wrong.yaml" 2>"$F/said"
grep -q '/wrong.yaml:3: flow cam9: /match/port' "$F/said" ||
	fail "the port is said to be: $(cat "$F/said")"
expect_exit 1 ctl plan "$F/wrong.yaml"
expect_exit 2 ctl plan "$F/none.yaml"

# Plan, apply, and nothing more to change.
ctl flow add --id manual --match port=p0,dst=192.0.2.1:5010 --action drop
before=$(generation)
expect_exit 6 ctl plan "$F/flows.d" >/dev/null
[[ $(generation) == "$before" ]] || fail "a plan made a generation"
at_terminal plan "$F/flows.d" <<'END'
+ cam1  p0 any > 192.0.2.1:5001
    leg p1 198.51.100.1:5001 > 198.51.100.10:5001 {id: leg-1, dscp: 34,
        mac: '02:00:00:00:00:10'}
+ cam2  p0 any > 192.0.2.1:5002
    leg p1 198.51.100.1:5002 > 198.51.100.10:5002 {id: leg-1, dscp: 34,
        mac: '02:00:00:00:00:10'}
+ talk  p0 any > 192.0.2.1:5003
    leg p1 198.51.100.1:5003 > 198.51.100.10:5003 {id: leg-1, dscp: 34,
        mac: '02:00:00:00:00:10'}

Plan against generation N: 3 to add, 0 to change, 0 to remove, 0 stay
  1 not affected: installed otherwise, not declared; --prune removes it
  flows 1 -> 4, legs 0 -> 3, table N bytes -> N bytes
END
ctl apply "$F/flows.d" --comment "first show" >/dev/null
expect_ids "cam1 cam2 manual talk"
ctl plan "$F/flows.d" >/dev/null || fail "the plan of what was applied has changes"
first=$(generation)
ctl apply "$F/flows.d" --yes >/dev/null
[[ $(generation) == "$first" ]] || fail "applying what is there made a generation"

# A flow changes, one goes, one comes.
{ echo "flows:" && flow_yaml cam1 5001 EF && flow_yaml cam3 5004; } >"$F/flows.d/10.yaml"
at_terminal plan "$F/flows.d" <<'END'
~ cam1
    ~ /legs/0/dscp: 34 -> 46
+ cam3  p0 any > 192.0.2.1:5004
    leg p1 198.51.100.1:5004 > 198.51.100.10:5004 {id: leg-1, dscp: 34,
        mac: '02:00:00:00:00:10'}
- cam2  p0 any > 192.0.2.1:5002

Plan against generation N: 1 to add, 1 to change, 1 to remove, 1 stays
  1 not affected: installed otherwise, not declared; --prune removes it
  flows 4 -> 4, legs 3 -> 3, table N bytes -> N bytes
END
ctl apply "$F/flows.d" --comment "second show" >/dev/null
second=$(generation)
expect_ids "cam1 cam3 manual talk"
[[ $(dscp_of cam1) == 46 ]] || fail "cam1 was not changed"
at_terminal history --limit 2 <<'END'
GEN  WHEN                 WHO   WHAT        +  ~  -  STATE    COMMENT
  N  DATE  root  txn.commit  1  1  1  current  second show
  N  DATE  root  txn.commit  3  0  0           first show
END
at_terminal history "$second" <<'END'
generation N, current
when        DATE
who         root, by txn.commit
comment     second show
flows       1 added, 1 changed, 1 removed

~ cam1
    ~ /legs/0/dscp: 34 -> 46
+ cam3  p0 any > 192.0.2.1:5004
    leg p1 198.51.100.1:5004 > 198.51.100.10:5004 {id: leg-1, dscp: 34,
        mac: '02:00:00:00:00:10'}
- cam2  p0 any > 192.0.2.1:5002
END

# Export and apply are inverse to each other, of what was declared and of all.
ctl export -o "$F/declared.yaml"
ctl plan "$F/declared.yaml" >/dev/null || fail "what was exported is planned to change"
if grep -q manual "$F/declared.yaml"; then fail "export wrote a flow that is not declared"; fi
ctl export --all -d "$F/all.d"
grep -q manual "$F/all.d"/*.yaml || fail "export --all left a flow out"
ctl flow del manual >/dev/null
ctl apply "$F/all.d" >/dev/null
expect_ids "cam1 cam3 manual talk"
ctl plan "$F/all.d" >/dev/null || fail "the flows are not those exported: $(ctl plan "$F/all.d")"
ctl apply "$F/declared.yaml" >/dev/null
expect_ids "cam1 cam3 talk"

# Back to a generation, looked at first.
expect_exit 6 ctl rollback "$first" --plan >"$F/said"
grep -q '~ /legs/0/dscp: 46 -> 34' "$F/said" || fail "the plan of a rollback is $(cat "$F/said")"
ctl rollback "$first" --comment "the wall went dark" >/dev/null
expect_ids "cam1 cam2 manual talk"
[[ $(dscp_of cam1) == 34 ]] || fail "cam1 is not what it was"
expect_exit 1 ctl rollback 999999

# What others wrote does not act on a terminal: escape sequences, C1, a change of direction.
ctl rollback "$second" --comment $'x\e]0;owned\a\e[2J\u009b2J\u202e' >/dev/null
ctl rollback "$first" >/dev/null
for view in "history" "history $(($(generation) - 1))" "events"; do
	# shellcheck disable=SC2086 # words
	ctl $view >"$F/said"
	grep -qF 'x\u001b]0;owned\u0007\u001b[2J\u009b2J\u202e' "$F/said" ||
		fail "$view does not show the comment: $(cat -v "$F/said")"
	if LC_ALL=C grep -q $'[^\t -~]' "$F/said"; then
		fail "$view lets through: $(cat -v "$F/said")"
	fi
done

# Confirmed in time, it stays.
{ echo "flows:" && flow_yaml cam7 5007; } >"$F/one.yaml"
ctl apply "$F/one.yaml" --confirm-within 4s >"$F/said"
confirm=$(sed -n 's/^  sluicectl --socket [^ ]* \(confirm [0-9]*\)$/\1/p' "$F/said")
[[ -n $confirm ]] || fail "apply does not say how to confirm: $(cat "$F/said")"
# shellcheck disable=SC2086 # two words
ctl $confirm | grep -q 'is confirmed' || fail "$confirm failed"
expect_ids "cam7 manual"
expect_exit 1 ctl confirm

# Not confirmed, it goes when its time is over, though the session is long gone; and the history
# says so. By then the time of the one that was confirmed is over, too.
returned() {
	[[ $(ids) == "$1" ]]
}
ctl apply "$F/flows.d" --confirm-within 5s >/dev/null
expect_ids "cam1 cam3 manual talk"
rig_wait 30 returned "cam7 manual" || fail "the flows of before did not return"
ctl history --limit 2 | grep -q reverted || fail "the history lacks it: $(ctl history)"
waited=$(ctl --json history --limit 2 |
	json_value "(d['generations'][0]['time_ns'] - d['generations'][1]['time_ns']) / 10**9")
[[ $waited =~ ^[5-9]\. || $waited =~ ^[1-3][0-9]\. ]] || fail "they returned after $waited s"
ctl --json history --limit 3 | json_value "d['generations'][2]['generation']" |
	grep -qx "${confirm#confirm }" || fail "what was confirmed was reverted: $(ctl history)"

# However many single calls come, the operator's last apply is there to go back to.
ctl apply "$F/flows.d" --comment "evening show" >/dev/null
evening=$(generation)
ctl history tag 1 beginning >/dev/null
/usr/bin/python3 - "$RIG_RUN/sluiced.sock" <<'END'
import json, socket, sys
link = socket.socket(socket.AF_UNIX)
link.connect(sys.argv[1])
lines = link.makefile()
flow = {"id": "call", "action": "drop",
        "match": {"port": "p0", "dst": "192.0.2.1", "dst_port": 5020}}
for i in range(1000):
    method, params = (("flow.remove", {"ids": ["call"]}) if i % 2 else
                      ("flow.install", {"flows": [flow]}))
    link.sendall(json.dumps({"jsonrpc": "2.0", "id": i, "method": method,
                             "params": params}).encode() + b"\n")
    assert "result" in json.loads(lines.readline())
END
ctl flow del cam1 >/dev/null
ctl history --declared --limit 1 | grep -q "^ *$evening .*evening show$" ||
	fail "the last apply is not in the history: $(ctl history --declared)"
ctl --json history --limit 1000 |
	json_value "len([g for g in d['generations'] if 'tag' not in g and g['method'][:5] == 'flow.'])" |
	grep -qx 200 || fail "not the last 200 calls are kept"
ctl history --tagged | grep -q '^ *1 .*\[beginning\]' || fail "the tagged generation is gone"
expect_exit 2 ctl rollback
rig_stop sluiced KILL
start
expect_exit 6 ctl rollback --plan >"$F/plan" 2>"$F/said"
grep -q '^+ cam1' "$F/plan" || fail "the way back does not bring cam1: $(cat "$F/plan")"
grep -q "^The last declared generation is $evening, .*: evening show.$" "$F/said" ||
	fail "rollback names $(cat "$F/said")"
tests/system/terminal.py --at '[y/N]' --type y -- "${CTL[@]}" rollback >"$F/said"
expect_ids "cam1 cam3 manual talk"
ctl history untag 1 >/dev/null
ctl apply "$F/one.yaml" >/dev/null

# Nor is a killed sluiced a way to stay.
deadline=$(ctl --json apply "$F/flows.d" --confirm-within 3s |
	json_value "d['confirm_by_ns']")
rig_stop sluiced KILL
over() {
	(($(date +%s%N) > deadline))
}
rig_wait 30 over
start
rig_wait 30 returned "cam7 manual" || fail "killed meanwhile, the flows of before did not return"
# Nor are many changes of other flows meanwhile, also when it is killed among them.
ctl apply "$F/flows.d" --confirm-within 20s >/dev/null
for ((i = 0; i < 60; i++)); do
	ctl flow add --id call --match port=p0,dst=192.0.2.1:5020 --action drop >/dev/null
	ctl flow del call >/dev/null
	((i != 30)) || { rig_stop sluiced KILL && start; }
done
expect_ids "cam1 cam3 manual talk"
rig_wait 30 returned "cam7 manual" || fail "among many changes, the flows of before did not return"
# One flow that cannot return keeps no other away.
ctl apply "$F/flows.d" --prune >/dev/null
echo "flows: []" >"$F/none.d.yaml"
ctl apply "$F/none.d.yaml" --confirm-within 2s >/dev/null
ctl flow add --id taker --match port=p0,dst=192.0.2.1:5004 --action drop >/dev/null
rig_wait 30 returned "cam1 taker talk" || fail "cam3 keeps the others away: $(ids)"
ctl history --limit 1 | grep -q 'not rolled back: 1 flow, cam3$' ||
	fail "the history does not name cam3: $(ctl history --limit 1)"
ctl events --kinds rollback_failed | grep -q 'cam3 .*taker' || fail "no event names cam3"
expect_exit 1 ctl confirm
ctl flow del taker >/dev/null
ctl apply "$F/one.yaml" >/dev/null
ctl flow add --id manual --match port=p0,dst=192.0.2.1:5010 --action drop >/dev/null
# One that has time left gets it.
ctl apply "$F/flows.d" --confirm-within 60s >/dev/null
rig_stop sluiced KILL
start
expect_ids "cam1 cam3 manual talk"
ctl confirm >/dev/null

# Two operators: one that planned first but commits second is refused, with and without the number of its plan.
seen=$(generation)
ctl apply "$F/one.yaml" --if-generation "$seen" >/dev/null
expect_exit 1 ctl apply "$F/flows.d" --if-generation "$seen" 2>"$F/said"
grep -q STALE "$F/said" || fail "expected STALE, found $(cat "$F/said")"
grep -q "run 'sluicectl plan' again" "$F/said" ||
	fail "it does not say what to do next: $(cat "$F/said")"
expect_exit 1 ctl flow del cam7 --if-generation "$seen"
expect_ids "cam7 manual"
# What changes while a person looks is done to what was shown, or shown again.
expect_exit 1 tests/system/terminal.py --at '[y/N]' --type $'y\nn' \
	--first "${CTL[*]} flow del cam7" \
	-- "${CTL[@]}" apply "$F/flows.d" >"$F/said"
grep -q 'Other clients have changed flows' "$F/said" &&
	grep -q '3 to add, 0 to change, 0 to remove' "$F/said" ||
	fail "another's change was overwritten unseen: $(cat "$F/said")"
expect_ids "manual"
ctl apply "$F/one.yaml" >/dev/null
tests/system/terminal.py --at '[y/N]' --type $'y\ny' \
	--first "${CTL[*]} flow del cam7" \
	-- "${CTL[@]}" apply "$F/flows.d" >"$F/said" || fail "the second look: $(cat "$F/said")"
expect_ids "cam1 cam3 manual talk"
ctl apply "$F/one.yaml" >/dev/null
expect_exit 1 tests/system/terminal.py --at '[y/N]' --type n \
	-- "${CTL[@]}" apply "$F/flows.d" >"$F/said"
expect_ids "cam7 manual"
tests/system/terminal.py --at '[y/N]' --type y \
	-- "${CTL[@]}" apply "$F/flows.d" --prune >"$F/said"
expect_ids "cam1 cam3 talk"

# On a box with calls, undeclared flows that come and go ten times a second, a plan holds.
calls() {
	while [[ ! -e $F/calls_end ]]; do
		ctl flow add --id call --match port=p0,dst=192.0.2.1:5020 --action drop
		sleep 0.1
		ctl flow del call
		sleep 0.1
	done >/dev/null
}
calls &
calls_pid=$!
for file in one.yaml flows.d one.yaml flows.d; do
	seen=$(generation)
	tests/system/terminal.py --at '[y/N]' --type y --first "sleep 0.5" \
		-- "${CTL[@]}" apply "$F/$file" >"$F/said" || fail "$file beside calls: $(cat "$F/said")"
	(($(generation) > seen + 2)) || fail "the calls did not change a flow meanwhile"
	ctl apply "$F/one.yaml" --yes >/dev/null
	ctl apply "$F/$file" --yes >/dev/null || fail "apply --yes of $file beside calls"
done
: >"$F/calls_end"
wait "$calls_pid"
expect_ids "cam1 cam3 talk"

# More than a message holds: added, exported, declared, and the same.
/usr/bin/python3 - >"$F/many.json" <<'END'
import json
legs = [{"port": "p1", "src": "198.51.100.1", "src_port": 5000, "dst": "198.51.100.10",
         "dst_port": 5000 + i, "mac": "02:00:00:00:00:10"} for i in range(40)]
print(json.dumps({"flows": [
    {"id": f"f{i}", "match": {"port": "p0", "dst": "192.0.2.2", "dst_port": i + 1}, "legs": legs}
    for i in range(900)]}))
END
(($(wc -c <"$F/many.json") > 4194304)) || fail "this fits a message"
ctl flow add --file "$F/many.json" --comment "from another box" >"$F/said"
grep -q '900 added' "$F/said" || fail "900 flows: $(cat "$F/said")"
ctl export --all -o "$F/many.yaml"
ctl --json flow list >"$F/before"
ctl apply "$F/many.yaml" >/dev/null
ctl plan "$F/many.yaml" >/dev/null || fail "900 flows were exported and are not the same"
ctl --json flow list | cmp - "$F/before" || fail "900 flows were applied as they were, and changed"

# The room that there is: a plan and a check meet the limits of a commit. A table that is full takes
# other flows in place of all of its own at once.
flows_of() { # FIRST PORT, N
	/usr/bin/python3 - "$1" "$2" <<-'PYTHON'
		import json, sys
		first, n = map(int, sys.argv[1:])
		print(json.dumps({"flows": [{"id": f"r{i}", "action": "drop", "match": {
		    "port": "p0", "dst": "192.0.2.3", "dst_port": i}} for i in range(first, first + n)]}))
	PYTHON
}
flows_of 1 5000 >"$F/5000.json"
flows_of 1 4096 >"$F/4096.json"
flows_of 10000 4096 >"$F/others.json"
for verb in validate plan "apply --yes"; do
	# shellcheck disable=SC2086
	expect_exit 1 ctl $verb --prune "$F/5000.json" 2>"$F/said"
	grep -q 'found 5000 IPv4 flows in all, expected at most 4096 (tables.ipv4_flows)' "$F/said" ||
		fail "$verb of 5000 flows for a table of 4096: $(cat "$F/said")"
done
ctl validate --prune "$F/4096.json" >/dev/null || fail "a table of 4096 does not take 4096 flows"
ctl apply --yes --prune "$F/4096.json" >/dev/null
ctl validate --prune "$F/others.json" >/dev/null || fail "4096 others do not fit in their place"
ctl apply --yes --prune "$F/others.json" >"$F/said"
grep -q '4096 added, 0 changed, 4096 removed' "$F/said" || fail "the exchange: $(cat "$F/said")"
