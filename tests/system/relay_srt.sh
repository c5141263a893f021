#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# SRT through relays, with a NAT before one side and 2 % loss both ways: live mode from the caller and to it,
# two peers that meet (rendezvous), and file mode, to a listener in IPv6. What arrives is the same file, and
# live senders sent packets again for that. RELAY_SRT_SECONDS is how much MPEG-TS each of them sends, 60 nightly.
# timeout: 240
source "$(dirname "$0")/_lib.sh"
test_begin
SECONDS_OF_MEDIA=${RELAY_SRT_SECONDS:-10}
rig_make 2
nat_add 0
# Not of handshakes, whose first 16 bits are these: a listener of libsrt 1.5 that has accepted a caller does not
# answer its handshake again, so a connection whose last reply was lost comes to nothing.
nat_loss 0 50 "@th,64,16 != 0x8000"

media=$RIG_RUN/media.ts
ffmpeg -loglevel error -f lavfi -i "testsrc2=size=320x240:rate=25" -f lavfi -i sine -t "$SECONDS_OF_MEDIA" \
	-c:v mpeg2video -c:a mp2 -b:v 800k -muxrate 1200k -f mpegts "$media"

# In live mode the sender's input has the pace of the media, begins when the sender is connected, as its log
# says, and stays open until the receiver has it all. Null packets follow, as the receiver writes blocks.
cat >"$RIG_RUN/pace.py" <<'END'
import pathlib, re, sys, time
CHUNK_BYTES, RATE_BPS = 1316, 1200000
while not re.search("^(SRT target connected|Accepted SRT target)", pathlib.Path(sys.argv[2]).read_text(), re.M):
    time.sleep(0.1)
begun = time.monotonic()
with open(sys.argv[1], "rb") as media:
    for number, chunk in enumerate(iter(lambda: media.read(CHUNK_BYTES), b"")):
        time.sleep(max(0, begun + number * CHUNK_BYTES * 8 / RATE_BPS - time.monotonic()))
        sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
    sys.stdout.buffer.write((b"\x47\x1f\xff\x10" + bytes(184)) * 7 * 20)
    sys.stdout.buffer.flush()
time.sleep(600)
END

# live_send LABEL HOST URI, live_receive LABEL HOST URI. Nothing is given up for being late.
LIVE='latency=1000&tlpktdrop=0'
live_send() {
	rig_spawn "$1" ip netns exec "$RIG_NAME-$2" bash -c "
		exec srt-live-transmit -v -chunk 1316 -stats 100 -statspf json -statsout '$RIG_RUN/$1.stats' \
			file://con '$3&$LIVE' < <(exec /usr/bin/python3 '$RIG_RUN/pace.py' '$media' '$RIG_RUN/$1.log')"
}
live_receive() {
	rig_spawn "$1" ip netns exec "$RIG_NAME-$2" bash -c "
		exec srt-live-transmit -v -chunk 1316 '$3&$LIVE' file://con >'$RIG_RUN/$1.ts'"
}

# expect_same RECEIVER FILE
expect_same() {
	rig_wait $((SECONDS_OF_MEDIA + 60)) cmp -n "$(stat -c %s "$2")" "$2" "$RIG_RUN/$1.ts" ||
		fail "$1 received another file: $(cmp "$2" "$RIG_RUN/$1.ts" 2>&1)"
}

# A sender in live mode made up for losses.
expect_again() {
	local again
	again=$(/usr/bin/python3 -c 'import json, sys
print(sum(json.loads(line)["send"]["packetsRetransmitted"] for line in open(sys.argv[1])))' "$RIG_RUN/$1.stats")
	((again > 0)) || fail "$1 sent nothing again"
	echo "$1 sent $again packets again"
}

for name in push pull meet; do
	case $name in
	push) a=192.0.2.1:6100 b=198.51.100.1:6100,remote=198.51.100.10:9000 ;;
	pull) a=192.0.2.1:6102 b=198.51.100.1:6102,remote=198.51.100.10:9002 ;;
	meet) a=192.0.2.1:6104 b=198.51.100.1:6104 ;;
	esac
	ctl relay add --id $name --a port=p0,local=$a --b port=p1,local=$b
done
ctl relay add --id file --a port=p0,local=192.0.2.1:6106 \
	--b "port=p1,local=[2001:db8:1::1]:6106,remote=[2001:db8:1::10]:9006"

live_receive push-b h1 'srt://198.51.100.10:9000?mode=listener'
live_send pull-b h1 'srt://198.51.100.10:9002?mode=listener'
# It names what it receives as the sender does. IPv6 headers are longer: full packets would not leave.
# Its congestion control takes every loss for a reason to be slow: it gets less to send.
mkdir "$RIG_RUN/received"
head -c $((SECONDS_OF_MEDIA * 20000)) "$media" >"$RIG_RUN/part.ts"
ln -s received/part.ts "$RIG_RUN/file-b.ts"
rig_spawn file-b ip netns exec "$RIG_NAME-h1" srt-file-transmit \
	'srt://[2001:db8:1::10]:9006?mode=listener&mss=1480' "file://$RIG_RUN/received/"
sleep 1
live_send push-a c0 'srt://192.0.2.1:6100?mode=caller'
live_receive pull-a c0 'srt://192.0.2.1:6102?mode=caller'
live_receive meet-b h1 'srt://198.51.100.1:6104?mode=rendezvous'
live_send meet-a c0 'srt://192.0.2.1:6104?mode=rendezvous'
rig_spawn file-a ip netns exec "$RIG_NAME-c0" srt-file-transmit \
	-stats 100 -statspf json -statsout "$RIG_RUN/file-a.stats" \
	"file://$RIG_RUN/part.ts" 'srt://192.0.2.1:6106?mode=caller&mss=1480'

expect_same push-b "$media"
expect_same pull-a "$media"
expect_same meet-b "$media"
expect_same file-b "$RIG_RUN/part.ts"
expect_again push-a
expect_again pull-b
expect_again meet-a
