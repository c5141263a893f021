#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The unit of systemd: it verifies, its exposure is low, and sluiced does all its work under what the
# unit restricts. The watchdog is fed, until a worker is stopped; then a restart is asked for within a
# second, and the flows are back. (Namespaces of the unit, and systemd itself, need systemd as PID 1.)
source "$(dirname "$0")/_lib.sh"
STATE_PATH=/run/$TEST_RIG/state.db
test_begin
topology_make 2
chown nobody "$RIG_RUN"
chmod 0755 "$RIG_RUN"

# As installed, but the program is where `meson install` puts it in a directory.
DESTDIR=$RIG_RUN/root meson install -C "$RIG_BUILD" --no-rebuild >"$RIG_RUN/install.log" 2>&1 ||
	fail "meson install: $(tail -n 5 "$RIG_RUN/install.log")"
unit=$RIG_RUN/sluiced.service
sed "s|^ExecStart=|&$RIG_RUN/root|" "$RIG_RUN"/root/*/*/lib/systemd/system/sluiced.service >"$unit"
grep -q '^ConditionPathExists=/etc/sluice/sluice.yaml' "$unit" || fail "it would start without one"
[[ ! -e $RIG_RUN/root/etc/sluice/sluice.yaml ]] || fail "a configuration is installed"
systemd-analyze verify --man=no "$unit" >"$RIG_RUN/verify.log" 2>&1 || fail "systemd-analyze verify"
[[ ! -s $RIG_RUN/verify.log ]] || fail "systemd-analyze verify: $(cat "$RIG_RUN/verify.log")"
systemd-analyze security --no-pager --offline=true --threshold=30 "$unit" >"$RIG_RUN/security.log" ||
	fail "exposure above 3.0: $(grep Overall "$RIG_RUN/security.log")"
grep Overall "$RIG_RUN/security.log"

# A manager with a watchdog of a second.
rig_spawn notified tests/system/service.py notified "$RIG_RUN/notify.sock"
rig_wait 30 grep -q listening "$RIG_RUN/notified.log" || fail "no manager"
config_af_xdp sluiced 2 >"$RIG_RUN/sluiced.yaml"
start() {
	rig_spawn sluiced ip netns exec "$RIG_NAME-box" env NOTIFY_SOCKET="$RIG_RUN/notify.sock" \
		WATCHDOG_USEC=1000000 tests/system/service.py run "$unit" nobody \
		"$(rig_built sluiced)" --config "$RIG_RUN/sluiced.yaml"
}
said() { # TIMES TEXT
	(($(grep -c " $2" "$RIG_RUN/notified.log") >= $1))
}
# The time of the last line of a log with that text, in ms.
last_ms() {
	awk -v text="$2" 'index($0, text) { t = $1 } END { printf "%d\n", t * 1000 }' "$RIG_RUN/$1.log"
}
relayed() {
	receive_start "$1" h1 --src 198.51.100.1:6004 --dst 198.51.100.10:7004 --count 100
	send h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5004 --count 100
	receive_end "$1"
}

start
rig_wait 30 said 1 READY=1 || fail "not ready: $(cat "$RIG_RUN/sluiced.log")"
grep -q "STATUS=2 ports, 1 worker" "$RIG_RUN/notified.log" || fail "no status"
grep -q "^Seccomp:.2" "/proc/$(rig_pid sluiced)/status" || fail "no filter: this proves nothing"
ctl flow add --id relay --match port=p0,src=192.0.2.10:1000,dst=192.0.2.1:5004 \
	--leg port=p1,src=198.51.100.1:6004,dst=198.51.100.10:7004
relayed first

# A reload, as ExecReload= does it.
kill -HUP "$(rig_pid sluiced)"
rig_wait 20 grep -q "files reopened" "$RIG_RUN/sluiced.log" || fail "no reload"

# Fed about four times a second, as long as the worker runs.
fed=$(grep -c WATCHDOG=1 "$RIG_RUN/notified.log")
sleep 3
fed=$(($(grep -c WATCHDOG=1 "$RIG_RUN/notified.log") - fed))
((fed >= 6 && fed <= 14)) || fail "fed $fed times in 3 s, expected about 12"
! said 1 WATCHDOG=trigger || fail "asked for a restart: $(cat "$RIG_RUN/sluiced.log")"

# A stream that does not end: the receiver prints the time of each datagram.
rig_spawn stream ip netns exec "$RIG_NAME-h0" python3 -c '
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("192.0.2.10", 1000))
while True:
    s.sendto(b"stream", ("192.0.2.1", 5004))
    time.sleep(0.005)'
rig_spawn arrived ip netns exec "$RIG_NAME-h1" python3 -c '
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("198.51.100.10", 7004))
while True:
    s.recv(64)
    print(f"{time.monotonic():.3f} datagram", flush=True)'
rig_wait 20 grep -q datagram "$RIG_RUN/arrived.log" || fail "nothing arrives: $(cat "$RIG_RUN/arrived.log")"

# The worker's thread stops, and only it: the control thread still answers.
pid=$(rig_pid sluiced)
worker=$(grep -l '^rte-worker' "/proc/$pid/task/"*/comm | grep -o '[0-9]*/comm' | tail -n 1)
rig_spawn freeze tests/system/freeze.py "${worker%/comm}" 60
rig_wait 20 grep -q stopped "$RIG_RUN/freeze.log" || fail "not stopped: $(cat "$RIG_RUN/freeze.log")"
rig_wait 20 said 1 WATCHDOG=trigger || fail "not noticed: $(cat "$RIG_RUN/sluiced.log")"
ctl info >/dev/null || fail "the control thread does not answer"
grep "has not run for .* ms: asking" "$RIG_RUN/sluiced.log" || fail "the log does not name the worker"
sleep 1
stopped_ms=$(last_ms freeze stopped)
noticed_ms=$(($(last_ms notified WATCHDOG=trigger) - stopped_ms))
fed_ms=$(($(last_ms notified WATCHDOG=1) - stopped_ms))
echo "noticed after $noticed_ms ms, last fed after $fed_ms ms"
((noticed_ms <= 1000)) || fail "noticed after $noticed_ms ms, expected 1000 at most"
((fed_ms <= 500)) || fail "fed $fed_ms ms after the worker had stopped"

# What the manager does: SIGABRT, SIGKILL, and a new start.
kill -ABRT "$pid"
rig_wait 5 rig_ended sluiced || kill -KILL "$pid"
rig_stop freeze
rig_wait 10 rig_ended sluiced || fail "it does not end"
began_ms=$(awk '{ printf "%d\n", $1 * 1000 }' /proc/uptime)
start
rig_wait 30 said 2 READY=1 || fail "not ready again: $(cat "$RIG_RUN/sluiced.log")"
# The whole way back, with the second of the test's own above, and without it.
arrived=$(wc -l <"$RIG_RUN/arrived.log")
arrives() {
	(($(wc -l <"$RIG_RUN/arrived.log") > arrived))
}
rig_wait 20 arrives || fail "nothing arrives again"
awk -v ready="$(last_ms notified READY=1)" -v began="$began_ms" -v noticed="$noticed_ms" '
	{ t = $1 * 1000 }
	t > began { printf "restarted: ready after %d ms, first datagram after %d ms\n", ready - began, t - began
		exit }' "$RIG_RUN/arrived.log"
rig_stop stream
rig_stop arrived
relayed again
kill -TERM "$(rig_pid sluiced)"
rig_wait 20 said 1 STOPPING=1 || fail "it does not say that it stops"
rig_wait 20 rig_ended sluiced || fail "it does not stop"
