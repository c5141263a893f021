#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A call of sipp, which plays audio from a capture: signalling goes past the box, and has the relay's
# addresses in its session descriptions. The callee echoes: the caller, behind a NAT, gets back what it sent.
# timeout: 180
source "$(dirname "$0")/_lib.sh"
test_begin
rig_make 2
nat_add 0
rig_veth_add h1 signal c0 signal
rig_address_add h1 signal 10.9.0.1/24
rig_address_add c0 signal 10.9.0.2/24
AUDIO=/usr/share/sip-tester/g711a.pcap

# The scenarios that sipp has, with our addresses. It takes the port to play from from the line that has
# the word audio and the keyword.
scenario() {
	sipp -sd "$1" || (($? == 99)) # its exit code then
}
scenario uac_pcap | sed -e 's/c=IN IP.*/c=IN IP4 198.51.100.1/' \
	-e 's/m=audio \[auto_media_port\]\(.*\)/m=audio 6400\1\n      a=x-audio:[auto_media_port]/' \
	-e "s,pcap/,${AUDIO%/*}/,g" >"$RIG_RUN/caller.xml"
scenario uas | sed -e 's/c=IN IP.*/c=IN IP4 192.0.2.1/' \
	-e 's/m=audio \[media_port\] RTP.AVP 0/m=audio 6400 RTP\/AVP 8/' \
	-e 's/rtpmap:0 PCMU/rtpmap:8 PCMA/' >"$RIG_RUN/callee.xml"

ctl relay add --id call --a port=p0,local=192.0.2.1:6400 \
	--b port=p1,local=198.51.100.1:6400,remote=198.51.100.10:7000
rig_spawn heard ip netns exec "$RIG_NAME-c0" tcpdump -U -i eth0 -w "$RIG_RUN/heard.pcap" udp and src 192.0.2.1
rig_wait 30 grep -q '^tcpdump: listening' "$RIG_RUN/heard.log" || fail "no capture"
rig_spawn callee ip netns exec "$RIG_NAME-h1" sipp -sf "$RIG_RUN/callee.xml" -i 10.9.0.1 -p 5060 -m 1 \
	-nostdin -mi 198.51.100.10 -mp 7000 -rtp_echo
sleep 1
rig_run caller ip netns exec "$RIG_NAME-c0" sipp -sf "$RIG_RUN/caller.xml" -i 10.9.0.2 -p 5060 -m 1 \
	-nostdin -mi 10.0.0.2 -mp 7200 -timeout 60 -timeout_error 10.9.0.1:5060 >"$RIG_RUN/caller.log" 2>&1 ||
	fail "the call failed"
/usr/bin/python3 - "$RIG_RUN/heard.pcap" "$AUDIO" <<'END' || fail "the audio that came back is other"
import sys
from scapy.all import UDP, rdpcap
heard, played = ([bytes(p[UDP].payload) for p in rdpcap(path) if UDP in p] for path in sys.argv[1:])
print("played", len(played), "heard", len(heard))
assert len(played) > 100 and heard[:len(played)] == played
END
