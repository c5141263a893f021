#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A leg whose next hop cannot be resolved is refused by name, and nothing of the request is
# installed; with the neighbour there, the same request is taken.
source "$(dirname "$0")/_lib.sh"
test_begin
rig_make 2

refused() {
	local pointer=$1 reply
	shift
	reply=$(expect_exit 1 ctl flow add "$@" 2>&1)
	grep -q "UNRESOLVED at $pointer" <<<"$reply" ||
		fail "expected UNRESOLVED at $pointer, found: $reply"
	[[ $(ctl --json flow list | tr -d ' \n') == '{"flows":[],"total":0,'* ]] ||
		fail "something was installed: $(ctl --json flow list)"
}

match=(--match "port=p0,dst=192.0.2.1:5004")
good=port=p1,src=198.51.100.1:6004,dst=198.51.100.10:7004

refused /flows/0/legs/1/dst "${match[@]}" --leg $good \
	--leg port=p1,src=198.51.100.1:6004,dst=198.51.100.77:7004
refused /flows/0/legs/0/dst "${match[@]}" --leg port=p1,src=198.51.100.1:6004,dst=203.0.113.10:7004
refused /flows/0/legs/0/next_hop "${match[@]}" \
	--leg port=p1,src=198.51.100.1:6004,dst=203.0.113.10:7004,next-hop=198.51.100.78
ctl flow add "${match[@]}" --leg $good
