# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# A rig is everything that a script puts up on the host for a while: network namespaces, veth
# pairs, processes, hugepages. All of it is written down in /run/NAME before it is made, so that it
# can be taken down on any exit, and by the next run when the script itself was killed.
#
#	/run/NAME/owner	    pid and start time of the script
#	/run/NAME/pids	    pid, start time and label of each process that it started
#	/run/NAME/netns     names of its namespaces
#	/run/NAME/hugepages how many pages it added to vm.nr_hugepages
#
# A pid counts as ours only while its start time is the one written down: a number that the kernel
# gave to somebody else since is left alone. Mounts need no record: sluiced keeps its hugepages in
# memory only, and the /sys of a namespace goes with the process that `ip netns exec` made it for.

RIG_NAME=
RIG_RUN=
# shellcheck disable=SC2034 # for the scripts that source this file
RIG_PID=

rig_die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

# Start time of a process in clock ticks since boot: what tells it from a later one of the same pid.
process_start() {
	local stat fields
	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
	read -r -a fields <<<"${stat##*) }"
	echo "${fields[19]}"
}

process_is() {
	[[ $(process_start "$1") == "$2" ]]
}

# Take the name, after tidying up what a killed run of the same name left.
rig_begin() {
	RIG_NAME=$1
	RIG_RUN=/run/$RIG_NAME
	rig_reclaim
	mkdir -m 0711 "$RIG_RUN" || rig_die "cannot make $RIG_RUN"
	echo "$$ $(process_start $$)" >"$RIG_RUN/owner"
	: >"$RIG_RUN/pids"
	: >"$RIG_RUN/netns"
}

# Refuse while the owner lives; tidy up after one that does not.
rig_reclaim() {
	local pid start
	[[ -d $RIG_RUN ]] || return 0
	if read -r pid start 2>/dev/null <"$RIG_RUN/owner" && process_is "$pid" "$start"; then
		rig_die "already running as process $pid"
	fi
	rig_end
}

# Forget the owner, so that what runs outlives this script and the next run may take it down.
rig_release() {
	rm -f "$RIG_RUN/owner"
}

# Run a command in the background under a label; RIG_PID is its pid, RIG_RUN/LABEL.log its output.
# It is in a session of its own: a Ctrl-C at the terminal reaches this script only.
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

# Run a command in the foreground, written down as well: rig_run LABEL COMMAND...
rig_run() {
	local label=$1
	shift
	(
		pid=$BASHPID
		echo "$pid $(process_start "$pid") $label" >>"$RIG_RUN/pids"
		exec "$@"
	)
}

# The pid of a label that still runs.
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

# End the processes whose label matches the pattern, with the children they have in their session:
# ask, wait ten seconds at most, insist.
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

# With what it started, if it has a session of its own.
process_kill() {
	kill "-$1" -- "-$2" 2>/dev/null || kill "-$1" "$2" 2>/dev/null
}

# Ended, or a zombie that waits for its parent to say so; not while another of its threads runs yet,
# as a worker on a busy machine does, with all sockets open.
process_gone() {
	local stat tasks
	process_is "$1" "$2" || return 0
	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
	tasks=("/proc/$1/task/"*)
	[[ ${stat##*) } == Z* ]] && ((${#tasks[@]} <= 1))
}

# No process of that label runs any more.
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

# A namespace called NAME-SUFFIX. IPv6 addresses are usable at once (no duplicate detection), and
# no router is looked for.
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

# A veth pair between two namespaces: rig_veth_add SUFFIX_A NAME_A SUFFIX_B NAME_B. B is the
# peer whose kernel sends to A: it must put checksums and VLAN tags into its packets, as a wire
# has no room beside them.
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

# Change vm.nr_hugepages by a number of pages, and keep the book. Differences, not absolute values,
# so that rigs side by side do not undo each other. The kernel may give fewer than it is asked for.
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

# Have so many megabytes in free hugepages: rig_hugepages_take MB. They are added to those that
# there are: a page that is free now may be meant for somebody who has not touched it yet. Only
# when the kernel cannot give them must the free ones do.
rig_hugepages_take() {
	local pages=$(($1 * 1024 / $(hugepage_kb)))
	hugepages_change "$pages"
	(($(hugepages_free) >= pages)) || rig_die "found $(hugepages_free) free hugepages" \
		"and no memory to make more of, expected $pages"
}

# The CPUs that this process may use, one a line.
rig_cpus() {
	local range
	while read -r range; do
		seq "${range%-*}" "${range#*-}"
	done < <(awk '$1 == "Cpus_allowed_list:" { gsub(",", "\n", $2); print $2 }' /proc/self/status)
}

# Path of something that the build made, from the top of the tree: rig_built FILE_NAME
RIG_BUILD=${RIG_BUILD:-build}
rig_built() {
	case $1 in
	sluiced) echo "$RIG_BUILD/ctrl/sluiced" ;;
	sluicectl) echo "$RIG_BUILD/ctrl/cli/sluicectl" ;;
	control-load) echo "$RIG_BUILD/perf/control-load" ;;
	steer.bpf.o) echo "$RIG_BUILD/drivers-conf/steer.bpf.o" ;;
	esac
}

# sluiced in a namespace: rig_sluiced_start SUFFIX CONFIG [LABEL]
rig_sluiced_start() {
	rig_spawn "${3:-sluiced}" ip netns exec "$RIG_NAME-$1" "$(rig_built sluiced)" --config "$2"
}

# Take down everything that is written down. Also for what an earlier, killed run left.
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
