#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# FRR in the box learns routes over two gateways by BGP and BFD: IPv4, IPv6, and IPv4 by IPv6 next hops
# (RFC 8950). zebra writes next-hop objects, and legs follow: media is not interrupted when a route is
# withdrawn or announced, or when both gateways share the legs. If a gateway falls silent without a
# link going down, what BFD needs to find out is lost, and no more. The service address is announced while
# sluiced is ready.
source "$(dirname "$0")/_routing.sh"
BFD_LOST_MAX=4000 # ms, one packet each: 900 of BFD, and what the daemons of a busy machine take
FLOWS=6
test_begin
gateways_make
config_af_xdp sluiced 2 | sluiced_start sluiced

# Daemons of FRR in a host, with a configuration: frr_start HOST CONFIG
frr_start() {
	local run=$RIG_RUN/frr-$1 daemon
	mkdir -m 0755 "$run"
	chown frr:frr "$run"
	for daemon in zebra bfdd bgpd; do
		local more=()
		[[ $daemon != bfdd ]] || more=(--bfdctl "$run/bfdd.sock")
		[[ $daemon != bgpd ]] || more=(--bgp_port 179)
		: >"$run/$daemon.conf"
		rig_spawn "$daemon-$1" ip netns exec "$RIG_NAME-$1" "/usr/lib/frr/$daemon" --log stdout \
			-f "$run/$daemon.conf" -z "$run/zserv.api" -i "$run/$daemon.pid" -P 0 \
			--vty_socket "$run" "${more[@]}"
		rig_wait 30 test -S "$run/$daemon.vty" || fail "$daemon of $1 does not start"
	done
	: >"$run/vtysh.conf"
	vty "$1" -f "$2"
}

# vtysh in a host: vty HOST ARGUMENTS...
vty() {
	vtysh --vty_socket "$RIG_RUN/frr-$1" --config_dir "$RIG_RUN/frr-$1" "${@:2}" \
		>"$RIG_RUN/vtysh.log" 2>&1 || fail "vtysh: $(cat "$RIG_RUN/vtysh.log")"
}

# Announce with that MED from now on: gateway_med I MED
gateway_med() {
	local name options=()
	for name in four five six; do
		options+=(-c "route-map $name permit 10" -c "set metric $2" -c exit)
	done
	vty "g$1" -c "configure terminal" "${options[@]}"
}

# Announce what is behind a gateway, or withdraw it: gateway_networks I [no]
gateway_networks() {
	vty "g$1" -c "configure terminal" -c "router bgp" \
		-c "address-family ipv4 unicast" -c "${2-} network 203.0.113.0/24" -c "${2-} network 198.18.5.0/24" \
		-c exit -c "address-family ipv6 unicast" -c "${2-} network 2001:db8:9::/48"
}

for i in 1 2; do
	sed "s/ROUTER/$i/; s/MED/$(((i - 1) * 100))/" tests/system/frr_gateway.conf >"$RIG_RUN/g$i.conf"
	frr_start "g$i" "$RIG_RUN/g$i.conf"
done
frr_start box docs/examples/frr/frr.conf

# What systemd does when sluiced is ready, and when it has ended: service_run KEY
service_run() {
	local command
	while read -r -a command; do
		rig_exec box "${command[@]}"
	done < <(sed -n "s/^$1=-\{0,1\}+//p" docs/examples/frr/sluiced-anycast.conf)
}

# A gateway has routes to so many of the service addresses: service_routes I COUNT
service_routes() {
	(($(ip -o -n "$RIG_NAME-g$1" route show 192.0.2.100 proto bgp | wc -l) +
		$(ip -o -n "$RIG_NAME-g$1" -6 route show 2001:db8::100 proto bgp | wc -l) == $2))
}

service_run ExecStartPost
for i in 1 2; do
	rig_wait 30 service_routes "$i" 2 || fail "g$i: $(ip -n "$RIG_NAME-g$i" route)"
done
media_make $FLOWS four five six
wait_by $MAC1
[[ $(hop_value four0 address) == 198.51.100.21 ]] || fail "four0 is by $(hop_value four0 address)"
[[ $(hop_value five0 address) == fe80::* ]] || fail "five0 is by $(hop_value five0 address)"
paced_start h0 r "${STREAMS[@]}"

gateway_networks 1 no
wait_by $MAC2
paced_expect "the better routes are withdrawn" 0
gateway_networks 1
wait_by $MAC1
paced_expect "they are announced again" 0

gateway_med 2 0
wait_by $MAC1 $MAC2
paced_expect "both gateways share the legs" 0
ip -n "$RIG_NAME-sw" link set g1 down
wait_by $MAC2
paced_expect "a gateway of two falls silent" $BFD_LOST_MAX
ip -n "$RIG_NAME-sw" link set g1 up
wait_by $MAC1 $MAC2
paced_expect "it is back" 0

gateway_med 1 100
wait_by $MAC2
paced_expect "the other one becomes the better" 0
ip -n "$RIG_NAME-sw" link set g2 down
wait_by $MAC1
paced_expect "it falls silent" $BFD_LOST_MAX

service_run ExecStopPost
rig_wait 30 service_routes 1 0 || fail "the service is still announced"
