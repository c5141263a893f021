#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Started as root with process.user, sluiced runs as that user, and holds only the capabilities that
# ports over AF_XDP require; its workers hold none. Traffic passes, flows change, steering and next
# hops follow, it stops cleanly, and a start after a crash cleans up.
source "$(dirname "$0")/_lib.sh"
STATE_PATH=/run/$TEST_RIG/state/state.db
AUDIT_LOG=/run/$TEST_RIG/audit/audit.log
BPF=39 NET_ADMIN=12
test_begin
topology_make 2
uid=$(id -u nobody)

config_of_user() {
	config_af_xdp sluiced 2
	echo "process: {user: $1}"
}

config_pcap() {
	config_head sluiced
	echo "hugepages: false"
	echo "ports:"
	echo "  - {name: p0, devargs: \"net_pcap0,iface=p0\", rx_queues: 1}"
	echo "  - {name: p1, devargs: \"net_pcap1,iface=p1\", rx_queues: 1}"
	echo "process: {user: nobody}"
}

# Start it on the configuration at stdin, by COMMAND... if there is one. Its socket is in a directory
# that is not there yet, as on a system without tmpfiles.d.
start() {
	sed "s|socket: [^,}]*|socket: $RIG_RUN/run/rpc.sock|" >"$RIG_RUN/sluiced.yaml"
	rig_spawn sluiced ip netns exec "$RIG_NAME-box" "$@" "$(rig_built sluiced)" \
		--config "$RIG_RUN/sluiced.yaml"
	rig_wait 30 test -S "$RIG_RUN/run/rpc.sock" || fail "no socket"
	ln -sfn "$RIG_RUN/run/rpc.sock" "$RIG_RUN/sluiced.sock"
	rig_wait 30 ctl info || fail "sluiced does not answer"
	rig_wait 30 grep -q "^sluiced: ready" "$RIG_RUN/sluiced.log" || fail "it is not ready"
}

# What the kernel says of a task: status_is TASK FIELD VALUE
status_is() {
	local found
	found=$(awk -v field="$2:" '$1 == field { $1 = ""; print }' "/proc/$1/status")
	[[ ${found# } == "$3" ]] || fail "$2 of $1: expected $3, found${found}: $(cat "/proc/$1/status")"
}

relayed() { # LABEL LOCAL_PORT
	receive_start "$1" h1 --src 198.51.100.1:6004 --dst 198.51.100.10:7004 --count 200
	send h0 --src 192.0.2.10:1000 --dst "192.0.2.1:$2" --count 200
	receive_end "$1"
}

leg=port=p1,src=198.51.100.1:6004,dst=198.51.100.10:7004
start < <(config_of_user nobody)
pid=$(rig_pid sluiced)
kept=$(printf '%016x' $((1 << BPF | 1 << NET_ADMIN)))
tasks=("/proc/$pid/task/"*)
((${#tasks[@]} >= 4)) || fail "found ${#tasks[@]} threads: this proves little"
for task in "${tasks[@]}"; do
	task=$pid/task/${task##*/}
	status_is "$task" Uid "$uid $uid $uid $uid"
	status_is "$task" NoNewPrivs 1
	for set in CapInh CapBnd CapAmb; do
		status_is "$task" "$set" 0000000000000000
	done
	for set in CapPrm CapEff; do
		if [[ $task == */"$pid" ]]; then
			status_is "$task" "$set" "$kept"
		else
			status_is "$task" "$set" 0000000000000000
		fi
	done
done
grep -q "running as uid $uid, capabilities: net_admin, bpf" "$RIG_RUN/sluiced.log" ||
	fail "not logged: $(cat "$RIG_RUN/sluiced.log")"
[[ $(stat -c %U "$RIG_RUN/state/state.db" "$RIG_RUN/audit/audit.log" | uniq) == nobody ]] ||
	fail "the files are not the user's: $(ls -lR "$RIG_RUN")"
modes=$(stat -c '%U %a' "$RIG_RUN/run" "$RIG_RUN/state" "$RIG_RUN/audit" | tr '\n' ' ')
[[ $modes == "nobody 755 nobody 750 nobody 750 " ]] || fail "directories: found $modes"

# Flows come and go; a port whose flow is gone is the kernel's again. The next hop is not known yet:
# to ask for it takes CAP_NET_ADMIN.
[[ -z $(ip -n "$RIG_NAME-box" neighbour show to 198.51.100.10) ]] || fail "it is known already"
ctl flow add --id one --match port=p0,src=192.0.2.10:1000,dst=192.0.2.1:5004 --leg "$leg"
resolved() {
	ctl flow show "$1" | grep -q "${HOST_MAC[1]} *resolved"
}
rig_wait 20 resolved one || fail "next hop not resolved: $(ctl flow show one)"
relayed one 5004
ctl flow add --id two --match port=p0,dst=192.0.2.1:5006 --leg "$leg"
ctl flow del one
relayed two 5006
rig_spawn kernel ip netns exec "$RIG_NAME-box" tests/system/udp.py receive \
	--src 192.0.2.10:1000 --dst 192.0.2.1:5004 --count 50
rig_wait 30 grep -q '^ready' "$RIG_RUN/kernel.log" || fail "the box does not listen"
send h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5004 --count 50
receive_end kernel

# Steering follows the interface's address.
ip -n "$RIG_NAME-box" link set p0 address 02:00:00:00:00:77
ip -n "$RIG_NAME-h0" neighbour flush dev eth0
relayed moved 5006

# A crash leaves the program attached; the next start detaches it, with the flows that were stored.
kill -KILL "$pid"
rig_wait 10 rig_ended sluiced || fail "it does not end"
start < <(config_of_user nobody)
relayed again 5006
stop() {
	kill -TERM "$(rig_pid sluiced)"
	rig_wait 20 rig_ended sluiced || fail "it does not stop"
}
stop
! ip -n "$RIG_NAME-box" link show p0 | grep -qw xdp || fail "an XDP program is left"
[[ ! -S $RIG_RUN/run/rpc.sock ]] || fail "the socket is left"

# Ports of net_pcap have a kernel interface, too: the next hop is asked for.
ip -n "$RIG_NAME-box" neighbour flush dev p1
start < <(config_pcap)
status_is "$(rig_pid sluiced)" CapPrm "$(printf '%016x' $((1 << NET_ADMIN)))"
rig_wait 20 resolved two || fail "next hop not resolved: $(ctl flow show two)"
stop
# Without CAP_NET_ADMIN it cannot be, but what the kernel's table has is used, even if it is stale.
ip -n "$RIG_NAME-box" neighbour replace 198.51.100.10 dev p1 lladdr "${HOST_MAC[1]}" nud stale
start setpriv --reuid nobody --clear-groups --inh-caps=-all,+net_raw --ambient-caps=+net_raw \
	< <(config_pcap)
status_is "$(rig_pid sluiced)" CapPrm 0000000000000000
sleep 2
resolved two || fail "next hop lost: $(ctl flow show two)"
ip -n "$RIG_NAME-box" neighbour show to 198.51.100.10 | grep -q STALE ||
	fail "it is not stale: this proves nothing"
stop

# Bad input.
refused() { # CODE WORDS COMMAND...
	local wanted=$1 words=$2 code=0
	shift 2
	"$@" >"$RIG_RUN/refused.log" 2>&1 || code=$?
	((code == wanted)) && grep -q "$words" "$RIG_RUN/refused.log" ||
		fail "expected exit code $wanted and '$words', found $code: $(cat "$RIG_RUN/refused.log")"
}
config_of_user no-such-user >"$RIG_RUN/bad.yaml"
refused 78 "/process/user: found no-such-user, expected a user" \
	"$(rig_built sluiced)" --config "$RIG_RUN/bad.yaml"
config_of_user root >"$RIG_RUN/bad.yaml"
refused 78 "/process/user: found root" "$(rig_built sluiced)" --config "$RIG_RUN/bad.yaml"
config_of_user nobody >"$RIG_RUN/bad.yaml"
refused 1 "process.user: found nobody, but started as uid 1; expected that user, or root" \
	setpriv --reuid 1 --clear-groups "$(rig_built sluiced)" --config "$RIG_RUN/bad.yaml"

(
	cd "$RIG_RUN" && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
		-subj /CN=box -keyout box.key -out box.pem && chown nobody box.key box.pem
) >"$RIG_RUN/openssl.log" 2>&1 || fail "openssl: $(cat "$RIG_RUN/openssl.log")"
{
	config_null sluiced
	echo "process: {user: nobody}"
	echo "tls: {listen: \"192.0.2.1:443\", certificate: $RIG_RUN/box.pem, key: $RIG_RUN/box.key,"
	echo "      ca: $RIG_RUN/box.pem, roles: [{subject_cn: ana, role: operator}]}"
} | sed "s|socket: [^,}]*|socket: $RIG_RUN/run/rpc.sock|" >"$RIG_RUN/bad.yaml"
refused 1 "/tls/listen: cannot listen at 192.0.2.1:443: Permission denied; a port below 1024" \
	ip netns exec "$RIG_NAME-box" "$(rig_built sluiced)" --config "$RIG_RUN/bad.yaml"
