#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# RTP between programs that are not ours crosses the box bit-exact: MPEG-TS from ffmpeg to GStreamer, sound
# from GStreamer to ffmpeg; each in IPv4, in IPv6, and from IPv4 to IPv6.
# timeout: 240
source "$(dirname "$0")/_lib.sh"
test_begin
rig_make 2

media=$RIG_RUN/media.ts
ffmpeg -loglevel error -f lavfi -i "testsrc2=size=320x240:rate=25" -f lavfi -i sine -t 4 \
	-c:v mpeg2video -c:a mp2 -b:v 800k -f mpegts "$media"
SOUND=(audiotestsrc wave=sine freq=441.7 num-buffers=200 samplesperbuffer=960)
SOUND_CAPS="audio/x-raw,format=S16BE,rate=48000,channels=1,layout=interleaved"
gst-launch-1.0 -q "${SOUND[@]}" ! "$SOUND_CAPS" ! filesink location="$RIG_RUN/sound.raw"

# A hash of each frame of a stream, whatever contains it: frames FILE v|a
frames() {
	ffmpeg -loglevel error -i "$1" -map "0:$2" -c copy -f framemd5 - | sed -n 's/^[^#].*, *//p'
}

forwarded() {
	flow_value "$1" "d['counters']['packets']"
}

# cross NAME SENDER_ADDRESS LOCAL_ADDRESS LEG_SOURCE RECEIVER_ADDRESS PORT, addresses as in a URL
cross() {
	local name=$1 from=$2 local=$3 source=$4 to=$5 port=$6
	ctl flow add --id "$name-ts" --match "port=p0,src=$from:$port,dst=$local:$port" \
		--leg "port=p1,src=$source:$port,dst=$to:$port"
	ctl flow add --id "$name-sound" --match "port=p0,src=$from:$((port + 2)),dst=$local:$((port + 2))" \
		--leg "port=p1,src=$source:$((port + 2)),dst=$to:$((port + 2))"

	rig_spawn "$name-ts" ip netns exec "$RIG_NAME-h1" gst-launch-1.0 -q \
		udpsrc address="$(tr -d '[]' <<<"$to")" port="$port" \
		caps=application/x-rtp,media=video,clock-rate=90000,encoding-name=MP2T,payload=33 ! \
		rtpmp2tdepay ! filesink buffer-mode=unbuffered location="$RIG_RUN/$name.ts"
	cat >"$RIG_RUN/$name.sdp" <<-END_OF_SDP
		v=0
		o=- 0 0 IN IP$([[ $to == *:*:* ]] && echo 6 || echo 4) $(tr -d '[]' <<<"$to")
		s=sound
		c=IN IP$([[ $to == *:*:* ]] && echo 6 || echo 4) $(tr -d '[]' <<<"$to")
		t=0 0
		m=audio $((port + 2)) RTP/AVP 96
		a=rtpmap:96 L16/48000/1
	END_OF_SDP
	rig_spawn "$name-sound" ip netns exec "$RIG_NAME-h1" ffmpeg -loglevel error -nostdin \
		-protocol_whitelist file,udp,rtp -flush_packets 1 -i "$RIG_RUN/$name.sdp" -c copy -f s16be \
		-flush_packets 1 -y "$RIG_RUN/$name.raw"
	rig_wait 30 listening "$port" || fail "$name: GStreamer does not listen"
	rig_wait 30 listening $((port + 2)) || fail "$name: ffmpeg does not listen"

	rig_spawn "$name-ts-sender" ip netns exec "$RIG_NAME-h0" ffmpeg -loglevel error -nostdin -re -i "$media" \
		-map 0 -c copy -f rtp_mpegts "rtp://$local:$port?localaddr=$(tr -d '[]' <<<"$from")&localport=$port"
	rig_spawn "$name-sound-sender" ip netns exec "$RIG_NAME-h0" gst-launch-1.0 -q \
		"${SOUND[@]}" is-live=true ! "$SOUND_CAPS" ! rtpL16pay ! udpsink host="$(tr -d '[]' <<<"$local")" \
		port=$((port + 2)) bind-address="$(tr -d '[]' <<<"$from")" bind-port=$((port + 2))
}

listening() {
	rig_exec h1 ss -Huln "sport = $1" | grep -q .
}

# ffmpeg leaves the end of the last frame unsent: what arrived before that must be the stream, and be nearly all.
stream_arrived() {
	local received
	received=$(frames "$RIG_RUN/$1.ts" "$2" 2>/dev/null | sed "\$d")
	(($(wc -l <<<"$received") >= 95)) && [[ $(frames "$media" "$2") == "$received"* ]]
}

arrived() {
	stream_arrived "$1" v && stream_arrived "$1" a
}

# The last packets wait in ffmpeg until more come: all that it wrote must be the sound, and be nearly all.
sound_arrived() {
	local bytes
	bytes=$(stat -c %s "$RIG_RUN/$1.raw")
	((bytes >= 360000)) && cmp -n "$bytes" "$RIG_RUN/$1.raw" "$RIG_RUN/sound.raw"
}

cross ipv4 192.0.2.10 192.0.2.1 198.51.100.1 198.51.100.10 7000
cross ipv6 '[2001:db8:0::10]' '[2001:db8:0::1]' '[2001:db8:1::1]' '[2001:db8:1::10]' 7010
cross ipv4-to-ipv6 192.0.2.10 192.0.2.1 '[2001:db8:1::1]' '[2001:db8:1::10]' 7020
for name in ipv4 ipv6 ipv4-to-ipv6; do
	rig_wait 60 arrived $name || fail "$name: received $(frames "$RIG_RUN/$name.ts" v 2>&1 | wc -l) pictures"
	rig_wait 60 sound_arrived $name ||
		fail "$name: $(cmp "$RIG_RUN/$name.raw" "$RIG_RUN/sound.raw" 2>&1), $(wc -c "$RIG_RUN/$name.raw")"
	(($(forwarded $name-ts) > 100 && $(forwarded $name-sound) >= 200)) || fail "$(ctl flow list)"
done
