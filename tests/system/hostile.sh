#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# One user's 600 connections ask for all they can, read nothing or never end their requests; another
# user's calls are answered meanwhile, and sluiced's memory stays within what docs/access.md says.
#
# usage: hostile.sh [FLOWS MEMORY_MB P99_MS]
# timeout: 300
source "$(dirname "$0")/_lib.sh"
FLOWS=${1:-50000} MEMORY_MB=${2:-384} P99_MS=${3:-100}
IPV4_FLOWS=$((FLOWS + FLOWS / 4 + 16))
VIEWER=65534
RPC_LIMITS=", socket_group: $VIEWER"
test_begin
chmod o+x "$RIG_RUN"
rig_netns_add box
{
	config_null sluiced
	echo "memory_mb: $MEMORY_MB"
} | sluiced_start sluiced
# What is measured is sluiced, not how the scheduler shares one CPU among it and the attackers.
renice -n -20 -p "$(rig_pid sluiced)" >"$RIG_RUN/renice"
nice -n -20 tests/system/hostile.py "$RIG_RUN/sluiced.sock" "$(rig_pid sluiced)" $VIEWER "$FLOWS" \
	>"$RIG_RUN/report"
report() {
	json_value "$1" <"$RIG_RUN/report"
}
(($(report "d['calls']") >= 20)) || fail "hardly any call was answered"
[[ $(report "d['p99_ms'] < $P99_MS") == True ]] || fail "another user waits: $(<"$RIG_RUN/report")"
[[ $(report "d['most_mib'] - d['before_mib'] < 208 + $FLOWS / 6000") == True ]] ||
	fail "memory grows: $(<"$RIG_RUN/report")"
[[ $(report "d['limit']") == *"expected less than rpc.max_waiting_bytes"* ]] ||
	fail "the limit is not named"
