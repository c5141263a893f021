#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Latches that only some packets open and move: by the SSRC, an attacker from elsewhere moves nothing and
# hears nothing, and the real side that rebinds is followed at its first packet; by STUN, RTP from another
# port does not move the latch, a binding request does. A source that is not allowed any more is forgotten.
source "$(dirname "$0")/_lib.sh"
CONSERVATION_OPTIONS=(--flows-removed)
test_begin
STATE_PATH=$RIG_RUN/state.db
rig_make 2
rig_address_add h0 eth0 192.0.2.66/24

b() {
	echo "port=p1,local=198.51.100.1:$1,remote=198.51.100.10:$1"
}

latched() {
	flow_value "$1:a" "(d['latched']['src'], d['latched']['src_port'], d['latched']['moves'],
		d['latched'].get('ssrc')) if d['latched'] else None"
}

expect_latched() {
	[[ $(latched "$1") == "$2" ]] || fail "expected side a of $1 to have $2, found $(latched "$1")"
}

# To the local port of side a of call, from an address and port.
says() {
	local from=$1 count=$2
	shift 2
	media h0 --src "$from" --dst 192.0.2.1:6000 --count "$count" "$@"
}

answers() {
	media h1 --src 198.51.100.10:6000 --dst 198.51.100.1:6000 --count "$1" rtp:0xb
}

expect_exit 2 ctl flow add --id open --match port=p0,dst=192.0.2.1:5004 --latch-by stun \
	--leg port=p1,src=198.51.100.1:6004,dst=198.51.100.10:7004
expect_exit 2 ctl relay add --id call --a port=p0,local=192.0.2.1:6000,latch-by=stun,classes=stun=drop \
	--b "$(b 6000)"
ctl relay add --id call --b "$(b 6000)" \
	--a port=p0,local=192.0.2.1:6000,latch=follow,latch-by=ssrc,latch-interval-ms=0
tally_start caller h0 30 192.0.2.10:4000 192.0.2.10:4001 192.0.2.66:6666
tally_start callee h1 30 198.51.100.10:6000

# Nothing but RTP is learned from.
says 192.0.2.66:6666 5 stun dtls rtcp:0xa empty
expect_latched call None
says 192.0.2.10:4000 10 rtp:0xa
expect_latched call "('192.0.2.10', 4000, 1, 10)"
ctl flow show call:a | grep -q '^latched   192.0.2.10:4000, learned 1 time, SSRC 0x0000000a$' ||
	fail "flow show shows $(ctl flow show call:a)"

# An attacker sprays the port; what the callee says is heard by the caller alone.
says 192.0.2.66:6666 50 rtp:0xbad stun rtcp:0xa dtls
expect_latched call "('192.0.2.10', 4000, 1, 10)"
expect_flow_drops call:a source_refused $((20 + 200))
answers 10

# The caller has other ports, each heard from its first packet on; and another SSRC, which is remembered when
# the former has been silent for a second.
says 192.0.2.10:4001 1 rtp:0xa
expect_latched call "('192.0.2.10', 4001, 2, 10)"
answers 10
sleep 1.1
says 192.0.2.10:4001 1 rtp:0xc
expect_latched call "('192.0.2.10', 4001, 2, 12)"
says 192.0.2.66:6666 5 rtp:0xa
says 192.0.2.10:4000 1 rtp:0xc
expect_latched call "('192.0.2.10', 4000, 3, 12)"
answers 10
expect_flow_drops call:a source_refused $((20 + 200 + 5))
ctl relay show call | grep -Eq '^a .* follow by ssrc$' || fail "relay show: $(ctl relay show call)"

# From another network, once that is all that is allowed: the caller is forgotten.
ctl relay update --id call --b "$(b 6000)" \
	--a port=p0,local=192.0.2.1:6000,latch=follow,latch-by=ssrc,latch-interval-ms=0,allow=203.0.113.0/24
forgotten() {
	[[ $(latched call) == None ]]
}
rig_wait 10 forgotten || fail "side a has still learned $(latched call)"
ctl events | grep -q 'flow_forgotten' || fail "no event says so: $(ctl events)"

tally_end caller
tally_end callee
expect_tally caller "[d.get(end, {}).get('packets', 0) for end in
	('192.0.2.10:4000', '192.0.2.10:4001', '192.0.2.66:6666')]" "[20, 10, 0]"
expect_tally callee "d['198.51.100.10:6000']['kinds']" \
	"{'rtp:0xa:96': 11, 'rtp:0xc:96': 2}"
ctl relay del call

# By STUN.
ctl relay add --id call --b "$(b 6000)" \
	--a port=p0,local=192.0.2.1:6000,latch=follow,latch-by=stun,latch-interval-ms=0
says 192.0.2.10:4000 1 rtp:0xa
expect_latched call None
says 192.0.2.10:4000 1 stun rtp:0xa
expect_latched call "('192.0.2.10', 4000, 1, None)"
says 192.0.2.10:4001 20 rtp:0xa
expect_latched call "('192.0.2.10', 4000, 1, None)"
says 192.0.2.10:4001 1 stun
expect_latched call "('192.0.2.10', 4001, 2, None)"
says 192.0.2.10:4001 5 rtp:0xa
expect_flow_drops call:a source_refused 21
ctl relay del call >/dev/null

# A trial of another policy that ends unconfirmed: the source, its SSRC and how often it moved stay, and the
# former policy judges again.
policy() {
	cat <<-END
		relays:
		- id: call
		  a: {port: p0, local: 192.0.2.1, local_port: 6000, $1}
		  b: {port: p1, local: 198.51.100.1, local_port: 6000, remote: 198.51.100.10, remote_port: 6000}
	END
}
policy 'latch: follow, latch_by: ssrc, latch_interval_ms: 0' >"$RIG_RUN/ssrc.yaml"
policy 'latch: first' >"$RIG_RUN/first.yaml"
ctl apply "$RIG_RUN/ssrc.yaml" --yes >/dev/null
says 192.0.2.10:4000 1 rtp:0xa
expect_latched call "('192.0.2.10', 4000, 1, 10)"
ctl apply "$RIG_RUN/first.yaml" --yes --confirm-within 3s >/dev/null
expect_latched call "('192.0.2.10', 4000, 1, None)"
says 192.0.2.10:4001 1 rtp:0xa
expect_latched call "('192.0.2.10', 4000, 1, None)"
is_rolled_back() {
	[[ $(flow_value call:a "d['flow']['latch']") == follow ]]
}
rig_wait 20 is_rolled_back || fail "the trial does not end: $(ctl history)"
expect_latched call "('192.0.2.10', 4000, 1, 10)"
says 192.0.2.66:6666 1 rtp:0xbad
says 192.0.2.10:4001 1 rtp:0xa
expect_latched call "('192.0.2.10', 4001, 2, 10)"
ctl relay del call >/dev/null

# STUN goes to a program that checks it, which lets in who has passed by `allow`: STUN and RTP of a stranger
# move nothing, and the side is followed to another address.
admit() {
	ctl relay "$1" --id call --b "$(b 6000)" --a "port=p0,local=192.0.2.1:6000,classes=stun=punt,allow=$2/32" \
		>/dev/null
}
admit add 192.0.2.255
says 192.0.2.10:4000 1 stun rtp:0xa
expect_latched call None
admit update 192.0.2.10
says 192.0.2.66:6666 5 stun rtp:0xbad
expect_latched call None
says 192.0.2.10:4000 1 stun rtp:0xa
expect_latched call "('192.0.2.10', 4000, 1, None)"
admit update 192.0.2.66
rig_wait 10 forgotten || fail "side a has still learned $(latched call)"
says 192.0.2.10:4000 1 stun rtp:0xa
expect_latched call None
says 192.0.2.66:6666 1 rtp:0xa
expect_latched call "('192.0.2.66', 6666, 2, None)"
