#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# While one transaction of 100,000 flows commits, others are answered: how fast is perf/control's to
# say, but whoever had to wait for the whole of it would be answered once or twice.
source "$(dirname "$0")/_lib.sh"
FLOWS=100000
IPV4_FLOWS=$((FLOWS + 16))
test_begin
STATE_PATH=$RIG_RUN/state.db
rig_netns_add box
{
	config_null sluiced
	echo "memory_mb: 768"
} | sluiced_start sluiced
"$(rig_built control-load)" --socket "$RIG_RUN/sluiced.sock" --large --flows "$FLOWS" --batch 1000 \
	--get-every 2000 >"$RIG_RUN/report"
report() {
	json_value "$1" <"$RIG_RUN/report"
}
[[ $(report "d['flows']") == "$FLOWS" ]] || fail "not all: $(<"$RIG_RUN/report")"
(($(report "d['get_while_commit']['count']") >= 20)) ||
	fail "hardly anybody was answered: $(<"$RIG_RUN/report")"
[[ $(ctl --json history | json_value "[entry['added'] for entry in d['generations'][:2]]") == \
	"[$FLOWS, 1]" ]] || fail "$(ctl history)"
