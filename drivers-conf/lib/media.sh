# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# Real media for a rig (see rig.sh): a clip with a moving test picture (H.264) and a tone (Opus),
# a sender that plays it as RTP with RTCP, players that decode it, and captures of the wire.
# Streams go to four UDP ports: video 5004, its RTCP 5005, audio 5006, its RTCP 5007. The sender
# sends each from that port + 1000, so that a flow can match on the exact source.

MEDIA_RATE=25
# shellcheck disable=SC2034 # for the scripts that source this file
MEDIA_TEXT="H.264 1280x720 at $MEDIA_RATE/s and Opus 48 kHz, RTP with RTCP"

ffmpeg_quiet() {
	ffmpeg -nostdin -hide_banner -loglevel warning -y "$@"
}

# media_clip_make FILE.mkv SECONDS: every picture is different, with a key picture per second that
# contains the parameters.
media_clip_make() {
	ffmpeg_quiet \
		-f lavfi -i "testsrc2=size=1280x720:rate=$MEDIA_RATE" \
		-f lavfi -i sine=frequency=440:sample_rate=48000 -t "$2" \
		-c:v libx264 -preset veryfast -tune zerolatency -pix_fmt yuv420p -g "$MEDIA_RATE" \
		-b:v 3M -maxrate 3M -bufsize 1M -x264-params repeat-headers=1 \
		-c:a libopus -b:a 96k "$1"
}

# Hash of every picture that a clip decodes to: media_pictures_hash CLIP OUT
media_pictures_hash() {
	ffmpeg_quiet -i "$1" -map 0:v -fps_mode passthrough -f framemd5 "$2"
}

# media_sender_start SUFFIX CLIP DESTINATION [SECONDS]: for ever without SECONDS.
media_sender_start() {
	local netns=$RIG_NAME-$1 clip=$2 to=$3 limit=()
	[[ -z ${4:-} ]] || limit=(-t "$4")
	rig_spawn sender ip netns exec "$netns" \
		ffmpeg -nostdin -hide_banner -loglevel warning -progress "$RIG_RUN/sender.progress" \
		-re -stream_loop -1 -i "$clip" \
		-map 0:v -c copy "${limit[@]}" \
		-f rtp -rtpflags send_bye -payload_type 96 "rtp://$to:5004?localrtpport=6004&localrtcpport=6005&pkt_size=1400" \
		-map 0:a -c copy "${limit[@]}" \
		-f rtp -rtpflags send_bye -payload_type 97 "rtp://$to:5006?localrtpport=6006&localrtcpport=6007"
}

# Number of pictures that the sender has sent, after it has ended.
media_pictures_sent() {
	awk -F= '$1 == "frame" { n = $2 } END { print n + 0 }' "$RIG_RUN/sender.progress"
}

# Session description of the stream to ADDRESS: media_sdp_print ADDRESS
media_sdp_print() {
	cat <<-END
		v=0
		o=- 0 0 IN IP4 $1
		s=Sluice
		c=IN IP4 $1
		t=0 0
		m=video 5004 RTP/AVP 96
		a=rtpmap:96 H264/90000
		a=fmtp:96 packetization-mode=1
		m=audio 5006 RTP/AVP 97
		a=rtpmap:97 opus/48000/2
	END
}

# Start a player on ADDRESS that decodes picture and sound: media_player_start SUFFIX ADDRESS. It
# ends after RTCP BYE of both streams, and writes the pictures' hashes to player-SUFFIX.framemd5
media_player_start() {
	local name=player-$1
	media_sdp_print "$2" >"$RIG_RUN/$name.sdp"
	rig_spawn "$name" ip netns exec "$RIG_NAME-$1" \
		ffmpeg -nostdin -hide_banner -loglevel warning -y \
		-protocol_whitelist file,udp,rtp -buffer_size 2097152 \
		-i "$RIG_RUN/$name.sdp" \
		-map 0:v -fps_mode passthrough -f framemd5 "$RIG_RUN/$name.framemd5" \
		-map 0:a -f framemd5 "$RIG_RUN/$name.audio.framemd5"
	rig_wait 10 media_player_ready "$1" || rig_die "player $1 does not listen: see $RIG_RUN/$name.log"
}

media_player_ready() {
	(($(rig_exec "$1" ss -Hlun 'sport >= 5004 and sport <= 5007' | wc -l) == 4))
}

# media_capture_start SUFFIX INTERFACE: all UDP, both directions, into INTERFACE's capture.
media_capture_start() {
	local name=capture-$1
	rig_spawn "$name" ip netns exec "$RIG_NAME-$1" \
		tcpdump -Z root -n -i "$2" -s 0 -B 65536 --immediate-mode -w "$RIG_RUN/$name.pcap" udp
	rig_wait 10 grep -q 'listening on' "$RIG_RUN/$name.log" ||
		rig_die "capture $1 does not start: see $RIG_RUN/$name.log"
}

# End all captures; false if one of them missed a packet: dropped it, or has not yet read it.
media_captures_stop() {
	local log
	sleep 1
	rig_stop 'capture-*' INT
	for log in "$RIG_RUN"/capture-*.log; do
		awk '/packets captured$/ { captured = $1 }
			/packets received by filter$/ { received = $1 }
			/packets dropped by kernel$/ { dropped = $1 }
			END { exit captured != received || dropped != "0" }' "$log" || return
	done
}
