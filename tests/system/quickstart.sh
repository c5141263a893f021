#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The quickstart, short: it passes, twice in a row; killed half-way, the next run cleans up and
# passes; what it says without root is one line.
# timeout: 400
source "$(dirname "$0")/_lib.sh"
test_begin
export SLUICE_QUICKSTART_NAME=$TEST_RIG-rig
run=/run/$SLUICE_QUICKSTART_NAME
hugepages_before=$(cat /proc/sys/vm/nr_hugepages)

end_quickstart() {
	local status=$?
	drivers-conf/quickstart --stop || status=1
	test_end "$status"
}
trap end_quickstart EXIT

expect_nothing_left() {
	local netns
	[[ ! -e $run ]] || fail "$1: $run is left"
	netns=$(ip netns list | grep "^$SLUICE_QUICKSTART_NAME" || true)
	[[ -z $netns ]] || fail "$1: namespaces are left: $netns"
	! pgrep -f "$run" || fail "$1: processes are left"
	[[ $(cat /proc/sys/vm/nr_hugepages) == "$hugepages_before" ]] || fail "$1: hugepages are left"
	! grep "$run" /proc/mounts || fail "$1: mounts are left"
}

expect_pass() {
	local output
	output=$(drivers-conf/quickstart --duration 5 2>&1) || fail "$1: $output"
	echo "$output"
	grep -q '^quickstart: passed: ' <(tail -n 1 <<<"$output") || fail "$1: no summary: $output"
	expect_nothing_left "$1"
}

expect_pass "first run"
expect_pass "second run"

# Killed while the media plays.
rig_spawn victim drivers-conf/quickstart --duration 60
rig_wait 120 test -s "$run/sender.progress" || fail "the victim does not get to play"
sleep 2
kill -KILL "$RIG_PID"
[[ -n $(ip netns list | grep "^$SLUICE_QUICKSTART_NAME") ]] || fail "nothing was left to clean up"
pgrep -f "$run" >/dev/null || fail "no process was left to clean up"
expect_pass "run after a kill"

# Ended by the terminal.
rig_spawn interrupted drivers-conf/quickstart --duration 60
rig_wait 120 test -s "$run/sender.progress" || fail "it does not get to play"
kill -TERM "$RIG_PID"
wait "$RIG_PID" && fail "ended half-way, but says that it passed"
expect_nothing_left "ended half-way"

# Left running, and stopped.
drivers-conf/quickstart --duration 3 --keep | tee "$RIG_RUN/keep.log"
"$(rig_built sluicectl)" --socket "$run/rpc.sock" flow list | grep -q video ||
	fail "--keep does not leave it running"
drivers-conf/quickstart --stop
expect_nothing_left "stopped"

output=$(setpriv --reuid 65534 --clear-groups drivers-conf/quickstart 2>&1) && fail "passed without root"
[[ $(wc -l <<<"$output") == 1 && $output == *root* ]] || fail "without root it says: $output"
