#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# `top` shows what carries most, once and live: on a terminal of 80 x 24 the table fits, keys do what
# the help says, it survives a new size, and the terminal is put back on any end.
source "$(dirname "$0")/_lib.sh"
test_begin
rig_make 2

leg=port=p1,src=198.51.100.1:6004,dst=198.51.100.10:700
for i in 1 2 3; do
	ctl flow add --id "talk-$i" --match "port=p0,dst=192.0.2.1:500$i" \
		--leg "id=out-$i,$leg$i" >"$RIG_RUN/added"
done
for i in {1..30}; do
	ctl flow add --id "idle-$i" --match "port=p0,dst=192.0.2.1:$((8000 + i))" \
		--leg "${leg}9" >"$RIG_RUN/added"
done

# 200 packets a second for talk-2, 50 for talk-1, in the background until the end of the test.
carry() {
	rig_spawn "$1" ip netns exec "$RIG_NAME-h0" tests/system/media.py send \
		--src "192.0.2.10:$2" --dst "192.0.2.1:$3" --count 100000 --gap-us "$4" rtp
}
carry fast 1002 5002 5000
carry slow 1001 5001 20000

# Rows of a table: the names that stand first.
names() {
	awk 'NR > 3 { print $1 }'
}
ctl top --once --interval 2 >"$RIG_RUN/once"
[[ $(names <"$RIG_RUN/once" | head -n 3 | xargs) == "talk-2 talk-1 talk-3" ]] ||
	fail "not in the order of rates: $(cat "$RIG_RUN/once")"
[[ $(names <"$RIG_RUN/once" | wc -l) == 20 ]] || fail "expected 20 rows: $(cat "$RIG_RUN/once")"
(($(wc -L <"$RIG_RUN/once") <= 80)) || fail "wider than 80 columns: $(cat "$RIG_RUN/once")"
grep -q '^33 flows' "$RIG_RUN/once" || fail "expected 33 flows: $(cat "$RIG_RUN/once")"
[[ $(ctl top --once --view legs --limit 1 --json | json_value \
	"d['rows'][0]['flow'], d['rows'][0]['leg'], 100 < d['rows'][0]['pps'] < 300") == \
	"('talk-2', 'out-2', True)" ]] || fail "legs: $(ctl top --once --view legs --json)"
[[ $(ctl top --once --view ports --sort pps --json | json_value \
	"(sorted(row['port'] for row in d['rows']), d['rows'][0]['link_up'],
	[row['rx_pps'] + row['tx_pps'] for row in d['rows']] ==
	sorted((row['rx_pps'] + row['tx_pps'] for row in d['rows']), reverse=True))") == \
	"(['p0', 'p1'], True, True)" ]] ||
	fail "ports: $(ctl top --once --view ports --json)"
[[ $(ctl top --once --view workers --json | json_value \
	"0 < d['rows'][0]['busy_share'] < 1 and d['rows'][0]['rx_pps'] > 100") == True ]] ||
	fail "workers: $(ctl top --once --view workers --json)"
[[ $(ctl top --once --filter idle-1 | names | wc -l) == 11 ]] ||
	fail "filter: $(ctl top --once --filter idle-1)"
expect_exit 2 ctl top --once --view workers --sort drops
expect_exit 2 ctl top </dev/null | cat

# Live, on a terminal of its own: tmux with a socket of this test.
mux() {
	tmux -S "$RIG_RUN/tmux.sock" -f /dev/null "$@"
}
picture() {
	mux capture-pane -p -t top
}
shows() {
	picture | grep -q -- "$1"
}
expect_shows() {
	rig_wait 30 shows "$1" || fail "does not show $1: $(picture)"
}
end_tmux() {
	local status=$?
	mux kill-server 2>/dev/null || true
	test_end "$status"
}
trap end_tmux EXIT
mux new-session -d -s top -x 80 -y 24 "env PS1='prompt> ' bash --norc --noprofile"
mux send-keys -t top "stty -a >$RIG_RUN/stty.before; $PWD/$(rig_built sluicectl) \
--socket $RIG_RUN/sluiced.sock top --interval 0.5; echo ended \$?; stty -a >$RIG_RUN/stty.after" Enter
expect_shows '^talk-2  *2[0-9][0-9] \|^talk-2  *1[0-9][0-9] '
expect_shows 'PKT/S\*'
expect_shows '20 of 33 flows'
[[ $(picture | wc -l) == 24 ]] || fail "not 24 rows: $(picture)"
mux send-keys -t top l
expect_shows 'out-2'
mux send-keys -t top p
expect_shows '^p0  .* up '
mux send-keys -t top w
expect_shows 'BUSY'
mux send-keys -t top f s s
expect_shows 'DROP/S\*'
mux send-keys -t top /
mux send-keys -t top -l idle-30
mux send-keys -t top Enter
expect_shows '1 of 33 flows'
mux send-keys -t top /
mux send-keys -t top Escape
expect_shows '20 of 33 flows'
mux send-keys -t top '?'
expect_shows 'sort by the next column'
mux send-keys -t top '?'
mux send-keys -t top Space
expect_shows PAUSED
mux send-keys -t top Space
mux resize-window -t top -x 100 -y 12
expect_shows '8 of 33 flows'
mux resize-window -t top -x 80 -y 24
expect_shows '20 of 33 flows'
mux send-keys -t top q
expect_shows '^ended 0'
shows 'talk-' && fail "the table is still there: $(picture)"
cmp "$RIG_RUN/stty.before" "$RIG_RUN/stty.after" || fail "the terminal is not as it was"

# Ended by a signal, from the keyboard or not, it puts the terminal back as well.
for sign in C-c TERM; do
	rm "$RIG_RUN/stty.after"
	mux send-keys -t top "clear; $PWD/$(rig_built sluicectl) --socket $RIG_RUN/sluiced.sock top" Enter
	expect_shows '20 of 33 flows'
	if [[ $sign == TERM ]]; then
		kill -TERM "$(pgrep -P "$(mux display-message -p -t top '#{pane_pid}')")"
	else
		mux send-keys -t top "$sign"
	fi
	mux send-keys -t top "echo ended \$?; stty -a >$RIG_RUN/stty.after" Enter
	expect_shows '^ended 1[34]'
	shows 'talk-' && fail "the table is still there: $(picture)"
	cmp "$RIG_RUN/stty.before" "$RIG_RUN/stty.after" || fail "the terminal is not as it was"
done
