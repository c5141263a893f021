#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# ICMP errors that come back for legs: a receiver without a program, one that is forbidden, a link with a small
# MTU, a TTL that ends on the path; IPv4 and IPv6, a learned leg, one leg of two. Errors that quote what no leg
# sends, a flood of them, and malformed ones do no harm.
source "$(dirname "$0")/_lib.sh"
test_begin
rig_make 2

# h2 is behind h1, by a link of MTU 1300.
rig_netns_add h2
rig_veth_add h1 eth1 h2 eth0
rig_address_add h1 eth1 203.0.113.1/24 2001:db8:2::1/64
rig_address_add h2 eth0 203.0.113.10/24 2001:db8:2::10/64
rig_exec h1 sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
# Its errors are not rationed.
rig_exec h1 sysctl -q -w net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
rig_exec h2 sysctl -q -w net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
for host in h1:eth1 h2:eth0; do
	ip -n "$RIG_NAME-${host%:*}" link set "${host#*:}" mtu 1300
done
ip -n "$RIG_NAME-h2" route add default via 203.0.113.1
ip -n "$RIG_NAME-h2" route add default via 2001:db8:2::1
ip -n "$RIG_NAME-box" route add 203.0.113.0/24 via 198.51.100.10
ip -n "$RIG_NAME-box" route add 2001:db8:2::/64 via 2001:db8:1::10

# errors FLOW LEG KIND: how many there were
errors() {
	flow_value "$1" "d['legs'][$2].get('icmp_errors', {}).get('counts', {}).get('$3', 0)"
}
errors_are() {
	[[ $(errors "$1" "$2" "$3") == "$4" ]]
}
expect_errors() {
	rig_wait 40 errors_are "$@" || fail "expected $4 $3 of leg $2 of $1: $(ctl --json flow show "$1")"
}
is_unreachable() {
	[[ $(flow_value "$1" "d['legs'][$2].get('icmp_errors', {}).get('unreachable')") == "$3" ]]
}
events_of() {
	ctl events | grep -c "$1  *$2 " || true
}

for family in 4 6; do
	if ((family == 4)); then
		from=192.0.2.10 local=192.0.2.1 out=198.51.100.1 to=198.51.100.10 behind=203.0.113.10 router=198.51.100.10
	else
		from='[2001:db8:0::10]' local='[2001:db8:0::1]' out='[2001:db8:1::1]' to='[2001:db8:1::10]'
		behind='[2001:db8:2::10]' router='[2001:db8:1::10]'
	fi
	ctl flow add --id closed$family --match "port=p0,src=$from:1000,dst=$local:5000" \
		--leg "port=p1,src=$out:6000,dst=$to:7000" --leg "port=p1,src=$out:6001,dst=$to:7001"
	ctl flow add --id small$family --match "port=p0,src=$from:1002,dst=$local:5002" \
		--leg "port=p1,src=$out:6002,dst=$behind:7002"
	ctl flow add --id far$family --match "port=p0,src=$from:1004,dst=$local:5004" \
		--leg "port=p1,src=$out:6004,dst=$behind:7004,ttl=1"

	echo "IPv$family: nobody listens to the first of two legs"
	receive_start second$family h1 --src "$out:6001" --dst "$to:7001" --count 5
	send h0 --src "$from:1000" --dst "$local:5000" --count 5
	receive_end second$family
	expect_errors closed$family 0 port_unreachable 5
	expect_errors closed$family 1 port_unreachable 0
	is_unreachable closed$family 0 True || fail "$(ctl flow show closed$family)"
	[[ $(events_of leg_unreachable closed$family) == 1 ]] || fail "$(ctl events)"
	[[ $(ctl flow show closed$family) =~ unreachable\ .*port_unreachable ]] || fail "$(ctl flow show closed$family)"

	echo "IPv$family: a link of MTU 1300"
	receive_start small$family h2 --src "$out:6002" --dst "$behind:7002" --count 0 --timeout 1
	media h0 --src "$from:1002" --dst "$local:5002" --count 3 --bytes 1380 rtp
	expect_errors small$family 0 too_big 3
	[[ $(flow_value small$family "d['legs'][0]['icmp_errors']['mtu']") == 1300 ]] ||
		fail "$(ctl --json flow show small$family)"
	is_unreachable small$family 0 False || fail "too_big says that it is unreachable"

	echo "IPv$family: the TTL ends"
	media h0 --src "$from:1004" --dst "$local:5004" --count 3 rtp
	expect_errors far$family 0 ttl_exceeded 3
	[[ "[$(flow_value far$family "d['legs'][0]['icmp_errors']['from']")]" == *"${router//[\[\]]/}"* ]] ||
		fail "$(ctl --json flow show far$family)"
done

echo "a learned leg"
ctl relay add --id call --a port=p0,local=192.0.2.1:5010 --b port=p1,local=198.51.100.1:6010,remote=198.51.100.10:7010
media h1 --src 198.51.100.10:7012 --dst 198.51.100.1:6010 --count 1 rtp
media h0 --src 192.0.2.10:1010 --dst 192.0.2.1:5010 --count 4 rtp
rig_wait 40 errors_are call:a 0 port_unreachable 4 || fail "$(ctl --json flow show call:a)"

echo "it is reachable again, and counts on when its flow is replaced"
is_reachable() {
	is_unreachable closed4 0 False
}
rig_wait 40 is_reachable || fail "$(ctl --json flow show closed4)"
[[ $(events_of leg_reachable closed4) == 1 ]] || fail "$(ctl events)"
ctl leg join closed4 --leg id=third,port=p1,src=198.51.100.1:6009,dst=198.51.100.10:7009 >/dev/null
expect_errors closed4 0 port_unreachable 5
ctl leg leave closed4 third >/dev/null

echo "errors about what no leg sends, and malformed ones"
rig_exec h1 /usr/bin/python3 - <<-'END'
	import socket, struct
	from scapy.all import IP, ICMP, UDP, Raw
	out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
	def send(quote, **icmp):
	    packet = IP(src="198.51.100.10", dst="198.51.100.1") / ICMP(type=3, code=3, **icmp) / quote
	    out.sendto(bytes(packet), ("198.51.100.1", 0))
	ours = bytes(IP(src="198.51.100.1", dst="198.51.100.10") / UDP(sport=6001, dport=7001))
	for length in range(len(ours) - 4):
	    send(Raw(ours[:length]))
	send(Raw(ours), chksum=0x1234)
	send(Raw(bytes([0x4f]) + ours[1:]))
	send(Raw(ours[:6] + struct.pack("!H", 100) + ours[8:])) # not the first fragment
	send(Raw(ours[:9] + b"\6" + ours[10:])) # TCP
	base = bytes(IP(src="198.51.100.10", dst="198.51.100.1") / ICMP(type=3, code=3) / Raw(ours))
	for port in range(20000): # each about another port, its checksum updated (RFC 1624)
	    sport = struct.unpack_from("!H", ours, 20)[0]
	    total = (~struct.unpack_from("!H", base, 22)[0] & 0xffff) + (~sport & 0xffff) + port + 10000
	    total = (total & 0xffff) + (total >> 16)
	    total = (total & 0xffff) + (total >> 16)
	    quote = base[28:48] + struct.pack("!H", port + 10000) + base[50:]
	    out.sendto(base[:22] + struct.pack("!H", ~total & 0xffff) + base[24:28] + quote, ("198.51.100.1", 0))
END
# What the sockets had no room for is not seen at all.
info() {
	ctl --json info | json_value "d['icmp_errors']['$1']"
}
settled() {
	local before
	before=$(ctl --json info | json_value "d['icmp_errors']")
	sleep 2
	[[ $before == "$(ctl --json info | json_value "d['icmp_errors']")" ]]
}
rig_wait 20 settled || fail "errors without an end"
(($(info received) > 100 && $(info unmatched) + $(info lost) > 50)) || fail "$(ctl --json info)"
expect_errors closed4 1 port_unreachable 0
