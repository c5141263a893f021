#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# While one transaction of 200,000 flows commits, others are answered: how fast is perf/control's to
# say, but whoever had to wait for the whole of it would be answered once or twice. The watchdog is
# fed meanwhile. With its interval of 1 s that is due after 0.25 to 0.3 s; a turn of the event loop
# of 0.1 s makes it late. CPU time is counted, as this machine may do other work.
#
# usage: large_commit.sh [FLOWS MEMORY_MB]
# timeout: 300
source "$(dirname "$0")/_lib.sh"
FLOWS=${1:-200000} MEMORY_MB=${2:-1024}
FED_S=0.4
IPV4_FLOWS=$((FLOWS + 16))
test_begin
STATE_PATH=$RIG_RUN/state.db
rig_netns_add box
rig_spawn notified tests/system/service.py notified "$RIG_RUN/notify.sock"
rig_wait 30 grep -q listening "$RIG_RUN/notified.log" || fail "no manager"
export NOTIFY_SOCKET=$RIG_RUN/notify.sock WATCHDOG_USEC=1000000
{
	config_null sluiced
	echo "memory_mb: $MEMORY_MB"
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
awk -v most="$FED_S" '
	$3 == "WATCHDOG=1" {
		if (n++ && $2 - last > longest)
			longest = $2 - last
		last = $2
	}
	END {
		print "fed " n " times, after " longest " s of CPU time at the latest, expected " most
		exit !(n >= 10 && longest <= most)
	}' "$RIG_RUN/notified.log" >"$RIG_RUN/fed" || fail "the watchdog was $(<"$RIG_RUN/fed")"
cat "$RIG_RUN/fed"
