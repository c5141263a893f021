#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 180
# A file system that is full and a disk that fails cost the change that meets them: it is refused
# with what to do, what runs goes on without a packet lost, and changes work again afterwards.
#
# In a mount namespace of its own, so that the small file system goes with it.
if [[ -z ${SLUICE_OWN_MOUNTS-} ]]; then
	exec env SLUICE_OWN_MOUNTS=1 unshare --mount "$0"
fi
source "$(dirname "$0")/_lib.sh"
test_begin
STATE_PATH=/mnt/state.db
mount -t tmpfs -o size=2m none /mnt
export EIO_WHEN=$RIG_RUN/eio
topology_make 2
config_af_xdp sluiced 2 >"$RIG_RUN/sluiced.yaml"

start() {
	rig_spawn sluiced ip netns exec "$RIG_NAME-box" env \
		LD_PRELOAD="$PWD/$RIG_BUILD/tests/system/libeio.so" \
		"$(rig_built sluiced)" --config "$RIG_RUN/sluiced.yaml"
	rig_wait 30 ctl info || fail "sluiced does not answer"
}

add() {
	ctl flow add --id "$1" --match "port=p0,src=192.0.2.10:1000,dst=192.0.2.1:$2" \
		--leg "port=p1,src=198.51.100.1:$2,dst=198.51.100.10:$2"
}

# Nothing of it is there, and it says what to do.
add_refused() {
	expect_exit 1 add "$1" "$2" 2>"$RIG_RUN/refused.log"
	grep -q "$3" "$RIG_RUN/refused.log" ||
		fail "expected '$3' in: $(cat "$RIG_RUN/refused.log")"
	expect_exit 1 ctl flow show "$1"
	[[ $(generation) == "$before" ]] || fail "the generation moved though nothing did"
}

generation() {
	ctl --json rpc state.get | json_value "d['generation']"
}

# Media through the flow for some seconds, and all of it arrives, whatever is tried meanwhile.
stream_while() {
	receive_start "receive-$1" h1 --src 198.51.100.1:5004 --dst 198.51.100.10:5004 \
		--count 8000 --timeout 30
	rig_spawn "send-$1" ip netns exec "$RIG_NAME-h0" tests/system/udp.py send \
		--src 192.0.2.10:1000 --dst 192.0.2.1:5004 --count 8000
	"$@"
	rig_pid "send-$1" >/dev/null || fail "the media ended before $1 did"
	receive_end "receive-$1"
}

# Until not a byte more fits.
disk_fill() {
	dd if=/dev/zero of=/mnt/ballast bs=1k 2>/dev/null || true
}

while_full() {
	local i
	disk_fill
	before=$(generation)
	for i in 1 2 3 4 5 6 7 8; do
		add "spare$i" "$((7000 + i))" >/dev/null 2>"$RIG_RUN/refused.log" || break
		before=$(generation)
		disk_fill
	done
	add_refused full 7100 "free space on its file system"
	expect_exit 1 ctl flow del media
}

while_broken() {
	before=$(generation)
	touch "$EIO_WHEN"
	add_refused broken 7200 "check disk and file system"
	expect_exit 1 ctl flow del media
}

start
add media 5004
stream_while while_full
rm /mnt/ballast
add full 7100
stream_while while_broken
rm "$EIO_WHEN"
add broken 7200
after=$(generation)

# All that was acknowledged is there after a kill, and nothing that was refused.
ctl --json flow list >"$RIG_RUN/flows.before"
rig_stop sluiced KILL
start
ctl --json flow list >"$RIG_RUN/flows.after"
diff "$RIG_RUN/flows.before" "$RIG_RUN/flows.after" || fail "other flows are back"
[[ $(generation) == "$after" ]] || fail "expected generation $after, found $(generation)"
stream_while sleep 1
