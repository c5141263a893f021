#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The MTU of a port's interface is lowered and raised while flows run: copies that are too long for it are dropped by
# that name, port list has it, and what fits goes on. More than at the start needs a restart.
source "$(dirname "$0")/_lib.sh"
test_begin
rig_make 2

mtu_set() {
	ip -n "$RIG_NAME-box" link set p1 mtu "$1"
	ip -n "$RIG_NAME-h1" link set eth0 mtu "$1"
}
port_mtu_is() {
	[[ $(ctl --json port list | json_value "d['ports'][1]['mtu']") == "$1" ]]
}
wait_mtu() {
	rig_wait 20 port_mtu_is "$1" || fail "expected MTU $1: $(ctl port list)"
}

# Datagrams of up to 1,000 and of up to 200 bytes.
ctl flow add --id long --match port=p0,src=192.0.2.10:1000,dst=192.0.2.1:5004 \
	--leg port=p1,src=198.51.100.1:6004,dst=198.51.100.10:7004
ctl flow add --id short --match port=p0,src=192.0.2.10:1002,dst=192.0.2.1:5006 \
	--leg port=p1,src=198.51.100.1:6006,dst=198.51.100.10:7006
cat >"$RIG_RUN/sender.py" <<'END'
import socket, sys
port, to, size, count = map(int, sys.argv[1:])
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.bind(("192.0.2.10", port))
for _ in range(count):
    sender.sendto(bytes(size), ("192.0.2.1", to))
END
sent() {
	rig_exec h0 /usr/bin/python3 "$RIG_RUN/sender.py" "$@"
}

wait_mtu 1500
sent 1000 5004 1000 20
expect_counter flow:long.legs.0.sent 20
mtu_set 800
wait_mtu 800
sent 1000 5004 1000 30
sent 1002 5006 200 30
expect_counter flow:long.legs.0.sent 20
expect_counter flow:long.legs.0.drops.too_long 30
expect_counter flow:short.legs.0.sent 30
grep -q "port p1: MTU of its interface changed: datagrams of up to 800 bytes are sent, 1500 before" \
	"$RIG_RUN/sluiced.log" || fail "not logged"
ctl port show p1 | grep -q "^ *mtu  *800 " || fail "not shown: $(ctl port show p1)"
mtu_set 1500
wait_mtu 1500
sent 1000 5004 1000 20
expect_counter flow:long.legs.0.sent 40
expect_counter flow:long.legs.0.drops.too_long 30
# Buffers are of the MTU that the port was opened with.
mtu_set 1700
sleep 1
port_mtu_is 1500 || fail "raised: $(ctl port list)"
sent 1000 5004 1000 5
expect_counter flow:long.legs.0.sent 45
