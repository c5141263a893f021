#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Audio calls of GStreamer's rtpbin, one party behind a NAT: RTCP muxed, on the next port, and muxed from
# IPv4 to IPv6. Each party gets the other's media, sender reports, and reports on what it sends itself.
# timeout: 180
source "$(dirname "$0")/_lib.sh"
test_begin
rig_make 2
nat_add 0

caller() {
	local name=$1
	shift
	rig_spawn "$name" ip netns exec "$RIG_NAME-c0" tests/system/rtp_party.py --ssrc 1000 --peer-ssrc 2000 "$@"
}
callee() {
	local name=$1
	shift
	rig_spawn "$name" ip netns exec "$RIG_NAME-h1" tests/system/rtp_party.py --ssrc 2000 --peer-ssrc 1000 "$@"
}

# expect_heard LABEL RTP_SOURCE RTCP_SOURCE
expect_heard() {
	local found
	party_end "$1"
	found=$(sed -n 's/^done: //p' "$RIG_RUN/$1.log" | json_value "(d['rtp-from'], d['rtcp-from'],
		d['packets-received'] >= 100, d['packets-lost'] <= 0, d['have-sr'],
		d['have-rb'], d['rb-exthighestseq'] > 0, d['rb-packetslost'] <= 0, d['rb-round-trip'] > 0)")
	[[ $found == "('$2', '$3', True, True, True, True, True, True, True)" ]] ||
		fail "$1 has $found of $(grep '^done' "$RIG_RUN/$1.log")"
}

ctl relay add --id mux --a port=p0,local=192.0.2.1:6200 --b port=p1,local=198.51.100.1:6200
ctl relay add --id next --rtcp next --a port=p0,local=192.0.2.1:6210 --b port=p1,local=198.51.100.1:6210
ctl relay add --id v6 --a port=p0,local=192.0.2.1:6220 --b 'port=p1,local=[2001:db8:1::1]:6220'
caller mux-a --to 192.0.2.1:6200
callee mux-b --to 198.51.100.1:6200
caller next-a --to 192.0.2.1:6210 --rtcp-next
callee next-b --to 198.51.100.1:6210 --rtcp-next
caller v6-a --to 192.0.2.1:6220
callee v6-b --to '[2001:db8:1::1]:6220'
expect_heard mux-a 192.0.2.1:6200 192.0.2.1:6200
expect_heard mux-b 198.51.100.1:6200 198.51.100.1:6200
expect_heard next-a 192.0.2.1:6210 192.0.2.1:6211
expect_heard next-b 198.51.100.1:6210 198.51.100.1:6211
expect_heard v6-a 192.0.2.1:6220 192.0.2.1:6220
expect_heard v6-b '2001:db8:1::1:6220' '2001:db8:1::1:6220'
