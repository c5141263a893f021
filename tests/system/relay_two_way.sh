#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Calls between two UDP sockets with ephemeral ports, each set up by one command: IPv4 to IPv4, IPv4 to
# IPv6, and with RTCP on the next port. Each side hears the other from its first packet on, and from the
# relay only. The relays outlive a crash of sluiced, and leave a call record.
source "$(dirname "$0")/_lib.sh"
CONSERVATION_OPTIONS=(--flows-removed)
test_begin
STATE_PATH=$RIG_RUN/state.db
rig_make 2

party_value() {
	party_end "$1"
	sed -n 's/^done: //p' "$RIG_RUN/$1.log" | json_value "$2"
}

expect_party() {
	local found
	found=$(party_value "$1" "$2")
	[[ $found == "$3" ]] || fail "expected $2 of $1 to be $3, found $found"
}

# Side a calls first, and side b answers while it sends: call NAME A_LOCAL B_LOCAL [OPTION...]
call() {
	local name=$1 a=$2 b=$3
	shift 3
	party_start "$name-a" h0 --to "$a" --count 300 "$@"
	sleep 0.5
	party_start "$name-b" h1 --to "$b" --count 100 "$@"
}

# All that b says is heard, from its first packet on, and nothing of a is lost once b is known.
expect_call() {
	local name=$1 of=$2 first n
	expect_party "$name-a" "d${of}['heard'] == list(range(100)), d${of}['strangers']" "(True, 0)"
	first=$(party_value "$name-b" "d${of}['heard'][0]")
	n=$(party_value "$name-b" "len(d${of}['heard'])")
	((first > 0 && n > 90)) || fail "$name: b hears $n packets from number $first on"
	expect_party "$name-b" "d${of}['heard'] == list(range($first, $((first + n)))), d${of}['strangers']" \
		"(True, 0)"
}

ctl relay add --id v4 --a port=p0,local=192.0.2.1:6000 --b port=p1,local=198.51.100.1:6000
ctl relay add --id v6 --a port=p0,local=192.0.2.1:6002 --b 'port=p1,local=[2001:db8:1::1]:6002'
ctl relay add --id pair --rtcp next --a port=p0,local=192.0.2.1:6010 \
	--b port=p1,local=198.51.100.1:6010

call v4 192.0.2.1:6000 198.51.100.1:6000
call v6 192.0.2.1:6002 '[2001:db8:1::1]:6002'
call pair 192.0.2.1:6010 198.51.100.1:6010 --rtcp
expect_call v4 ""
expect_call v6 ""
expect_call pair ""
expect_call pair "['rtcp']"
ctl relay show pair >"$RIG_RUN/pair.txt"
grep -Eq '^a rtcp +p0 +- +192\.0\.2\.1:6011 ' "$RIG_RUN/pair.txt" ||
	fail "RTCP is not shown on the next port: $(cat "$RIG_RUN/pair.txt")"

# Both directions side by side.
ctl --json relay show v4 >"$RIG_RUN/v4.json"
[[ $(json_value "d['a']['latched']['src_port'], d['b']['latched']['src_port']" <"$RIG_RUN/v4.json") == \
"($(party_value v4-a "d['port']"), $(party_value v4-b "d['port']"))" ]] || fail "it shows other sources"
shown=$(json_value "d['a']['received']['packets'], d['b']['sent']['drops'], d['a']['sent']['sent']" \
	<"$RIG_RUN/v4.json")
unknown=$(party_value v4-b "d['heard'][0]")
[[ $shown == "(300, {'peer_unknown': $unknown}, 100)" ]] || fail "relay show v4: $shown"
ctl relay show v4 | grep -q '^a .* 192.0.2.1:6000 .* 192.0.2.10:' || fail "relay show: $(ctl relay show v4)"
ctl relay list | grep -q '^v4 *a ' || fail "relay list: $(ctl relay list)"
[[ $(ctl --json flow list | json_value "sorted(f['id'] for f in d['flows'] if f['relay'] == 'v4')") == \
"['v4:a', 'v4:b']" ]] || fail "flow list does not show whose flows they are"

# Its flows are not to be had by themselves.
expect_exit 2 ctl flow del v4:a
expect_exit 2 ctl flow down v4:a
expect_exit 1 ctl relay add --id v4 --a port=p0,local=192.0.2.1:6020 --b port=p1,local=198.51.100.1:6020
expect_exit 1 ctl relay add --id taken --a port=p0,local=192.0.2.1:6000 --b port=p1,local=198.51.100.1:6020
expect_exit 2 ctl relay add --id family --a port=p0,local=192.0.2.1:6020 \
	--b 'port=p1,local=198.51.100.1:6020,remote=[2001:db8:1::10]:5004'
expect_exit 2 ctl relay add --id odd --rtcp next --a port=p0,local=192.0.2.1:6021 \
	--b port=p1,local=198.51.100.1:6020 2>"$RIG_RUN/odd"
grep -q 'at --a local=: found 6021' "$RIG_RUN/odd" || fail "it names no option: $(cat "$RIG_RUN/odd")"

# The final figures of both sides.
ctl --json relay del v6 pair >"$RIG_RUN/removed.json"
removed=$(json_value "[(r['id'], r['a']['received']['packets'], r['a']['sent']['sent'],
	r['b']['received']['packets'], r['b']['latched']['src']) for r in d['removed']]" \
	<"$RIG_RUN/removed.json")
[[ $removed == "[('v6', 300, 100, 100, '2001:db8:1::10'), ('pair', 300, 100, 100, '198.51.100.10')]" ]] ||
	fail "the call records are $removed"
[[ $(json_value "d['removed'][1]['b_rtcp']['received']['packets']" <"$RIG_RUN/removed.json") == 100 ]] ||
	fail "the call record lacks RTCP"

# It is durable, and a call goes on after a crash, with ports that are learned anew.
rig_stop sluiced KILL
config_af_xdp sluiced 2 | sluiced_start sluiced
[[ $(ctl --json relay list | json_value "[r['relay']['id'] for r in d['relays']]") == "['v4']" ]] ||
	fail "after a crash there are $(ctl relay list)"
call again 192.0.2.1:6000 198.51.100.1:6000
expect_call again ""
ctl relay update --id v4 --a port=p0,local=192.0.2.1:6000,admin=down --b port=p1,local=198.51.100.1:6000
[[ $(ctl --json relay show v4 | json_value "d['relay']['a']['admin'], d['a']['latched'] is None") == \
"('down', False)" ]] || fail "the update lost something: $(ctl --json relay show v4)"
ctl relay del v4 | grep -q '^v4 *a  *192.0.2.10:' || fail "no call record"
[[ $(ctl relay list) == "no relays" ]] || fail "there are still relays"

# One that nobody uses goes as a whole.
ctl relay add --id silent --rtcp next --idle-timeout 1s --a port=p0,local=192.0.2.1:6030 \
	--b port=p1,local=198.51.100.1:6030
is_gone() {
	[[ $(ctl --json flow list | json_value "d['total']") == 0 ]]
}
rig_wait 30 is_gone || fail "an idle relay stays: $(ctl relay list)"

# Ports of different MTUs: the side of the larger one says how long its datagrams are.
rig_stop sluiced TERM
ip -n "$RIG_NAME-box" link set p1 mtu 1300
config_af_xdp sluiced 2 | sluiced_start sluiced
narrow=port=p1,local=198.51.100.1:6040,remote=198.51.100.10:6040
expect_exit 2 ctl relay add --id mtu --a port=p0,local=192.0.2.1:6040 --b "$narrow" 2>"$RIG_RUN/mtu"
grep -q 'max_datagram_bytes' "$RIG_RUN/mtu" || fail "a smaller MTU: $(cat "$RIG_RUN/mtu")"
expect_exit 2 ctl relay add --id mtu --a port=p0,local=192.0.2.1:6040,max-datagram=1301 --b "$narrow" \
	2>/dev/null
ctl relay add --id mtu --a port=p0,local=192.0.2.1:6040,max-datagram=1300 --b "$narrow"
for payload in 1272 1273; do
	rig_exec h0 /usr/bin/python3 -c "
import socket
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.bind(('192.0.2.10', 4040))
sender.sendto(bytes($payload), ('192.0.2.1', 6040))"
done
expect_flow mtu:a "d['counters']['packets'], d['legs'][0]['sent'], d['legs'][0]['drops']" \
	"(2, 1, {'too_long': 1})"
ctl relay del mtu >/dev/null
