#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The box is a host like others while it relays: ping and traceroute reach its addresses by the kernel,
# on the ports that Sluice has. Media is not interrupted when the neighbours are flushed, and returns by
# itself when the egress link, or its interface, was down, IPv4 and IPv6.
source "$(dirname "$0")/_routing.sh"
# A kernel tells of a link a second after the last change of it at the latest, and a neighbour is asked again
# after a second; the rest is for a busy machine.
RETURN_MS_MAX=4000
test_begin
topology_make 2
box=$RIG_NAME-box
for i in 0 1; do
	ip -n "$RIG_NAME-h$i" route add default via "${BOX_IPV4[i]}"
	ip -n "$RIG_NAME-h$i" route add default via "${BOX_IPV6[i]}"
done
rig_exec box sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
# IPv6 addresses stay when the interface is taken down, as those of IPv4 do.
rig_exec box sysctl -qw net.ipv6.conf.p1.keep_addr_on_down=1
rig_exec h1 sysctl -qw net.ipv6.conf.eth0.keep_addr_on_down=1
config_af_xdp sluiced 2 | sluiced_start sluiced
ctl flow add --id four --match port=p0,dst=192.0.2.1:5004 \
	--leg port=p1,src=198.51.100.1:6004,dst=198.51.100.10:7004 >/dev/null
ctl flow add --id six --match 'port=p0,dst=[2001:db8::1]:5004' \
	--leg 'port=p1,src=[2001:db8:1::1]:6004,dst=[2001:db8:1::10]:7004' >/dev/null
paced_start h0 h1 "192.0.2.10:1000>192.0.2.1:5004@198.51.100.10:7004" \
	"[2001:db8::10]:1000>[2001:db8::1]:5004@[2001:db8:1::10]:7004"

# To the box, and through it; the first UDP port of traceroute is one that the kernel does not have.
for to in 192.0.2.1 2001:db8::1 198.51.100.10 2001:db8:1::10; do
	rig_exec h0 ping -q -c 5 -i 0.05 -W 5 "$to" >"$RIG_RUN/ping.log" || fail "$(cat "$RIG_RUN/ping.log")"
done

# The routers that traceroute finds: hops TO
hops() {
	rig_exec h0 traceroute -n -q 1 -w 5 -m 5 "$1" >"$RIG_RUN/traceroute.log" 2>&1 ||
		fail "$(cat "$RIG_RUN/traceroute.log")"
	awk 'NR > 1 { print $2 }' "$RIG_RUN/traceroute.log" | tr '\n' ' '
}

# hops_expect TO ROUTER...
hops_expect() {
	[[ $(hops "$1") == "${*:2} " ]] || fail "to $1: expected ${*:2}, found $(cat "$RIG_RUN/traceroute.log")"
}

hops_expect 192.0.2.1 192.0.2.1
hops_expect 2001:db8::1 2001:db8::1
hops_expect 198.51.100.10 192.0.2.1 198.51.100.10
hops_expect 2001:db8:1::10 2001:db8::1 2001:db8:1::10
paced_expect "ping and traceroute" 0

# ip ends with an error if there are neighbours after ten rounds: they are resolved again at once.
for ((i = 0; i < 20; i++)); do
	ip -n "$box" neigh flush all >"$RIG_RUN/flush.log" 2>&1 || true
	sleep 0.05
done
paced_expect "20 times neigh flush all" 0

# Media returns by itself, and soon, when what was down is up again: flap WHAT NAMESPACE INTERFACE
flap() {
	local down_us up_us
	down_us=${EPOCHREALTIME/./}
	ip -n "$RIG_NAME-$2" link set "$3" down
	sleep 0.5
	ip -n "$RIG_NAME-$2" link set "$3" up
	up_us=${EPOCHREALTIME/./}
	paced_expect "$1 for $(((up_us - down_us) / 1000)) ms" $(((up_us - down_us) / 1000 + RETURN_MS_MAX))
	[[ $(json_value "all(s['lost'] for s in d.values())" <<<"$PACED") == True ]] || fail "$1: nothing was lost"
}

flap "the egress interface is down" box p1
flap "the link of the egress is down" h1 eth0
