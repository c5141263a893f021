#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# One socket's worth of WebRTC media, distinguished by the first byte (RFC 7983): STUN is handed to
# control, DTLS is forwarded, RTP goes by SSRC and payload type, everything else is dropped.
source "$(dirname "$0")/_lib.sh"
CONSERVATION_OPTIONS=(--flows-removed --legs-vary) # legs of streams are in no list
test_begin
rig_make 2

cat >"$RIG_RUN/bundle.yaml" <<'END'
id: bundle
match: {port: p0, dst: 192.0.2.1, dst_port: 5004}
classes: {stun: punt, other: drop}
legs:
  - {port: p1, src: 198.51.100.1, src_port: 6004, dst: 198.51.100.10, dst_port: 7004}
streams:
  - ssrc: 0xbeef
    legs:
      - {port: p1, src: 198.51.100.1, src_port: 6004, dst: 198.51.100.10, dst_port: 7005}
  - payload_type: 111
    legs:
      - {port: p1, src: 198.51.100.1, src_port: 6004, dst: 198.51.100.10, dst_port: 7006}
      - {port: p1, src: 198.51.100.1, src_port: 6004, dst: 198.51.100.10, dst_port: 7007}
  - {ssrc: 0xbeef, payload_type: 111, action: drop}
END
ctl flow add --file "$RIG_RUN/bundle.yaml"

tally_start all h1 6 198.51.100.10:{7004,7005,7006,7007}
media h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5004 --count 20 stun dtls rtp:1:96 rtp:0xbeef:96 \
	rtp:1:111 rtp:0xbeef:111 rtcp:0xbeef rtcp:1 turn quic empty
tally_end all

kinds() {
	tally_value all "json.dumps(d['198.51.100.10:$1']['kinds'], sort_keys=True)"
}
expect_kinds() {
	[[ $(kinds "$1") == "$2" ]] || fail "expected at port $1 $2, found $(kinds "$1")"
}
expect_kinds 7004 '{"dtls": 20, "rtcp:0x1": 20, "rtp:0x1:96": 20}'
expect_kinds 7005 '{"rtcp:0xbeef": 20, "rtp:0xbeef:96": 20}'
expect_kinds 7006 '{"rtp:0x1:111": 20}'
expect_kinds 7007 '{"rtp:0x1:111": 20}'

expect_flow bundle "d['counters']['packets']" 220
expect_flow bundle "d['counters']['forwarded'], d['counters']['punted']" "(120, 20)"
expect_flow_drops bundle class_drop 60
expect_flow_drops bundle flow_drop 20
expect_flow bundle "[stream['packets'] for stream in d['streams']]" "[40, 20, 20]"
expect_flow bundle "[leg['sent'] for s in d['streams'] for leg in s['legs']]" "[40, 20, 20]"

# The STUN is with control, whole: the magic cookie stands where RFC 8489 has it.
[[ $(ctl --json punted | grep -c '"frame":"[0-9a-f]*000100082112a442') == 20 ]] ||
	fail "expected 20 punted binding requests, found: $(ctl punted)"
[[ $(ctl --json flow list | json_value "d['flows'][0]['streams'][0]['ssrc']") == $((0xbeef)) ]] ||
	fail "flow list does not give the streams back"
