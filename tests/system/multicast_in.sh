#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Flows that match a multicast group: the kernel joins it for them (IGMPv3 and MLDv2, as a capture beyond the
# port says), for a source's channel or for any source, and leaves it with the last flow. A querier hears of it, media
# of the group is relayed to a unicast receiver and back to a group, and a group without an interface is pending.
source "$(dirname "$0")/_lib.sh"
CONSERVATION_OPTIONS=(--flows-removed)
test_begin
rig_make 2

# Reports that come out of p0 from now on: capture_start NAME
capture_start() {
	rig_spawn "capture-$1" ip netns exec "$RIG_NAME-h0" tcpdump -i eth0 -U -w "$RIG_RUN/$1.pcap" "igmp or ip6"
	rig_wait 20 grep -q "listening on" "$RIG_RUN/capture-$1.log" || fail "no capture"
}

# A pattern of TYPE\tGROUP[\tSOURCE] for a report that may have further records: tshark joins their fields by commas.
record() {
	echo "${1//'\t'/'\b[^\t]*\t[^\t]*\b'}"
}
# A record of IGMPv3: type, group and sources; 5 allows new sources, 4 is "any source", 6 blocks, 3 is "none".
igmp_said() {
	tshark -r "$RIG_RUN/$1.pcap" -Y "igmp.type == 0x22" -T fields -e igmp.record_type -e igmp.maddr -e igmp.saddr 2>/dev/null |
		grep -qP "$(record "$2")"
}
mld_said() {
	tshark -r "$RIG_RUN/$1.pcap" -Y "icmpv6.type == 143" -T fields -e icmpv6.mldr.mar.record_type \
		-e icmpv6.mldr.mar.multicast_address -e icmpv6.mldr.mar.source_address 2>/dev/null | grep -qP "$(record "$2")"
}
expect_igmp() {
	rig_wait 20 igmp_said "$1" "$2" || fail "no report '$2': $(tshark -r "$RIG_RUN/$1.pcap" 2>&1)"
}
expect_mld() {
	rig_wait 20 mld_said "$1" "$2" || fail "no report '$2': $(tshark -r "$RIG_RUN/$1.pcap" 2>&1)"
}
membership() {
	flow_value "$1" "d['membership']"
}

capture_start joins
out=port=p1,src=198.51.100.1
ctl flow add --id channel --match port=p0,src=192.0.2.10:1000,dst=232.1.1.1:5004 \
	--leg $out:6004,dst=198.51.100.10:7004,ttl=9 # it comes with TTL 1
ctl flow add --id channel2 --match port=p0,src=192.0.2.10:1001,dst=232.1.1.1:5006 --leg $out:6005,dst=198.51.100.10:7005
ctl flow add --id group --match port=p0,dst=239.1.1.1:5004 --leg $out:6006,dst=239.2.2.2:7006
ctl flow add --id six --match "port=p0,src=[2001:db8::10]:1000,dst=[ff3e::db8:1]:5004" \
	--leg "port=p1,src=[2001:db8:1::1]:6007,dst=[2001:db8:1::10]:7007"
expect_igmp joins "\b5\t232\.1\.1\.1\t192\.0\.2\.10"
expect_igmp joins "\b4\t239\.1\.1\.1"
expect_mld joins "\b5\tff3e::db8:1\t2001:db8::10"
[[ $(membership channel) == "{'state': 'joined', 'netdev': 'p0'}" ]] || fail "channel: $(membership channel)"
ctl flow show group | grep -q "^ *group  *joined on p0$" || fail "not shown: $(ctl flow show group)"

# More groups than the kernel allows one socket, and more sources of one group. In IPv6 the limit is one of
# memory, which kernels before 6.8 have for the host only.
rig_exec box sysctl -q -e -w net.core.optmem_max=2048
for i in {1..45}; do
	echo "  - {id: six$i, match: {port: p0, dst: 'ff3e::db9:$i', dst_port: 5004}, action: drop}"
	echo "  - {id: many$i, match: {port: p0, src: 192.0.2.10, src_port: 1000, dst: 232.2.0.$i, dst_port: 5004}, action: drop}"
	echo "  - {id: source$i, match: {port: p0, src: 192.0.2.$((100 + i)), src_port: 1000, dst: 232.3.0.1, dst_port: 5004}, action: drop}"
done | { echo "flows:"; cat; } >"$RIG_RUN/many.yaml"
ctl apply --yes "$RIG_RUN/many.yaml" >/dev/null || fail "many groups"
for i in {1..45}; do
	found="$(membership "many$i") $(membership "source$i") $(membership "six$i")"
	[[ $found != *pending* ]] || fail "$i: $found"
done
[[ $(rig_exec box ip -4 maddr show dev p0 | grep -c "232\.2\.0\.") == 45 ]] || fail "groups: $(rig_exec box ip maddr show dev p0)"

# Media: from the group to a receiver, and to a group.
receive_start unicast h1 --src 198.51.100.1:6004 --dst 198.51.100.10:7004 --count 50
send h0 --src 192.0.2.10:1000 --dst 232.1.1.1:5004 --count 50
receive_end unicast
expect_counter flow:channel.forwarded 50

# Those of the last flow of a group are told to leave.
capture_start leaves
ctl flow del channel
ctl flow del group
ctl flow del six
expect_igmp leaves "\b3\t239\.1\.1\.1"
expect_mld leaves "\b6\tff3e::db8:1\t2001:db8::10"
igmp_said leaves "\b6\t232\.1\.1\.1" && fail "left a channel that channel2 receives"
ctl flow del channel2
expect_igmp leaves "\b6\t232\.1\.1\.1\t192\.0\.2\.10"

# No interface of the kernel has VLAN 10: pending, and said so.
ctl flow add --id tagged --match port=p0,vlan=10,dst=239.1.1.2:5004 --action drop
[[ $(membership tagged) == *pending*"no interface for the port and its VLANs"* ]] || fail "tagged: $(membership tagged)"
ctl flow show tagged | grep -q "^ *group  *pending: " || fail "not shown: $(ctl flow show tagged)"

# An interface that is deleted takes its memberships along; that of another port stays.
ctl flow add --id other --match port=p1,dst=239.1.1.3:5004 --action drop
ip -n "$RIG_NAME-box" link del p0
deleted() {
	[[ $(membership many1) == *pending*"interface was deleted; create it and restart sluiced"* ]]
}
rig_wait 20 deleted || fail "many1: $(membership many1)"
[[ $(membership other) == *joined* ]] || fail "other: $(membership other)"
