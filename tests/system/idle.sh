#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A flow without packets is removed when its time is over, with an event that holds its final
# counters; one that has packets stays, and so does one that has no time-out.
source "$(dirname "$0")/_lib.sh"
CONSERVATION_OPTIONS=(--flows-removed)
test_begin
rig_make 2

leg=port=p1,src=198.51.100.1:6004,dst=198.51.100.10:7004
ctl flow add --id quiet --match port=p0,dst=192.0.2.1:5004 --idle-timeout 4 --leg $leg
ctl flow add --id lively --match port=p0,dst=192.0.2.1:5006 --idle-timeout 5 --leg $leg
ctl flow add --id patient --match port=p0,dst=192.0.2.1:5008 --leg $leg
# These have packets all the time, and take none of them.
ctl flow add --id stranger --match port=p0,dst=192.0.2.1:5010 --idle-timeout 4 \
	--allow 203.0.113.0/24 --leg $leg
ctl flow add --id off --match port=p0,dst=192.0.2.1:5012 --idle-timeout 4 --leg $leg
ctl flow down off
rig_spawn refused ip netns exec "$RIG_NAME-h0" tests/system/media.py send \
	--src 192.0.2.10:1010 --dst 192.0.2.1:5010 --count 100000 --gap-us 20000 rtp
rig_spawn down ip netns exec "$RIG_NAME-h0" tests/system/media.py send \
	--src 192.0.2.10:1012 --dst 192.0.2.1:5012 --count 100000 --gap-us 20000 rtp
rig_spawn follow "$(rig_built sluicectl)" --socket "$RIG_RUN/sluiced.sock" --json events --follow

is_installed() {
	ctl flow show "$1"
}
is_gone() {
	! is_installed "$1"
}

tally_start all h1 7 198.51.100.10:7004
media h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5004 --count 10 rtp
# Eight seconds, with a packet now and then.
media h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5006 --count 12 --gap-us 700000 rtp
rig_wait 30 is_gone quiet || fail "a flow that was idle for eight seconds is still there"
is_installed lively >/dev/null || fail "a flow that had packets is gone"
is_installed patient >/dev/null || fail "a flow without a time-out is gone"
rig_wait 30 is_gone lively || fail "the second flow did not expire"
is_installed patient >/dev/null || fail "a flow without a time-out is gone"
rig_wait 30 is_gone stranger || fail "refused packets keep an idle flow"
rig_wait 30 is_gone off || fail "packets of a flow that is down keep it"
tally_end all

rig_wait 30 grep -q '"flow_expired".*"lively"' "$RIG_RUN/follow.log" ||
	fail "events --follow did not print it: $(cat "$RIG_RUN/follow.log")"
[[ $(grep 'flow_expired.*"quiet"' "$RIG_RUN/follow.log" | json_value \
	"d['event'], d['packets'], d['forwarded'], d['punted'], d['drops']") == \
	"('flow_expired', 10, 10, 0, {})" ]] || fail "the event lacks the counters"
# What has expired is not steered to Sluice any more: the kernel has the port again.
receive_start kernel box --src 192.0.2.10:1000 --dst 192.0.2.1:5004 --count 20
send h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5004 --count 20
receive_end kernel
