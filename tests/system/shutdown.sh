#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# SIGTERM and SIGINT end sluiced cleanly: exit code 0, and no socket, XDP program, hugepage or
# run-time file is left behind.
source "$(dirname "$0")/_lib.sh"
test_begin
topology_make 2
rig_hugepages_take "$TEST_MEMORY_MB"
config_af_xdp sluiced 2 | sed 's/^hugepages: .*/hugepages: true/' >"$RIG_RUN/sluiced.yaml"

# Regular files in any hugetlbfs, and what is in DPDK's run-time directory of this instance.
files_left() {
	local mount
	while read -r mount; do
		find "$mount" -type f
	done < <(awk '$3 == "hugetlbfs" { print $2 }' /proc/mounts)
	find "/run/dpdk/${RIG_NAME#slt-}-sluiced" ! -type d 2>/dev/null || true
}

has_xdp() {
	ip -n "$RIG_NAME-box" link show p0 | grep -qw xdp
}

for signal in TERM INT; do
	rig_sluiced_start box "$RIG_RUN/sluiced.yaml"
	rig_wait 30 ctl info || fail "sluiced does not answer"
	[[ $(stat -c %a "$RIG_RUN/sluiced.sock") == 660 ]] || fail "the socket's mode is not 0660"
	has_xdp || fail "no XDP program while it runs"
	grep -q '^HugetlbPages:.*[1-9]' "/proc/$RIG_PID/status" ||
		fail "it uses no hugepages: this proves nothing"
	ctl flow add --match port=p0,dst=192.0.2.1:5004 \
		--leg port=p1,src=198.51.100.1:6004,dst=198.51.100.10:7004
	counters_conserved sluiced

	! grep '^EAL' "$RIG_RUN/sluiced.log" || fail "the EAL warns though all is well"

	kill "-$signal" "$RIG_PID"
	code=0
	wait "$RIG_PID" || code=$?
	((code == 0)) || fail "exit code $code after SIG$signal"
	[[ ! -e $RIG_RUN/sluiced.sock ]] || fail "the socket is left"
	! has_xdp || fail "an XDP program is left"
	[[ -z $(files_left) ]] || fail "files are left: $(files_left)"
done
