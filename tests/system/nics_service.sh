#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 1200
# nightly: boots a guest from a disk
# The service under systemd as process 1, with two NICs on vfio-pci: it is active when sluiced is ready, runs as
# its user in its sandbox, is reloaded, and is started again after a crash, and when a worker or the whole
# process does not run; the stored flows forward again. With a wrong configuration it fails, and stays so.
source "$(dirname "$0")/_guest.sh"
test_begin
GUEST_ROOT=disk
guest_nic 0 e1000e
guest_nic 1 e1000e
guest_start

guest_script "sysctl -qw vm.nr_hugepages=$GUEST_HUGEPAGES && modprobe vfio-pci" || fail "the guest is not prepared"
for nic in 0 1; do
	address=$(guest_nic_address "$nic")
	guest_nic_bind "$address"
	ports+="  - {name: p$nic, devargs: \"$address\", rx_queues: 1}"$'\n'
done
config="control: {core: 0}
workers: [1]
tables: {ipv4_flows: $IPV4_FLOWS, ipv6_flows: $IPV6_FLOWS}
ports:
$ports"
config_write() {
	guest_script "cat >/etc/sluice/sluice.yaml <<'END'
$1
END"
}

service_is() { # PROPERTY VALUE
	local found
	found=$(guest_run systemctl show --value -p "$1" sluiced)
	[[ $found == "$2" ]]
}
expect_service() {
	service_is "$@" || fail "expected $1=$2: $(guest_run systemctl status sluiced)"
}
main_pid() {
	guest_run systemctl show --value -p MainPID sluiced
}
journal() {
	guest_run journalctl -q -o short-monotonic --no-hostname -u sluiced
}
# The guest's time of the last line of the journal with that text, in ms.
journal_ms() {
	journal | tr -d '[]' | awk -v text="$1" 'index($0, text) { t = $1 } END { printf "%.0f\n", t * 1000 }'
}
relayed() {
	guest_ports_up
	nic_peer --from 192.0.2.10:1000 --to 192.0.2.1:5004 --count 100 --leg 1,198.51.100.1:6004,198.51.100.10:7004
}
# It was ended, and runs again with the stored flow: restarted NUMBER
restarts=0
restarted() {
	restarts=$((restarts + 1))
	rig_wait 90 service_is NRestarts "$restarts" || fail "no restart $restarts: $(journal)"
	rig_wait 90 service_is ActiveState active || fail "not active: $(journal)"
	relayed
}

# Nothing is started without a configuration. With one, the start ends when sluiced is ready.
expect_service ActiveState inactive
config_write "$config"
guest_run systemctl start sluiced || fail "no start: $(journal)"
expect_service ActiveState active
ready_us=$(guest_script "journalctl -q -o json -u sluiced --grep 'ready, 2 ports' --output-fields=_PID" |
	json_value "d['__MONOTONIC_TIMESTAMP']")
active_us=$(guest_run systemctl show --value -p ActiveEnterTimestampMonotonic sluiced)
started_us=$(guest_run systemctl show --value -p ExecMainStartTimestampMonotonic sluiced)
echo "ready $((ready_us - started_us)) us after its start, active $((active_us - started_us)) us"
# The journal has a line a little later than it was written.
((ready_us - started_us > 1000000)) || fail "ready at once: this proves nothing"
((active_us > ready_us - 500000)) || fail "active before it was ready"
guest_run systemctl status sluiced | grep -q 'Status: "2 ports, 1 worker' || fail "no status"
relay_add
relayed

# Its user, without all that it does not need, in all of its threads.
pid=$(main_pid)
kept=$(printf '%016x' $((1 << 12 | 1 << 13 | 1 << 14))) # NET_ADMIN, NET_RAW, IPC_LOCK
bounding=$(printf '%016x' $((0x$kept | 1 << 21 | 1 << 39))) # and SYS_ADMIN, BPF, as the unit says
guest_script "
	uid=\$(id -u sluice)
	for status in /proc/$pid/task/*/status; do
		awk -v uid=\$uid -v main=\$([ \$status = /proc/$pid/task/$pid/status ] && echo $kept) '
			\$1 ~ /^Uid:/ && !(\$2 == uid && \$3 == uid && \$4 == uid && \$5 == uid) { bad = 1; print }
			\$1 ~ /^(NoNewPrivs|Seccomp):/ && \$2 != (\$1 == \"Seccomp:\" ? 2 : 1) { bad = 1; print }
			\$1 == \"CapBnd:\" && \$2 != \"$bounding\" { bad = 1; print }
			\$1 ~ /^Cap(Inh|Amb):/ && \$2 != \"0000000000000000\" { bad = 1; print }
			\$1 ~ /^Cap(Prm|Eff):/ && \$2 != (main ? main : \"0000000000000000\") { bad = 1; print }
			END { exit bad }' \$status || exit 1
	done" || fail "privileges: $(guest_script "cat /proc/$pid/status")"

# What not even root can do where sluiced is, but elsewhere: the file system is read-only except for the service's
# own directories (and /run, which systemd 252 leaves to its owner), devices are those of the list, /home is empty.
inside() {
	guest_script "echo \$\$ >/sys/fs/cgroup/system.slice/sluiced.service/cgroup.procs
		nsenter --target $pid --mount sh -c '$1'" 2>&1
}
refused() { # REASON SCRIPT
	local found
	! found=$(inside "$2") || fail "possible inside of the unit: $2"
	[[ $found == *": $1" ]] || fail "$2: expected '$1': $found"
	guest_script "$2" || fail "not possible outside of the unit, this proves nothing: $2"
}
for directory in / /etc/sluice /usr /var/lib /var/log /boot; do
	refused "Read-only file system" ": >>$directory/by-the-test"
done
refused "Read-only file system" ": >>/proc/sys/vm/swappiness"
for directory in /var/lib/sluice /var/log/sluice /run/sluice; do
	inside ": >$directory/by-the-test && rm $directory/by-the-test" || fail "$directory cannot be written"
done
guest_script ": >/tmp/by-the-test && : >/root/by-the-test" || fail "no files outside"
[[ -z $(inside "find /tmp /home /root -mindepth 1") ]] || fail "files of others: $(inside "ls -a /tmp /home /root")"
refused "Operation not permitted" ": </dev/vda"
refused "Operation not permitted" ": </dev/mem"
refused "Permission denied" ": </dev/kmsg"
inside ": <>/dev/vfio/vfio && : <>/dev/net/tun && : <>/dev/null" || fail "devices of the list cannot be opened"

guest_run systemctl reload sluiced || fail "no reload"
rig_wait 20 guest_script "journalctl -q -u sluiced --grep 'files reopened'" || fail "nothing was reopened"
[[ $(main_pid) == "$pid" ]] || fail "it was started again: $(journal)"

guest_run kill -KILL "$pid"
restarted

# It is fed as long as the worker runs.
service_is WatchdogUSec 1s || fail "the unit has another watchdog: this proves nothing"
sleep 15
expect_service NRestarts "$restarts"

# One worker's thread stops: sluiced notices it within the second of WatchdogSec=, and is killed and started
# again. A start takes ten times as long in emulation as on hardware, so there is no limit for that.
pid=$(main_pid)
worker=$(guest_script "grep -l '^rte-worker' /proc/$pid/task/*/comm | tail -n 1 | cut -d / -f 5")
guest_script "cat >/run/freeze.py <<'END'
$(cat tests/system/freeze.py)
END
	python3 /run/freeze.py $worker 60 >/run/freeze.log 2>&1 &
	until grep -q stopped /run/freeze.log; do sleep 0.1; done" || fail "not stopped"
restarted
stopped_ms=$(guest_script "awk '{ printf \"%.0f\", \$1 * 1000 }' /run/freeze.log")
noticed_ms=$(($(journal_ms "has not run for") - stopped_ms))
killed_ms=$(($(journal_ms "with signal SIGABRT") - stopped_ms))
ended_ms=$(($(journal_ms "Failed with result 'watchdog'") - stopped_ms))
ready_ms=$(($(journal_ms "ready, 2 ports") - stopped_ms))
echo "a stopped worker: noticed after $noticed_ms ms, killed $killed_ms, ended $ended_ms, ready again $ready_ms"
((noticed_ms > 0 && noticed_ms <= 1500)) || fail "noticed after $noticed_ms ms: $(journal)"
((killed_ms >= noticed_ms && killed_ms <= noticed_ms + 2000)) || fail "killed after $killed_ms ms: $(journal)"
((ended_ms <= killed_ms + 5000)) || fail "ended after $ended_ms ms: $(journal)"

# The whole process stops: only the manager can notice.
pid=$(main_pid)
stopped_ms=$(guest_script "awk '{ printf \"%.0f\", \$1 * 1000 }' /proc/uptime; kill -STOP $pid")
restarted
noticed_ms=$(($(journal_ms "Watchdog timeout") - stopped_ms))
ended_ms=$(($(journal_ms "Failed with result 'watchdog'") - stopped_ms))
ready_ms=$(($(journal_ms "ready, 2 ports") - stopped_ms))
echo "a stopped process: noticed after $noticed_ms ms, ended $ended_ms, ready again $ready_ms"
((noticed_ms > 0 && noticed_ms <= 2000)) || fail "noticed after $noticed_ms ms: $(journal)"
((ended_ms <= noticed_ms + 5000)) || fail "ended after $ended_ms ms: $(journal)"

guest_run systemctl stop sluiced || fail "no stop"
expect_service ActiveState inactive
expect_service Result success

# Wrong configurations are tried once.
config_write "${config/workers/werkers}"
! guest_run systemctl start sluiced || fail "it starts with a wrong configuration"
sleep 2
expect_service ActiveState failed
expect_service NRestarts 0
expect_service ExecMainStatus 78
[[ $(journal | grep -c "sluice.yaml:2: /werkers: unknown member") == 1 ]] || fail "not one clear line: $(journal)"
