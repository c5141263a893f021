# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# A rig is a set of temporary resources on the host: network namespaces, veth pairs, processes,
# hugepages. Each resource is recorded in /run/NAME before it is created, so that it can be removed
# on any exit, or by the next run if the script was killed.
#
#	/run/NAME/owner	    pid and start time of the script
#	/run/NAME/pids	    pid, start time and label of each process that it started
#	/run/NAME/netns     names of its namespaces
#	/run/NAME/hugepages how many pages it added to vm.nr_hugepages
#
# A process belongs to the rig only if its start time is the recorded one, as the kernel may have
# reused the pid. Mounts need no record: sluiced keeps its hugepages in memory only, and the /sys of
# a namespace is unmounted when the process of `ip netns exec` ends.

RIG_NAME=
RIG_RUN=
# shellcheck disable=SC2034 # for the scripts that source this file
RIG_PID=

rig_die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

# Start time of a process in clock ticks since boot, which distinguishes processes of the same pid.
process_start() {
	local stat fields
	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
	read -r -a fields <<<"${stat##*) }"
	echo "${fields[19]}"
}

process_is() {
	[[ $(process_start "$1") == "$2" ]]
}

# Reserve the name, after removing the rig of a killed run with the same name.
rig_begin() {
	RIG_NAME=$1
	RIG_RUN=/run/$RIG_NAME
	rig_reclaim
	mkdir -m 0711 "$RIG_RUN" || rig_die "cannot make $RIG_RUN"
	echo "$$ $(process_start $$)" >"$RIG_RUN/owner"
	: >"$RIG_RUN/pids"
	: >"$RIG_RUN/netns"
}

# Fail if the owner is running; else remove its rig.
rig_reclaim() {
	local pid start
	[[ -d $RIG_RUN ]] || return 0
	if read -r pid start 2>/dev/null <"$RIG_RUN/owner" && process_is "$pid" "$start"; then
		rig_die "already running as process $pid"
	fi
	rig_end
}

# Remove the owner, so that the rig outlives this script and the next run may remove it.
rig_release() {
	rm -f "$RIG_RUN/owner"
}

# Run a command in the background under a label; RIG_PID is its pid, RIG_RUN/LABEL.log its output.
# It runs in a separate session: a Ctrl-C at the terminal reaches this script only.
rig_spawn() {
	local label=$1
	shift
	(
		pid=$BASHPID
		echo "$pid $(process_start "$pid") $label" >>"$RIG_RUN/pids"
		exec setsid "$@"
	) </dev/null >"$RIG_RUN/$label.log" 2>&1 &
	# shellcheck disable=SC2034
	RIG_PID=$!
}

# Run a command in the foreground, and record it: rig_run LABEL COMMAND...
rig_run() {
	local label=$1
	shift
	(
		pid=$BASHPID
		echo "$pid $(process_start "$pid") $label" >>"$RIG_RUN/pids"
		exec "$@"
	)
}

# The pid of a running process, by label.
rig_pid() {
	local pid start label
	while read -r pid start label; do
		if [[ $label == "$1" ]] && ! process_gone "$pid" "$start"; then
			echo "$pid"
			return
		fi
	done <"$RIG_RUN/pids"
	return 1
}

# End the processes whose label matches the pattern, with their children in the same session:
# SIGTERM, and SIGKILL after ten seconds.
rig_stop() {
	local pattern=$1 signal=${2:-TERM} pid start label tries
	while read -r pid start label; do
		# shellcheck disable=SC2053 # the pattern is meant as one
		[[ $label == $pattern ]] || continue
		process_is "$pid" "$start" || continue
		process_kill "$signal" "$pid" || continue
		for ((tries = 0; tries < 100; tries++)); do
			process_gone "$pid" "$start" && break
			sleep 0.1
		done
		process_gone "$pid" "$start" || process_kill KILL "$pid" || true
		wait "$pid" 2>/dev/null || true
	done < <(tac "$RIG_RUN/pids" 2>/dev/null)
}

# Including its children, if it has a separate session.
process_kill() {
	kill "-$1" -- "-$2" 2>/dev/null || kill "-$1" "$2" 2>/dev/null
}

# Ended, or a zombie without other running threads (a worker on a busy machine may still run, with
# all sockets open).
process_gone() {
	local stat tasks
	process_is "$1" "$2" || return 0
	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
	tasks=("/proc/$1/task/"*)
	[[ ${stat##*) } == Z* ]] && ((${#tasks[@]} <= 1))
}

# No process with that label is running.
rig_ended() {
	! rig_pid "$1"
}

# Wait until a command succeeds: rig_wait SECONDS COMMAND...
rig_wait() {
	local deadline=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		((SECONDS < deadline)) || return 1
		sleep 0.1
	done
}

# Create the namespace NAME-SUFFIX. IPv6 duplicate address detection and router solicitation are
# disabled.
rig_netns_add() {
	local netns=$RIG_NAME-$1
	echo "$netns" >>"$RIG_RUN/netns"
	ip netns add "$netns"
	ip netns exec "$netns" sysctl -q -w net.ipv6.conf.all.accept_dad=0 \
		net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.accept_ra=0 \
		net.ipv6.conf.default.router_solicitations=0
	ip -n "$netns" link set lo up
}

# rig_exec SUFFIX COMMAND...
rig_exec() {
	local netns=$RIG_NAME-$1
	shift
	ip netns exec "$netns" "$@"
}

# Create a veth pair between two namespaces: rig_veth_add SUFFIX_A NAME_A SUFFIX_B NAME_B. The
# kernel of peer B sends to A; its offload of checksums and VLAN tags is disabled.
rig_veth_add() {
	local a=$RIG_NAME-$1 b=$RIG_NAME-$3
	ip -n "$a" link add "$2" type veth peer name "$4" netns "$b"
	ip netns exec "$b" ethtool -K "$4" tx off txvlan off >/dev/null
	ip -n "$a" link set "$2" up
	ip -n "$b" link set "$4" up
}

# rig_address_add SUFFIX INTERFACE ADDRESS/LENGTH...
rig_address_add() {
	local netns=$RIG_NAME-$1 interface=$2 address
	shift 2
	for address in "$@"; do
		ip -n "$netns" address add "$address" dev "$interface"
	done
}

hugepage_kb() {
	awk '$1 == "Hugepagesize:" { print $2 }' /proc/meminfo
}

hugepages_free() {
	awk '$1 == "HugePages_Free:" { n += $2 } $1 == "HugePages_Rsvd:" { n -= $2 }
		END { print n + 0 }' /proc/meminfo
}

# Change vm.nr_hugepages by a number of pages, and record it. Differences instead of absolute values
# allow concurrent rigs. The kernel may allocate fewer pages than requested.
hugepages_change() {
	local before after taken=0
	[[ ! -e $RIG_RUN/hugepages ]] || read -r taken <"$RIG_RUN/hugepages"
	(
		flock 9
		read -r before </proc/sys/vm/nr_hugepages
		echo $((taken + $1)) >"$RIG_RUN/hugepages"
		echo $((before + $1 > 0 ? before + $1 : 0)) >/proc/sys/vm/nr_hugepages
		read -r after </proc/sys/vm/nr_hugepages
		echo $((taken + after - before)) >"$RIG_RUN/hugepages"
	) 9</proc/sys/vm/nr_hugepages
}

# Provide free hugepages: rig_hugepages_take MB. The pages are added to the existing ones, because a
# free page may be reserved by a process that has not touched it yet. If the kernel cannot allocate
# them, the existing free pages are used.
rig_hugepages_take() {
	local pages=$(($1 * 1024 / $(hugepage_kb)))
	hugepages_change "$pages"
	(($(hugepages_free) >= pages)) || rig_die "found $(hugepages_free) free hugepages" \
		"and no memory to make more of, expected $pages"
}

# The CPUs that this process may use, one per line.
rig_cpus() {
	local range
	while read -r range; do
		seq "${range%-*}" "${range#*-}"
	done < <(awk '$1 == "Cpus_allowed_list:" { gsub(",", "\n", $2); print $2 }' /proc/self/status)
}

# Path of a build product, from the top of the tree: rig_built FILE_NAME
RIG_BUILD=${RIG_BUILD:-build}
rig_built() {
	case $1 in
	sluiced) echo "$RIG_BUILD/ctrl/sluiced" ;;
	sluicectl) echo "$RIG_BUILD/ctrl/cli/sluicectl" ;;
	control-load) echo "$RIG_BUILD/perf/control-load" ;;
	steer.bpf.o) echo "$RIG_BUILD/drivers-conf/steer.bpf.o" ;;
	esac
}

# Start sluiced in a namespace: rig_sluiced_start SUFFIX CONFIG [LABEL]
rig_sluiced_start() {
	rig_spawn "${3:-sluiced}" ip netns exec "$RIG_NAME-$1" "$(rig_built sluiced)" --config "$2"
}

# Remove all recorded resources, also those of an earlier run that was killed.
rig_end() {
	local netns pages
	[[ -n $RIG_RUN && -d $RIG_RUN ]] || return 0
	rig_stop '*'
	while read -r netns; do
		ip netns del "$netns" 2>/dev/null || true
	done < <(cat "$RIG_RUN/netns" 2>/dev/null)
	if read -r pages 2>/dev/null <"$RIG_RUN/hugepages"; then
		hugepages_change "-$pages"
	fi
	rm -rf "/run/dpdk/$RIG_NAME" "/run/dpdk/$RIG_NAME"-* "$RIG_RUN"
}
