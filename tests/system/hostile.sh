#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# One user's 600 connections ask for all they can, read nothing or never end their requests; another
# user's calls are answered meanwhile, and sluiced's memory stays within what docs/access.md says.
# timeout: 300
source "$(dirname "$0")/_lib.sh"
FLOWS=${1:-50000}
IPV4_FLOWS=$((FLOWS + FLOWS / 4 + 16))
VIEWER=65534
RPC_LIMITS=", socket_group: $VIEWER"
test_begin
chmod o+x "$RIG_RUN"
rig_netns_add box
{
	config_null sluiced | sed 's/net_null0/&,no-rx=1/'
	echo "memory_mb: ${2:-384}"
} | sluiced_start sluiced
tests/system/hostile.py "$RIG_RUN/sluiced.sock" "$(rig_pid sluiced)" $VIEWER "$FLOWS" \
	>"$RIG_RUN/report"
report() {
	json_value "$1" <"$RIG_RUN/report"
}
(($(report "d['calls']") >= 20)) || fail "hardly any call was answered"
[[ $(report "d['p99_ms'] < 500") == True ]] || fail "another user waits"
[[ $(report "d['most_mib'] - d['before_mib'] < 192") == True ]] || fail "memory grows"
[[ $(report "d['limit']") == *"expected less than rpc.max_waiting_bytes"* ]] ||
	fail "the limit is not named"
