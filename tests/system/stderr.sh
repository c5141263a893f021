#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Standard error that is not read holds up neither control nor the end; what was lost is counted and
# said. Descriptors 0 to 2 that are closed at start are not taken by other files, and output that
# cannot be written is an error.
source "$(dirname "$0")/_lib.sh"
test_begin
stderr=$RIG_RUN/stderr
mkfifo "$stderr"
exec 8<>"$stderr" # open at both ends, and not read
# A long line whenever this is to be reopened, since its directory is away.
directory=$RIG_RUN/gone/$(printf 'x%.0s' {1..200})
AUDIT_LOG=$directory/log
config_null sluiced >"$RIG_RUN/sluiced.yaml"

# start REDIRECTIONS: sluiced with these, in words of the shell
start() {
	mkdir -p "$directory"
	rig_spawn sluiced bash -c "exec \"\$@\" $1" sluiced "$(rig_built sluiced)" \
		--config "$RIG_RUN/sluiced.yaml"
	rig_wait 30 ctl info || fail "sluiced does not answer: $(timeout 1 cat <&8)"
	pid=$RIG_PID
	rm -r "$RIG_RUN/gone"
}

lines_lost() {
	ctl --json info | json_value 'd["log_lines_lost"]'
}

# Each SIGHUP that arrives makes a line of 300 bytes.
overfill() {
	local before round i
	before=$(lines_lost)
	for ((round = 0; round < 30; round++)); do
		for ((i = 0; i < 5000; i++)); do
			kill -HUP "$pid"
		done
		(($(lines_lost) == before)) || return 0
	done
	fail "no line is lost after $((round * i)) signals: this proves nothing"
}

# ended CODE: it ends soon, with this code
ended() {
	local code=0
	rig_wait 20 rig_ended sluiced || fail "it does not end"
	wait "$pid" || code=$?
	((code == $1)) || fail "expected exit code $1, found $code"
}

start "2>'$stderr'"
overfill
ctl flow add --id one --match port=p0,dst=192.0.2.1:5004 --action drop
ctl info | grep -q "^log  .* lost" || fail "info does not show what was lost: $(ctl info)"

# Once it is read all that was kept arrives, and the number of those that were not.
rig_spawn reader cat "$stderr"
said_all() {
	local said
	said=$(sed -n 's/.*warning: \([0-9]*\) lines\? of this log .* lost.*/\1/p' "$RIG_RUN/reader.log" |
		awk '{ n += $1 } END { print n + 0 }')
	((said > 0 && said == $(lines_lost)))
}
rig_wait 30 said_all || fail "expected $(lines_lost) lines to be called lost, found: $(
	grep lost "$RIG_RUN/reader.log"
)"
grep -vxE 'sluiced: (files reopened|ready, .*|warning: audit log .*|warning: [0-9]+ lines? of this log (was|were) lost: .*)' \
	"$RIG_RUN/reader.log" && fail "lines are torn"
kill -HUP "$pid"
rig_wait 30 eval "tail -n 1 '$RIG_RUN/reader.log' | grep -q reopened" || fail "the log does not go on"
rig_stop reader

overfill
kill -TERM "$pid"
ended 0
start "2>'$stderr'"
overfill
kill -ABRT "$pid"
ended 134

# Closed at start. The store's files and the sockets would be standard output.
start "<&- >&- 2>&-"
for fd in 0 1; do
	[[ $(readlink "/proc/$pid/fd/$fd") == /dev/null ]] ||
		fail "descriptor $fd is $(readlink "/proc/$pid/fd/$fd")"
done
kill -HUP "$pid"
ctl flow add --id one --match port=p0,dst=192.0.2.1:5004 --action drop
expect_exit 5 ctl info >&-
expect_exit 5 ctl flow list <&- >&- 2>&-
expect_exit 0 ctl flow del one <&- 2>&-

# A disk that is full, also to those that would go on for ever.
for command in "flow list" "--json flow list" info counters "export --all" "events --follow" \
	"watch" "top --once" "--help"; do
	code=0
	# shellcheck disable=SC2086 # words
	timeout 20 "$(rig_built sluicectl)" --socket "$RIG_RUN/sluiced.sock" $command \
		>/dev/full 2>"$RIG_RUN/said" || code=$?
	((code == 5)) && grep -q "standard output: No space left" "$RIG_RUN/said" ||
		fail "$command: exit code $code, said: $(cat "$RIG_RUN/said")"
done
