#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Somebody takes the steering program off a port's interface, or puts another one there: it is attached again as
# soon as nothing else is, with its flows; until then port list says what is wrong.
source "$(dirname "$0")/_lib.sh"
test_begin
rig_make 2

ctl flow add --id cam --match port=p0,src=192.0.2.10:1000,dst=192.0.2.1:5004 \
	--leg port=p1,src=198.51.100.1:6004,dst=198.51.100.10:7004
relayed() {
	receive_start "$1" h1 --src 198.51.100.1:6004 --dst 198.51.100.10:7004 --count 50
	send h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5004 --count 50
	receive_end "$1"
}
said() {
	(($(grep -c "$1" "$RIG_RUN/sluiced.log") == $2))
}
wait_said() {
	rig_wait 20 said "$@" || fail "expected $2 times: $1"
}
again="port p0: the steering program was taken off its interface, and is attached again"

relayed first
ip -n "$RIG_NAME-box" link set p0 xdp off
wait_said "$again" 1
relayed second

ip -n "$RIG_NAME-box" -force link set p0 xdp obj "$(rig_built steer.bpf.o)" sec xdp
wait_said "warning: port p0: another XDP program is on its interface" 1
ctl port list | grep -q "another XDP program is on its interface" || fail "no hint: $(ctl port list)"
ip -n "$RIG_NAME-box" link set p0 xdp off
wait_said "$again" 2
[[ $(ctl port list) != *"another XDP program"* ]] || fail "still a hint: $(ctl port list)"
relayed third
