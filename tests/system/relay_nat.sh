#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Callers behind a NAT that forgets its mappings in mid-call, IPv4 to IPv4 and IPv4 to IPv6: the other
# side is heard again from the caller's next packet on. Meanwhile strangers spray the local ports, from the
# NAT's address and from another one: they move nothing, and hear nothing.
source "$(dirname "$0")/_lib.sh"
test_begin
rig_make 2
nat_add 0

# Numbers of the caller's packets after which the NAT forgets; a move takes a second from the last one.
FORGETS=200,300,400,500,600
STRANGER=192.0.2.66
rig_address_add h0 eth0 "$STRANGER/24"

# spray LABEL ADDRESS PORT SECONDS: from a hundred source ports in turn.
spray() {
	rig_spawn "$1" ip netns exec "$RIG_NAME-h0" /usr/bin/python3 -c '
import select, socket, sys, time
source, port, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(100)]
for each in sockets:
    each.bind((source, 0))
sent = heard = 0
until = time.monotonic() + seconds
while time.monotonic() < until:
    sockets[sent % 100].sendto(b"\x80\x00" + bytes(170), ("192.0.2.1", port))
    sent += 1
    heard += len(select.select(sockets, [], [], 0.005)[0])
print("done:", sent, heard, flush=True)' "$2" "$3" "$4"
}

expect_spray() {
	local sent heard
	rig_wait 60 grep -q '^done' "$RIG_RUN/$1.log" || fail "$1: $(tail -n 1 "$RIG_RUN/$1.log")"
	read -r _ sent heard <"$RIG_RUN/$1.log"
	((sent > 500 && heard == 0)) || fail "$1 sends $sent packets, and hears $heard"
}

# call NAME A_PORT B_LOCAL [OPTION...]
call() {
	local name=$1 port=$2 b=$3
	shift 3
	party_start "$name-a" c0 --to "192.0.2.1:$port" --count 700 "$@"
	sleep 0.2
	party_start "$name-b" h1 --to "$b" --count 650
}

# Nothing of the caller is lost but what came before the other side was known. Of the other side only what it
# sent before it had heard the first packet from the caller's next port: that packet moved the latch before it
# left, so that nothing behind it may be lost, however slow the machine is.
expect_call() {
	local name=$1
	party_end "$name-a"
	party_end "$name-b"
	/usr/bin/python3 - "$RIG_RUN/$name-a.log" "$RIG_RUN/$name-b.log" "$RIG_RUN/outside.pcap" "$2" "$3" <<'END' ||
import json, sys
from scapy.all import UDP, rdpcap

def figures(path):
    with open(path, encoding="utf-8") as file:
        return json.loads(next(line for line in file if line.startswith("done: "))[6:])

def first_numbers(path, to):
    """Of each port in turn that the NAT gave the caller, the number of the first packet."""
    firsts, last = [], None
    for packet in rdpcap(path):
        payload = bytes(packet[UDP].payload)
        if packet[UDP].dport != to or payload[8:12] == bytes(4):  # a stranger has no SSRC
            continue
        if packet[UDP].sport != last:
            firsts.append(int.from_bytes(payload[2:4], "big"))
        last = packet[UDP].sport
    return firsts

a, b = figures(sys.argv[1]), figures(sys.argv[2])
forgets = [int(number) for number in sys.argv[5].split(",") if number]
firsts = first_numbers(sys.argv[3], int(sys.argv[4]))[1:]
assert len(firsts) == len(forgets), f"ports that begin at {firsts}"
assert a["strangers"] == b["strangers"] == 0, "heard a stranger"
assert b["heard"] == list(range(b["heard"][0], 700)) and b["heard"][0] < 100, \
    f"of a {len(b['heard'])} packets are heard, from {b['heard'][0]} on"
assert a["heard"] == sorted(set(a["heard"])), "out of order"
lost = sorted(set(range(650)) - set(a["heard"]))
gaps = []
for forget, first in zip(forgets, firsts):
    gap = [number for number in lost if forget - 5 <= b["sent_after"][number] < first]
    lost = [number for number in lost if number not in gap]
    gaps.append(len(gap))
print("packets lost at each rebinding:", gaps, "next ports begin at", firsts)
assert not lost, f"lost besides: {lost}, sent after {[b['sent_after'][n] for n in lost]}"
END
		fail "call $name"
}

# call_forgotten NAME A_PORT B_LOCAL
call_forgotten() {
	call "$@" --at "$FORGETS" \
		"ip netns exec $RIG_NAME-h0 conntrack -D -p udp --orig-port-dst $2"
}

ctl relay add --id v4 --a "port=p0,local=192.0.2.1:6000,latch=follow,allow=192.0.2.10/32" \
	--b port=p1,local=198.51.100.1:6000
ctl relay add --id v6 --a "port=p0,local=192.0.2.1:6002,latch=follow,allow=192.0.2.10/32" \
	--b 'port=p1,local=[2001:db8:1::1]:6002'
ctl relay add --id ssrc --a port=p0,local=192.0.2.1:6006,latch=follow,latch-by=ssrc \
	--b port=p1,local=198.51.100.1:6006
ctl relay add --id first --a port=p0,local=192.0.2.1:6004 --b port=p1,local=198.51.100.1:6004

# What leaves the NAT.
rig_spawn outside ip netns exec "$RIG_NAME-h0" tcpdump -U -i eth0 -w "$RIG_RUN/outside.pcap" \
	udp and dst host 192.0.2.1
rig_wait 30 grep -q '^tcpdump: listening' "$RIG_RUN/outside.log" || fail "no capture"

# Where the network of a side is known, before the call, too.
spray spray-v4 "$STRANGER" 6000 15
spray spray-v6 "$STRANGER" 6002 15
call first 6004 198.51.100.1:6004
spray spray-first "${HOST_IPV4[0]}" 6004 12
call_forgotten ssrc 6006 198.51.100.1:6006
spray spray-ssrc "$STRANGER" 6006 12
call_forgotten v4 6000 198.51.100.1:6000
call_forgotten v6 6002 '[2001:db8:1::1]:6002'
expect_call first 6004 ""
expect_call ssrc 6006 "$FORGETS"
expect_call v4 6000 "$FORGETS"
expect_call v6 6002 "$FORGETS"
expect_spray spray-v4
expect_spray spray-v6
expect_spray spray-first
expect_spray spray-ssrc

expect_latched() {
	local found
	found=$(flow_value "$1:a" "d['latched']['src'], d['latched']['moves']")
	[[ $found == "('192.0.2.10', $2)" ]] || fail "expected $2 moves of $1 to 192.0.2.10, found $found"
}
expect_latched v4 6
expect_latched v6 6
expect_latched ssrc 6
expect_latched first 1
refused=$(flow_value v4:a "d['counters']['drops'].get('source_refused', 0)")
((refused > 500)) || fail "of the strangers' packets $refused are refused"
