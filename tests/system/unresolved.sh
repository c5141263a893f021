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
}

from=port=p1,src=198.51.100.1:6004
pending "neighbour 198.51.100.77 on p1" silent --leg $from,dst=198.51.100.77:7004
pending "no route to 203.0.113.10 out of p1" far --leg $from,dst=203.0.113.10:7004
pending "neighbour 198.51.100.78 on p1" gateway \
	--leg $from,dst=203.0.113.10:7004,next-hop=198.51.100.78
pending "no interface for VLAN 9 upon p1" vlan --leg $from,dst=198.51.100.10:7004,vlan=9
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
