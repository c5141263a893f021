#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Fragments of a flow, whole datagrams between them, in both families: they are dropped and counted by name,
# and the sender, a connected socket of the kernel, is never told that the port is closed.
source "$(dirname "$0")/_lib.sh"
test_begin
rig_make 2

# The way back is not tested: an error that the kernel queued is what the next send() returns.
cat >"$RIG_RUN/sender.py" <<'END'
import socket, sys, time
IP_MTU_DISCOVER, IPV6_MTU_DISCOVER, PMTUDISC_DONT = 10, 23, 0
local, remote = sys.argv[1:]
sender = socket.socket(socket.AF_INET6 if ":" in local else socket.AF_INET, socket.SOCK_DGRAM)
if ":" in local:
    sender.setsockopt(socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER, PMTUDISC_DONT)
else:
    sender.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, PMTUDISC_DONT)
sender.bind((local, 1000))
sender.connect((remote, 5004))
for _ in range(20):
    sender.send(bytes(4000))
    time.sleep(0.02)
    sender.send(bytes(100))
    time.sleep(0.02)
END

ctl flow add --id four --match port=p0,src=192.0.2.10:1000,dst=192.0.2.1:5004 \
	--leg port=p1,src=198.51.100.1:6004,dst=198.51.100.10:7004
ctl flow add --id six --match "port=p0,src=[2001:db8::10]:1000,dst=[2001:db8::1]:5004" \
	--leg "port=p1,src=[2001:db8:1::1]:6004,dst=[2001:db8:1::10]:7004"
rig_exec h0 /usr/bin/python3 "$RIG_RUN/sender.py" 192.0.2.10 192.0.2.1 || fail "the sender was told something"
rig_exec h0 /usr/bin/python3 "$RIG_RUN/sender.py" 2001:db8::10 2001:db8::1 || fail "the IPv6 sender was told something"
# A datagram of 4,000 bytes has three fragments.
expect_counter flow:four.forwarded 20
expect_counter flow:six.forwarded 20
expect_counter p0.drops.ip4_fragment 20
expect_counter p0.drops.ip6_fragment 20
expect_counter p0.steering.passed.fragment 80
[[ $(rig_exec h0 nstat -asz IcmpInDestUnreachs Icmp6InDestUnreachs | awk '/Icmp/ { n += $2 } END { print n }') == 0 ]] ||
	fail "the sender was told: $(rig_exec h0 nstat -as)"
