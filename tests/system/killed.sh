#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# After kill -9 the next start works on what was left, and media flows again.
source "$(dirname "$0")/_lib.sh"
HUGEPAGES=true
test_begin
rig_make 2

add_and_stream() {
	ctl flow add --id cam --match port=p0,src=192.0.2.10:1000,dst=192.0.2.1:5004 \
		--leg port=p1,src=198.51.100.1:6004,dst=198.51.100.10:7004
	receive_start "$1" h1 --src 198.51.100.1:6004 --dst 198.51.100.10:7004 --count 200
	send h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5004 --count 200
	receive_end "$1"
}

add_and_stream first
rig_spawn follow "$(rig_built sluicectl)" --socket "$RIG_RUN/sluiced.sock" events --follow
rig_wait 30 grep -q '^SEQUENCE' "$RIG_RUN/follow.log" || fail "events --follow does not begin"
rig_stop sluiced KILL
[[ -S $RIG_RUN/sluiced.sock ]] || fail "the socket is gone: it was not killed half-way"
config_af_xdp sluiced 2 | sluiced_start sluiced
add_and_stream second
expect_counter flow:cam.packets 200

# Who follows the events has waited, and follows those of the new process from its first.
ctl flow add --id learns --match port=p0,dst=192.0.2.1:5006 --latch first \
	--leg port=p1,src=198.51.100.1:6004,dst=198.51.100.10:7004
media h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5006 --count 1 rtp
rig_wait 30 grep -Eq '^ *[0-9]+ .*flow_latched *learns src=192.0.2.10' "$RIG_RUN/follow.log" ||
	fail "the event was not followed: $(cat "$RIG_RUN/follow.log")"
grep -q 'sluiced is back' "$RIG_RUN/follow.log" || fail "it does not say that sluiced is back"

# A second instance on the same socket does not take it from the first.
config_null sluiced | sed "s/file_prefix: .*/file_prefix: $RIG_NAME-twin/" >"$RIG_RUN/twin.yaml"
expect_exit 1 "$(rig_built sluiced)" --config "$RIG_RUN/twin.yaml"
ctl info >/dev/null || fail "the first instance lost its socket"

# A stored state of which nothing can be read is said to be lost.
STATE_PATH=$RIG_RUN/garbage.db
echo 'no store at all' >"$STATE_PATH"
HUGEPAGES=false
config_null garbage | sluiced_start garbage
grep -q 'warning: no flows could be recovered: starting without flows' "$RIG_RUN/garbage.log" ||
	fail "it does not say that nothing is left: $(cat "$RIG_RUN/garbage.log")"
rig_stop garbage
