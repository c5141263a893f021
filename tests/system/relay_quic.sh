#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# QUIC clients behind a NAT upload and download through relays (ngtcp2, HTTP/3). Their address changes in the
# upload: the NAT forgets the mapping; the client migrates (RFC 9000, section 9), with a server in IPv6; the
# client's port changes without its knowing. All of the file arrives.
# timeout: 180
source "$(dirname "$0")/_lib.sh"
test_begin
rig_make 2
nat_add 0

# An upload and a download take some seconds: three times 1 MB, at 8 Mbit/s for all.
FILE_BYTES=1000000
rig_exec h0 tc qdisc add dev inside root tbf rate 8mbit burst 16kb latency 200ms
rig_exec c0 tc qdisc add dev eth0 root tbf rate 8mbit burst 16kb latency 200ms
mkdir "$RIG_RUN/htdocs"
head -c "$FILE_BYTES" /dev/urandom >"$RIG_RUN/htdocs/media.bin"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=server \
	-keyout "$RIG_RUN/key.pem" -out "$RIG_RUN/cert.pem" 2>/dev/null

server() {
	rig_spawn "$1" ip netns exec "$RIG_NAME-h1" gtlsserver --quiet --htdocs="$RIG_RUN/htdocs" "$2" 4433 \
		"$RIG_RUN/key.pem" "$RIG_RUN/cert.pem"
}

# client NAME LOCAL_PORT [OPTION...]
client() {
	local name=$1 port=$2
	shift 2
	mkdir "$RIG_RUN/$name"
	rig_spawn "$name" ip netns exec "$RIG_NAME-c0" gtlsclient --quiet --exit-on-all-streams-close \
		--http-method=POST --data="$RIG_RUN/htdocs/media.bin" --download="$RIG_RUN/$name" "$@" 192.0.2.1 "$port" "https://192.0.2.1:$port/media.bin"
}

uploading() {
	(($(flow_value "$1:a" "d['counters']['packets']") > 50))
}

arrived() {
	cmp -s "$RIG_RUN/htdocs/media.bin" "$RIG_RUN/$1/media.bin"
}

expect_download() {
	local moves
	rig_wait 60 arrived "$1" || fail "$1 does not receive it all: $(tail -n 3 "$RIG_RUN/$1.log")"
	moves=$(flow_value "$1:a" "d['latched']['moves']")
	((moves >= 2)) || fail "the address of $1 did not change"
	echo "$1: $moves addresses"
}

server server4 198.51.100.10
server server6 2001:db8:1::10
for name in forgotten rebound; do
	case $name in
	forgotten) port=6300 ;;
	rebound) port=6302 ;;
	esac
	ctl relay add --id $name --a "port=p0,local=192.0.2.1:$port,latch=follow" \
		--b "port=p1,local=198.51.100.1:$port,remote=198.51.100.10:4433"
done
ctl relay add --id migrated --a port=p0,local=192.0.2.1:6304,latch=follow \
	--b 'port=p1,local=[2001:db8:1::1]:6304,remote=[2001:db8:1::10]:4433'
client forgotten 6300
client rebound 6302 --change-local-addr=500ms --nat-rebinding
client migrated 6304 --change-local-addr=500ms
rig_wait 30 uploading forgotten || fail "nothing is uploaded: $(tail -n 3 "$RIG_RUN/forgotten.log")"
rig_exec h0 conntrack -D -p udp --orig-port-dst 6300 >/dev/null 2>&1 || fail "there was no mapping"
[[ ! -s $RIG_RUN/forgotten/media.bin ]] || fail "the upload was over before the NAT forgot"
expect_download forgotten
expect_download rebound
expect_download migrated
