#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# One side of a relay falls silent: an event within its bounds, and relays show it. Its latch opens if
# the relay says so, and the side is answered where it comes from then; otherwise it stays shut out.
# The other side goes on, and one that is down is not expected to send.
source "$(dirname "$0")/_lib.sh"
CONSERVATION_OPTIONS=(--flows-removed)
test_begin
rig_make 2

ctl relay add --id call --a port=p0,local=192.0.2.1:6000,media-timeout=4s,reopen=true \
	--b port=p1,local=198.51.100.1:6000,remote=198.51.100.10:7000,media-timeout=4s
ctl relay add --id shut --a port=p0,local=192.0.2.1:6002,media-timeout=4s \
	--b port=p1,local=198.51.100.1:6002,remote=198.51.100.10:7002,media-timeout=1s,admin=down
expect_exit 2 ctl relay add --id no --a port=p0,local=192.0.2.1:6004,reopen=true \
	--b port=p1,local=198.51.100.1:6004 2>"$RIG_RUN/no"
grep -q 'at --a reopen=: found true, expected media_timeout_s' "$RIG_RUN/no" ||
	fail "it names no option: $(cat "$RIG_RUN/no")"
rig_spawn follow "$(rig_built sluicectl)" --socket "$RIG_RUN/sluiced.sock" --json events --follow

# The number of events of that kind, relay and side, and the last one.
events_of() {
	grep "\"event\":\"$1\".*\"relay\":\"$2\",\"side\":\"$3\"" "$RIG_RUN/follow.log"
}
has_events() {
	(($(events_of "$1" "$2" "$3" | wc -l) == $4))
}
relay_value() {
	ctl --json relay show "$1" | json_value "$2"
}

rig_spawn other ip netns exec "$RIG_NAME-h1" tests/system/media.py send \
	--src 198.51.100.10:7000 --dst 198.51.100.1:6000 --count 100000 --gap-us 20000 rtp
# Both at the same time, as a sender takes long to start.
caller_sends() {
	media h0 --src "192.0.2.10:$1" --dst 192.0.2.1:6000 --count 20 --gap-us 20000 rtp &
	media h0 --src "192.0.2.10:$(($1 + 1))" --dst 192.0.2.1:6002 --count 20 --gap-us 20000 rtp
	wait $!
}
caller_sends 2000
ended_ns=$(date +%s%N)
[[ $(relay_value call "d['a']['media'], d['a']['latched']['src_port']") == "('flowing', 2000)" ]] ||
	fail "while media flows: $(ctl relay show call)"
for relay in call shut; do
	rig_wait 30 has_events media_timeout $relay a 1 || fail "no event of $relay: $(ctl events)"
done
late_ms=$(($(events_of media_timeout shut a | json_value "d['time_ns']") / 1000000 - ended_ns / 1000000))
((late_ms > 2000 && late_ms < 6000)) || fail "a time-out of 4 s is raised after $late_ms ms"
[[ $(relay_value shut "d['a']['media'], d['a']['latched']['src_port'], d['b'].get('media')") == \
"('timed_out', 2001, None)" ]] || fail "relay show: $(ctl --json relay show shut)"
silent_ms=$(($(events_of media_timeout shut a | json_value "d['time_ns']") / 1000000 -
	$(relay_value shut "d['a']['last_packet']['time_ns']") / 1000000))
((silent_ms > 3990)) || fail "a time-out of 4 s is raised $silent_ms ms after the last packet"
ctl relay list | grep -Eq '^shut +a .* none since 20' || fail "relay list: $(ctl relay list)"

# The latch of one relay is open again.
rig_wait 30 has_events flow_forgotten call a 1 || fail "call:a has not forgotten its source"
[[ $(relay_value call "d['a']['latched'], d['a']['sent']['sends_to'], d['b']['media']") == \
"(None, None, 'flowing')" ]] || fail "relay show: $(ctl --json relay show call)"
caller_sends 3000
rig_wait 30 has_events media_resumed call a 1 || fail "it has not resumed: $(ctl events)"
[[ $(relay_value call "d['a']['latched']['src_port'], d['a']['sent']['sends_to']['dst_port']") == \
"(3000, 3000)" ]] || fail "the side that came back: $(ctl --json relay show call)"
[[ $(relay_value shut "d['a']['media'], d['a']['latched']['src_port']") == "('timed_out', 2001)" ]] ||
	fail "a side that is shut out: $(ctl --json relay show shut)"

# An update keeps what is known, and the next time-out is raised again.
ctl relay update --id shut --a port=p0,local=192.0.2.1:6002,media-timeout=4s,dscp=46 \
	--b port=p1,local=198.51.100.1:6002
[[ $(relay_value shut "d['a']['media']") == timed_out ]] || fail "an update loses the state"
rig_wait 30 has_events media_timeout call a 2 || fail "it does not time out again: $(ctl events)"
has_events media_timeout shut a 1 && has_events media_timeout shut b 0 && has_events media_timeout call b 0 ||
	fail "there are events too many: $(ctl events)"
