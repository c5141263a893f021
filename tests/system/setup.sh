#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# sluice-setup on hosts of many kinds, which are trees of files here: what it proposes, what it
# refuses, that a second run has nothing to do, and that --undo restores every byte. On this machine
# --dry-run takes nothing.
# timeout: 600
source "$(dirname "$0")/_lib.sh"
test_begin

tests/system/setup_hosts.py "$RIG_RUN" "$(rig_built sluiced)" "$(rig_built sluicectl)" \
	"$(rig_built steer.bpf.o)" || fail "see above"

# Completion offers the options of --help, and interfaces of this machine.
offers() {
	COMP_WORDS=(sluice-setup "$@")
	COMP_CWORD=$#
	_sluice_setup
	echo "${COMPREPLY[*]}"
}
sluice-setup() { drivers-conf/setup/sluice-setup "$@"; }
source drivers-conf/setup/sluice-setup.bash
[[ $(offers --take l) == "" ]] || fail "completion offers lo: $(offers --take l)"
[[ $(offers --take-) == "--take-default-route" ]] || fail "completion: $(offers --take-)"
[[ $(offers --dry-run --y) == "--yes" ]] || fail "completion: $(offers --dry-run --y)"

PATH=$(dirname "$(realpath "$(rig_built sluicectl)")"):$PATH

# This machine: the interface of the default route is named, and not taken.
iface=$(ip route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -n 1)
[[ -n $iface ]] || exit 0
before=$(cat /proc/sys/vm/nr_hugepages /proc/irq/*/smp_affinity_list)
output=$(drivers-conf/setup/sluice-setup --profiles "$RIG_RUN/profiles" --dry-run \
	--take "$iface" 2>&1) && fail "took $iface: $output"
[[ $output == "sluice-setup: $iface: carries the default route"* ]] || fail "found: $output"
output=$(drivers-conf/setup/sluice-setup --profiles "$RIG_RUN/profiles" --dry-run \
	--take "$iface" --take-default-route 2>&1) || fail "a dry run: $output"
grep -q "iface=$iface\|$(basename "$(readlink -f "/sys/class/net/$iface/device")")" <<<"$output" ||
	fail "$iface is not in: $output"
[[ $(cat /proc/sys/vm/nr_hugepages /proc/irq/*/smp_affinity_list) == "$before" ]] ||
	fail "a dry run has changed values of this machine"
[[ ! -e /var/lib/sluice-setup/setup.json ]] || fail "a dry run has left a record"
