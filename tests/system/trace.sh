#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What a trace foretells is what the wire then carries, byte by byte: relayed, replicated, policed
# per leg, translated both ways. Tracing changes no counter, and the drops that it names are those
# that are counted. tshark finds nothing wrong in the frames foretold.
source "$(dirname "$0")/_lib.sh"
CONSERVATION_OPTIONS=(--legs-vary) # one is down
test_begin
rig_make 3

v4='port=p1,src=198.51.100.1:6004,dst=198.51.100.10:7004'
v6='port=p1,src=[2001:db8:1::1]:6004,dst=[2001:db8:1::10]:7004'
wall4='port=p2,src=203.0.113.1:6004,dst=203.0.113.10:7004'
wall6='port=p2,src=[2001:db8:2::1]:6004,dst=[2001:db8:2::10]:7004'

# Relayed; replicated, with fields that are set; translated; dropped by class.
ctl flow add --id relay4 --match port=p0,src=192.0.2.10:1000,dst=192.0.2.1:5004 --leg "$v4"
ctl flow add --id relay6 --match 'port=p0,dst=[2001:db8:0::1]:5004' --leg "$v6"
ctl flow add --id three4 --match port=p0,dst=192.0.2.1:5006 --latch first \
	--leg "$v4" --leg "$wall4,dscp=34,ttl=200" --leg "${v4/7004/7005},admin=down" \
	--leg "${wall4/7004/7005}"
ctl flow add --id three6 --match 'port=p0,dst=[2001:db8:0::1]:5006' \
	--leg "$v6,dscp=10" --leg "$wall6" --leg "${wall6/7004/7005},ttl=9"
ctl flow add --id up --match port=p0,dst=192.0.2.1:5008 --leg "$v6" --leg "$wall6"
ctl flow add --id down --match 'port=p0,dst=[2001:db8:0::1]:5008' --leg "$v4,dscp=0"
ctl flow add --id both --rule priority=1,port=p0,family=4,dst-ports=5010-5011 --leg "$v4" --leg "$v6"
ctl flow add --id classes --match port=p0,dst=192.0.2.1:5012 --classes rtp=drop --leg "$v4"

tests/system/trace.py make "$RIG_RUN/in.pcap" "${BOX_MAC[0]}"
# Without what the kernel counts: ARP and neighbour discovery go on meanwhile.
counters() {
	ctl --json counters --flows | json_value "d['flows'], [{key: port[key] for key in port
		if key not in ('steering', 'interface')} for port in d['ports']]"
}

before=$(counters)
ctl --json trace p0 --pcap "$RIG_RUN/in.pcap" --count 1000 >"$RIG_RUN/traces.json"
[[ $(counters) == "$before" ]] || fail "tracing has changed counters"
expect_flow three4 "d['latched']" None

for i in 1 2; do
	rig_spawn "capture$i" ip netns exec "$RIG_NAME-h$i" tcpdump -i eth0 -s 0 -U -n \
		-w "$RIG_RUN/out$i.pcap" -Z root udp and dst portrange 7004-7005
	rig_wait 30 grep -q 'listening on' "$RIG_RUN/capture$i.log" || fail "no capture behind p$i"
done
rig_exec h0 tests/system/trace.py send "$RIG_RUN/in.pcap" eth0

# As many as were foretold must have left, and no more than that, also when all is counted.
foretold() {
	json_value "sum(leg['outcome'] == 'sent' and leg['port'] == '$1'
		for trace in d['packets'] for leg in trace['legs'])" <"$RIG_RUN/traces.json"
}
captured() {
	(($(tcpdump -r "$RIG_RUN/out$1.pcap" | wc -l) >= $(foretold "p$1")))
}
for i in 1 2; do
	expect_counter "p$i.tx_packets" "$(foretold "p$i")"
	rig_wait 30 captured "$i" || fail "the capture behind p$i has too few packets"
done
for i in 1 2; do
	rig_stop "capture$i" INT
	tests/system/trace.py compare "$RIG_RUN/traces.json" "p$i" "$RIG_RUN/out$i.pcap" ||
		fail "p$i: the wire carried something else"
done

# What was foretold to be dropped was, by those names.
dropped() {
	json_value "sum(s.get('reason') == '$1' for t in d['packets'] for s in t['stages'] + t['legs'])" \
		<"$RIG_RUN/traces.json"
}
(($(dropped ttl_expired) == 1 && $(dropped class_drop) > 1)) || fail "nothing foretold to be dropped"
expect_counter p1.drops.ttl_expired "$(dropped ttl_expired)"
expect_flow_drops classes class_drop "$(dropped class_drop)"
for i in 1 2; do
	[[ $(counter_read "p$i.tx_packets") == "$(foretold "p$i")" ]] || fail "p$i sent more later"
done
expect_flow three4 "d['latched']['src']" 192.0.2.10

tests/system/trace.py write "$RIG_RUN/traces.json" "$RIG_RUN/foretold.pcap"
wrong=$(tshark -r "$RIG_RUN/foretold.pcap" -o ip.check_checksum:TRUE -o udp.check_checksum:TRUE \
	-Y '_ws.malformed || ip.checksum.status == 0 || udp.checksum.status == 0' 2>/dev/null)
[[ -z $wrong ]] || fail "tshark finds in what was foretold: $wrong"

# The story of each, for people: no line is wider than a terminal.
wide=$(ctl trace p0 --pcap "$RIG_RUN/in.pcap" --count 1000 | grep -E '.{81}' || true)
[[ -z $wide ]] || fail "wider than 80 columns: $wide"
