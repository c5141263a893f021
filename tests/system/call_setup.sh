#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The example client sets a call up, records it and takes it down, with packets both ways; whoever
# subscribed to events hears of each step, and of a link and a neighbour that are lost.
source "$(dirname "$0")/_lib.sh"
CONSERVATION_OPTIONS=(--flows-removed --legs-vary)
test_begin
rig_make 2

rig_spawn follow "$(rig_built sluicectl)" --socket "$RIG_RUN/sluiced.sock" --json events --follow
rig_spawn call docs/examples/call_setup.py --socket "$RIG_RUN/sluiced.sock" \
	--near p0=192.0.2.1 --far p1=198.51.100.1 --caller 192.0.2.10:4000 \
	--callee 198.51.100.10:5000 --recorder 198.51.100.10:5999 --ports 20000-20003 --hold 8
rig_wait 30 grep -q '^recording' "$RIG_RUN/call.log" || fail "$(cat "$RIG_RUN/call.log")"
near=$(sed -n 's/^up near=\([0-9]*\) .*/\1/p' "$RIG_RUN/call.log")
far=$(sed -n 's/^up .* far=\([0-9]*\)/\1/p' "$RIG_RUN/call.log")

# A port that is in use, or an exhausted range, gives an error.
docs/examples/call_setup.py --socket "$RIG_RUN/sluiced.sock" --name other \
	--near p0=192.0.2.1 --far p1=198.51.100.1 --caller 192.0.2.10:4002 \
	--callee 198.51.100.10:5002 --ports 20000-20003 --hold 0 >"$RIG_RUN/other.log" 2>&1 &&
	fail "there was a port left"
grep -q 'no UDP port left' "$RIG_RUN/other.log" || fail "$(cat "$RIG_RUN/other.log")"

receive_start callee h1 --src "198.51.100.1:$far" --dst 198.51.100.10:5000 --count 50
receive_start recorder h1 --src "198.51.100.1:$((far + 1))" --dst 198.51.100.10:5999 --count 50
send h0 --src 192.0.2.10:4000 --dst "192.0.2.1:$near" --count 50
receive_end callee
receive_end recorder
receive_start caller h0 --src "192.0.2.1:$near" --dst 192.0.2.10:4000 --count 50
send h1 --src 198.51.100.10:5000 --dst "198.51.100.1:$far" --count 50
receive_end caller
rig_wait 30 grep -q '^over' "$RIG_RUN/call.log" || fail "$(cat "$RIG_RUN/call.log")"
[[ $(sed -n 's/^over //p' "$RIG_RUN/call.log" | json_value "d['packets'], d['forwarded']") == \
	"(50, 50)" ]] || fail "$(cat "$RIG_RUN/call.log")"

heard() {
	grep -q -- "$1" "$RIG_RUN/follow.log"
}
expect_heard() {
	rig_wait 30 heard "$1" || fail "not heard: $1: $(cat "$RIG_RUN/follow.log")"
}
expect_heard '"event":"flow_added","flow":"call-1-back"'
expect_heard '"event":"commit".*"method":"flow.install"'
expect_heard '"event":"commit".*"method":"leg.join"'
expect_heard '"event":"flow_removed","flow":"call-1-out"'
[[ $(ctl --json flow list | json_value "d['total']") == 0 ]] || fail "the call is still there"

# Each change's first reply is lost: nothing is leaked, and each step is done once.
cat >"$RIG_RUN/lossy.py" <<'END'
import json
import socket
import sys
lost = {"flow.install", "leg.join", "leg.leave", "flow.remove"}
door = socket.socket(socket.AF_UNIX)
door.bind(sys.argv[1])
door.listen()
while True:
    client = door.accept()[0]
    sluiced = socket.socket(socket.AF_UNIX)
    sluiced.connect(sys.argv[2])
    replies = sluiced.makefile("rb")
    for request in client.makefile("rb"):
        sluiced.sendall(request)
        reply, method = replies.readline(), json.loads(request)["method"]
        if method in lost:
            lost.remove(method)
            print("lost the reply to", method, flush=True)
            break
        client.sendall(reply)
    client.shutdown(socket.SHUT_RDWR)
    client.close()
    sluiced.close()
END
rig_spawn lossy /usr/bin/python3 "$RIG_RUN/lossy.py" "$RIG_RUN/lossy.sock" "$RIG_RUN/sluiced.sock"
rig_wait 30 test -S "$RIG_RUN/lossy.sock" || fail "the proxy does not listen"
docs/examples/call_setup.py --socket "$RIG_RUN/lossy.sock" --name torn \
	--near p0=192.0.2.1 --far p1=198.51.100.1 --caller 192.0.2.10:4004 \
	--callee 198.51.100.10:5004 --recorder 198.51.100.10:5997 --ports 20000-20003 --hold 0 \
	>"$RIG_RUN/torn.log" 2>&1 || fail "replies were lost: $(cat "$RIG_RUN/torn.log")"
[[ $(wc -l <"$RIG_RUN/lossy.log") == 4 ]] || fail "lost were $(cat "$RIG_RUN/lossy.log")"
[[ $(ctl --json flow list | json_value "d['total']") == 0 ]] || fail "the torn call is still there"

rig_exec h0 ip link set eth0 down
expect_heard '"event":"port_down","port":"p0"'
rig_exec h0 ip link set eth0 up
expect_heard '"event":"port_up","port":"p0"'
