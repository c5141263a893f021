#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 600
# nightly: boots a guest
# Two workers on NICs of two queue pairs: each queue gets the packets that RSS with the key of the profile
# leads there, computed outside, also with addresses and ports exchanged; both workers forward them, all are
# byte for byte as computed and in the order of their flows. A NIC without RSS spreads them as the hypervisor
# does. doctor names a queue that gets all packets. Where fewer receive queues are asked for than there are
# workers, none is lost.
source "$(dirname "$0")/_guest.sh"
test_begin
GUEST_CPUS=3
GUEST_RX_QUEUES=2
GUEST_NETNS=wires
FLOWS=12
NIC=virtio-net-pci,disable-legacy=on,iommu_platform=on,mq=on

# Flow I of so many: its peers have ports higher by I, and sluiced by 2 I, see nic_peer.py.
flows_make() {
	local i to0="port: p0, mac: \"${HOST_MAC[0]}\"" to1="port: p1, mac: \"${HOST_MAC[1]}\""
	echo "flows:"
	for ((i = 0; i < FLOWS; i++)); do
		flow_make "there$i" p0 "192.0.2.10:$((1000 + i))" "192.0.2.1:$((5004 + 2 * i))" \
			"$to1" "198.51.100.1:$((6004 + 2 * i))" "198.51.100.10:$((7004 + i))"
		flow_make "back$i" p1 "198.51.100.10:$((7004 + i))" "198.51.100.1:$((6004 + 2 * i))" \
			"$to0" "192.0.2.1:$((5004 + 2 * i))" "192.0.2.10:$((1000 + i))"
		flow_make "six$i" p0 "[2001:db8::10]:$((1000 + i))" "[2001:db8::1]:$((5004 + 2 * i))" \
			"$to1" "[2001:db8:1::1]:$((6004 + 2 * i))" "[2001:db8:1::10]:$((7004 + i))"
		flow_make "plain$i" p2 "203.0.113.10:$((1000 + i))" "203.0.113.1:$((5004 + 2 * i))" \
			"$to0" "192.0.2.1:$((8004 + 2 * i))" "192.0.2.10:$((9004 + i))"
	done | tr -d '[]'
}

# Of flows_make: flow_make ID PORT SRC DST LEG SRC DST
flow_make() {
	echo "- id: $1"
	echo "  match: {port: $2, src: \"${3%:*}\", src_port: ${3##*:}, dst: \"${4%:*}\", dst_port: ${4##*:}}"
	echo "  legs:"
	echo "  - {$5, src: \"${6%:*}\", src_port: ${6##*:}, dst: \"${7%:*}\", dst_port: ${7##*:}}"
}

# What p0's and p1's queues have had so far, as computed.
QUEUES=("0,0" "0,0")

# Frames of all flows, or of one, go into NIC N, and into the queues that RSS leads to:
# queues_peer N OF_NIC_PEER...
queues_peer() {
	local nic=$1 had=${QUEUES[$1]} packets
	shift
	nic_peer --in "$nic" --queues 2 "$@"
	packets=$(peer_value "'%d,%d' % tuple(d['queues'])")
	QUEUES[nic]="$((${had%,*} + ${packets%,*})),$((${had#*,} + ${packets#*,}))"
	[[ $(queues_of "p$nic") == "${QUEUES[nic]}" ]] ||
		fail "queues of p$nic: $(queues_of "p$nic"), expected ${QUEUES[nic]}: $*"
}

# Packets of a port's queues, and the workers of these: 120,180
queues_of() {
	ctl --json counters | json_value "','.join(str(q['rx_packets']) for p in d['ports'] if p['name'] == '$1'
		for q in p['queues'] if q['worker'] == q['queue'])"
}

# A setting in effect: shown PORT SETTING
shown() {
	ctl --json port show "$1" | json_value "next('%s %s' % (s['value'], s['from'])
		for s in d['port']['settings'] if s['name'] == '$2')"
}

shown_is() {
	[[ $(shown "$1" "$2") == "$3" ]] || fail "$1 has $2 $(shown "$1" "$2"), expected $3"
}

sluiced_start() {
	guest_sluiced_start
	guest_ports_up
	flows_make >"$RIG_RUN/flows.yaml"
	guest_script "cat >/run/flows.yaml <<'END'
$(cat "$RIG_RUN/flows.yaml")
END
		$GUEST_CTL flow add --file /run/flows.yaml"
}

rig_netns_add "$GUEST_NETNS"
guest_nic 0 "$NIC,rss=on"
guest_nic 1 "$NIC,rss=on"
guest_nic 2 "$NIC,rss=off"
guest_start
guest_config 3 >"$RIG_RUN/sluice.yaml"
sluiced_start <"$RIG_RUN/sluice.yaml"
shown_is p0 rx_queues "2 site"
shown_is p0 rss_types "['ipv4', 'ipv6', 'ipv4_udp', 'ipv6_udp'] profile"
shown_is p0 rss_key "6d5a profile"
shown_is p2 rss_types "[] negotiated"

queues_peer 0 --from 192.0.2.10:1000 --to 192.0.2.1:5004 --flows "$FLOWS" --count 250 \
	--leg 1,198.51.100.1:6004,198.51.100.10:7004
queues_peer 1 --from 198.51.100.10:7004 --to 198.51.100.1:6004 --flows "$FLOWS" --count 250 \
	--leg 0,192.0.2.1:5004,192.0.2.10:1000
queues_peer 0 --from "[2001:db8::10]:1000" --to "[2001:db8::1]:5004" --flows "$FLOWS" --count 250 \
	--leg "1,[2001:db8:1::1]:6004,[2001:db8:1::10]:7004"
[[ $(ctl --json info | json_value "all(w['tx_packets'] > 100 for w in d['workers'])") == True ]] ||
	fail "a worker does not forward: $(ctl workers)"

# With addresses and ports exchanged, which no flow has, it is the same queue.
queues_peer 0 --from 192.0.2.10:1000 --to 192.0.2.1:5004 --count 50 --leg 1,198.51.100.1:6004,198.51.100.10:7004
there=$(peer_value "d['queues']")
queues_peer 0 --from 192.0.2.1:5004 --to 192.0.2.10:1000 --count 50
[[ $(peer_value "d['queues']") == "$there" ]] || fail "exchanged: $(peer_value "d['queues']"), $there"

nic_peer --in 2 --from 203.0.113.10:1000 --to 203.0.113.1:5004 --flows "$FLOWS" --count 250 \
	--leg 0,192.0.2.1:8004,192.0.2.10:9004
expect_counter p2.rx_packets 250

rig_spawn flood ip netns exec "$RIG_NAME-$GUEST_NETNS" tests/system/nic_peer.py "$RIG_RUN" \
	--from 192.0.2.20:1000 --to 192.0.2.1:5004 --count 32 --seconds 120
queue_is_named() {
	[[ $(ctl --json doctor | tee "$RIG_RUN/doctor.json" |
		json_value "next(c['found'] for c in d['checks'] if c['check'] == 'queues')") == \
		*"queue "[01]" of p0 gets "[0-9]*"%, expected 50%"* ]]
}
rig_wait 90 queue_is_named || fail "doctor does not see it: $(cat "$RIG_RUN/doctor.json")"
rig_stop flood
guest_sluiced_stop

sed 's/rx_queues: 2/rx_queues: 1/' "$RIG_RUN/sluice.yaml" | sluiced_start
shown_is p0 rx_queues "2 negotiated"
nic_peer --from 192.0.2.10:1000 --to 192.0.2.1:5004 --flows "$FLOWS" --count 250 \
	--leg 1,198.51.100.1:6004,198.51.100.10:7004
nic_peer --in 2 --from 203.0.113.10:1000 --to 203.0.113.1:5004 --flows "$FLOWS" --count 250 \
	--leg 0,192.0.2.1:8004,192.0.2.10:9004
guest_sluiced_stop
