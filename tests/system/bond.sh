#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 300
# A port of two devices by LACP (net_bonding, two veth pairs over AF_XDP), with a partner that speaks LACP: a
# leg sends by it, survives the loss of the member that carries it, and the loss of both is that of the port.
# What cannot be a bond is refused.
source "$(dirname "$0")/_lib.sh"
test_begin
topology_make 1
box=$RIG_NAME-box
rig_netns_add h1
for i in 0 1; do
	rig_veth_add box "m$i" h1 "eth$i"
	rig_exec box sysctl -qw "net.ipv6.conf.m$i.disable_ipv6=1"
	rig_exec h1 sysctl -qw "net.ipv6.conf.eth$i.disable_ipv6=1"
done

# config_bond MODE MEMBER...: the port b0 of these
config_bond() {
	local mode=$1
	shift
	config_af_xdp sluiced 1
	echo "  - {name: b0, bond: {mode: $mode, members: [$(printf '"%s", ' "$@")]}}"
}

# What is refused, with the field and the reason: refused TEXT MODE MEMBER...
refused() {
	local text=$1
	shift
	config_bond "$@" >"$RIG_RUN/bad.yaml"
	if rig_exec box "$(rig_built sluiced)" --config "$RIG_RUN/bad.yaml" >"$RIG_RUN/bad.log" 2>&1; then
		fail "accepted: $*"
	fi
	grep -q "$text" "$RIG_RUN/bad.log" || fail "expected $text: $(cat "$RIG_RUN/bad.log")"
}
m0=net_af_xdp1,iface=m0 m1=net_af_xdp2,iface=m1
refused "/ports/1/bond/members/0: found $m0, expected a PCI device, or mode 802.3ad" active-backup $m0 $m1
refused "/ports/1/bond/members/1: found net_af_xdp3,iface=m0, which /ports/1 has" 802.3ad $m0 net_af_xdp3,iface=m0
refused "/ports/1/bond/members/0: found net_af_xdp3,iface=p0, which /ports/0 has" 802.3ad net_af_xdp3,iface=p0 $m1
refused "port b0: interface m7: .*: No such device" 802.3ad $m0 net_af_xdp2,iface=m7
ip -n "$box" link set m1 mtu 1400
refused "/ports/1/bond/members/1: found MTU 1400, expected 1500" 802.3ad $m0 $m1
ip -n "$box" link set m1 mtu 1500

# A value of each member: members KEY
members() {
	ctl --json port list |
		json_value "' '.join(str(m['$1']) for p in d['ports'] if p['name'] == 'b0' for m in p['bond']['members'])"
}

active_are() {
	[[ $(members active) == "$1" ]]
}

wait_active() {
	rig_wait 100 active_are "$1" || fail "active members: expected $1, found $(members active)"
}

port_link_is() {
	[[ $(ctl --json port list | json_value "[p['link_up'] for p in d['ports'] if p['name'] == 'b0'][0]") == "$1" ]]
}

# What has arrived since the last call, as JSON in PHASE
phase_end() {
	local before
	before=$(grep -c '^phase' "$RIG_RUN/partner.log" || true)
	kill -USR1 "$PARTNER_PID"
	rig_wait 30 phase_told "$before" || fail "the partner does not answer"
	PHASE=$(sed -n 's/^phase: //p' "$RIG_RUN/partner.log" | tail -n 1)
}

phase_told() {
	(($(grep -c '^phase' "$RIG_RUN/partner.log") > $1))
}

# The sum of what was lost since the phase began, in LOST; what arrives at present, in CARRIER: 0 or 1
arrives() {
	phase_end
	LOST=$((LOST + $(json_value "d['lost']" <<<"$PHASE")))
	(($(json_value "d['twice']" <<<"$PHASE") == 0)) || fail "packets came twice: $PHASE"
	CARRIER=$(json_value "d['received'].index(max(d['received']))" <<<"$PHASE")
	(($(json_value "max(d['received'])" <<<"$PHASE") >= 100))
}

# Media arrives, and was lost at most so much since this was called the last time: expect_media WHAT LOST_MAX
expect_media() {
	rig_wait 30 arrives || fail "$1: no media: $PHASE"
	rig_wait 30 arrives || fail "$1: no media: $PHASE"
	echo "$1: $LOST lost, by member $CARRIER"
	((LOST <= $2)) || fail "$1: expected $2 lost at most, found $LOST"
	LOST=0
}

logged() {
	grep -q "$1" "$RIG_RUN/sluiced.log"
}

config_bond 802.3ad $m0 $m1 | sluiced_start sluiced
wait_active "False False" # no partner yet
rig_spawn partner ip netns exec "$RIG_NAME-h1" tests/system/lacp_partner.py eth0 eth1 --port 7004
PARTNER_PID=$RIG_PID
rig_wait 30 grep -q '^ready' "$RIG_RUN/partner.log" || fail "no partner"
wait_active "True True"
[[ $(members partner) == "02:00:00:00:10:01 02:00:00:00:10:01" ]] || fail "partner: $(members partner)"
ctl flow add --id up --match port=p0,src=192.0.2.10:1000,dst=192.0.2.1:5004 \
	--leg "port=b0,src=198.51.100.1:6004,dst=198.51.100.10:7004,mac=02:00:00:00:10:01"

# One flow keeps to one member: a datagram a millisecond, or less.
LOST=0
rig_spawn media ip netns exec "$RIG_NAME-h0" tests/system/paced.py send "192.0.2.10:1000>192.0.2.1:5004"
expect_media "two members" 0
(($(json_value "min(d['received'])" <<<"$PHASE") == 0)) || fail "the flow goes by both: $PHASE"

# The one that carries it loses its link. Long before LACP finds that out, in 90 s, all goes by the other.
lost_member=$CARRIER
ip -n "$RIG_NAME-h1" link set "eth$lost_member" down
if ((lost_member == 0)); then wait_active "False True"; else wait_active "True False"; fi
expect_media "a member is lost" 300
((CARRIER != lost_member)) || fail "by the lost member: $PHASE"
port_link_is True || fail "the port went down with one member"
rig_wait 20 logged "warning: port b0: member net_af_xdp$((lost_member + 1)) of the bond is not active: its link is down" ||
	fail "the loss is not logged"

# It returns, and nothing is lost.
ip -n "$RIG_NAME-h1" link set "eth$lost_member" up
wait_active "True True"
expect_media "it is back" 0
((CARRIER == lost_member)) || fail "not by the member that is back: $PHASE"

# Without both the port is down, and comes back.
ip -n "$RIG_NAME-h1" link set eth0 down
ip -n "$RIG_NAME-h1" link set eth1 down
rig_wait 50 port_link_is False || fail "the port stays up"
ip -n "$RIG_NAME-h1" link set eth0 up
ip -n "$RIG_NAME-h1" link set eth1 up
rig_wait 100 port_link_is True || fail "the port stays down"
wait_active "True True"
expect_media "both are back" 1000000
expect_media "and carry it" 0
rig_stop media
