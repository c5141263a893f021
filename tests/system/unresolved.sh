#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A leg whose next hop cannot be reached yet is installed and pending, says for what it waits, and
# its copies are dropped by name; other legs of the same flow go on. Only what can never be
# reached is refused.
source "$(dirname "$0")/_lib.sh"
test_begin
rig_make 2

# The reason for which the only leg of a flow is pending; nothing when it is not.
reason_of() {
	ctl --json flow show "$1" | python3 -c '
import json, sys
hop = json.load(sys.stdin)["legs"][-1]["next_hop"]
print(hop.get("reason", "") if hop["state"] == "pending" else hop["state"])'
}

port=6000
pending() {
	local says=$1 id=$2
	shift 2
	ctl flow add --id "$id" --match "port=p0,dst=192.0.2.1:$((port += 1))" "$@" \
		2>"$RIG_RUN/warned"
	grep -qF "leg leg-1 of flow $id is pending: $says" "$RIG_RUN/warned" ||
		fail "no warning of $id: $(<"$RIG_RUN/warned")"
	[[ $(reason_of "$id") == *"$says"* ]] || fail "$id: expected '$says', found '$(reason_of "$id")'"
	ctl flow show "$id" | grep -q "^leg-1  pending: .*$says.*; see 'ip " ||
		fail "flow show hides why $id is pending: $(ctl flow show "$id")"
}

from=port=p1,src=198.51.100.1:6004
pending "neighbour 198.51.100.77 on p1" silent --leg $from,dst=198.51.100.77:7004
pending "no route to 203.0.113.10 out of p1" far --leg $from,dst=203.0.113.10:7004
pending "neighbour 198.51.100.78 on p1" gateway \
	--leg $from,dst=203.0.113.10:7004,next-hop=198.51.100.78
pending "no interface for VLAN 9 on p1" vlan --leg $from,dst=198.51.100.10:7004,vlan=9
pending "198.51.100.1 is this host's own" own --leg $from,dst=198.51.100.1:7004

# A flow with a leg that is pending serves the other.
ctl flow add --id both --match port=p0,src=192.0.2.10:1000,dst=192.0.2.1:5004 \
	--leg $from,dst=198.51.100.10:7004 --leg $from,dst=203.0.113.10:7004
receive_start h1 h1 --src 198.51.100.1:6004 --dst 198.51.100.10:7004 --count 100
send h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5004 --count 100
receive_end h1
ctl --json flow show both | python3 -c '
import json, sys
legs = json.load(sys.stdin)["legs"]
assert legs[0]["sent"] == 100, legs
assert legs[1]["drops"] == {"unresolved": 100}, legs'

# The list says how flows do, and lists those alone that are asked for.
names() {
	ctl flow list "$@" | awk 'NR > 1 { print $1 }' | xargs
}
expect_names() {
	local expected=$1 found
	shift
	found=$(names "$@")
	[[ $found == "$expected" ]] || fail "flow list $*: expected $expected, found $found"
}
ctl flow add --id good --match port=p0,src=192.0.2.10:1001,dst=192.0.2.1:5006 \
	--leg $from,dst=198.51.100.10:7006
ctl flow add --id off --match port=p0,dst=192.0.2.1:5008 --leg $from,dst=198.51.100.10:7008
ctl flow down off --leg leg-1
rig_spawn media ip netns exec "$RIG_NAME-h0" tests/system/udp.py send \
	--src 192.0.2.10:1000 --dst 192.0.2.1:5004 --count 100000 --gap-us 5000
rig_spawn more ip netns exec "$RIG_NAME-h0" tests/system/udp.py send \
	--src 192.0.2.10:1001 --dst 192.0.2.1:5006 --count 100000 --gap-us 5000
expect_names "silent far gateway vlan own both" --pending
expect_names off --down
expect_names both --dropping --within 2s
expect_names "silent far gateway vlan own off" --silent --within 2s
expect_names "both off" --down --dropping
expect_names "" --silent --limit 1 --cursor 8
[[ $(ctl flow list | awk '$1 == "good" { print $6 }') == ok ]] ||
	fail "good is not ok: $(ctl flow list)"
ctl flow list | grep -q '^both .* pending, dropping  *2  ' || fail "both: $(ctl flow list)"
[[ $(ctl --json flow list --pending --limit 1 | json_value "d['health'][0]['reason']") == \
	"leg leg-1: neighbour 198.51.100.77 on p1 "* ]] ||
	fail "no reason in the list: $(ctl --json flow list --pending --limit 1)"
[[ $(ctl --json flow list | json_value "'health' in d") == False ]] ||
	fail "programs pay for the health that they did not ask for"
expect_exit 2 ctl flow list --silent --within 1h

# A flow that loses half of its copies drops; legs that take no room in the table are counted, too.
ctl top --once --interval 1 --sort drops --json >"$RIG_RUN/top"
[[ $(json_value "d['rows'][0]['flow'], 100 < d['rows'][0]['drops_ps'] < 300, d['totals']['legs']" \
	<"$RIG_RUN/top") == "('both', True, 9)" ]] || fail "top: $(<"$RIG_RUN/top")"

# A local address that no interface has is accepted, and said to be out of reach of senders.
hint="no interface has 192.0.2.9: the kernel does not answer ARP requests for it"
hinted() {
	ctl flow show moves | grep -q "^hint .*$hint"
}
ctl flow add --id moves --match port=p0,dst=192.0.2.9:5004 --leg $from,dst=198.51.100.10:7004 \
	2>"$RIG_RUN/warned"
grep -qF "flow moves: $hint" "$RIG_RUN/warned" || fail "no warning: $(<"$RIG_RUN/warned")"
hinted || fail "no hint: $(ctl flow show moves)"
ctl relay add --id call --a port=p0,local=192.0.2.1:5100 \
	--b 'port=p1,local=[2001:db8:1::9]:5100,remote=[2001:db8:1::10]:5100'
ctl relay show call | grep -q "^b  *no interface on the link of port p1 has 2001:db8:1::9: .* neighbour solicitations" ||
	fail "relay show has no hint: $(ctl relay show call)"
[[ $(ctl --json relay show call | json_value "'hint' in d['a'], 'hint' in d['b']") == \
	"(False, True)" ]] || fail "a hint for an own address: $(ctl --json relay show call)"
# The kernel answers ARP requests for addresses of any interface, but solicitations for those of the same only.
ctl flow add --id v6 --match "port=p0,dst=[2001:db8:1::1]:5104" --action drop
ctl flow show v6 | grep -q "^hint .*no interface on the link of port p0 has 2001:db8:1::1: " ||
	fail "no hint: $(ctl flow show v6)"
ctl flow del v6
ip -n "$RIG_NAME-box" address add 192.0.2.9/32 dev lo
! hinted || fail "an address of lo is one that the kernel answers for: $(ctl flow show moves)"
ip -n "$RIG_NAME-box" address del 192.0.2.9/32 dev lo
hinted || fail "the address was removed: $(ctl flow show moves)"
ctl flow del moves
ctl relay del call
