#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 240
# nightly: boots a guest
# A machine of two NUMA nodes, each with a NIC and a worker: sluiced names each worker whose node is not its
# port's, and the tables are on the node of the first port. With the worker on the node of its only port
# nothing is warned of.
source "$(dirname "$0")/_guest.sh"
test_begin
GUEST_CPUS=3
GUEST_HUGEPAGES=100
GUEST_QEMU=(
	-object "memory-backend-ram,id=ram0,size=512M" -object "memory-backend-ram,id=ram1,size=512M"
	-numa "node,nodeid=0,cpus=0-1,memdev=ram0" -numa "node,nodeid=1,cpus=2,memdev=ram1"
	-device "pxb-pcie,id=near,bus=pcie.0,bus_nr=64,numa_node=0"
	-device "pxb-pcie,id=far,bus=pcie.0,bus_nr=128,numa_node=1"
)
guest_nic 0 e1000e far 80
guest_nic 1 e1000e near 40
guest_start

# Where system.info says that the tables are, without repetitions.
tables_on() {
	[[ $(ctl --json info | json_value "sorted({t['memory']['socket']
		for t in (d['flows']['ipv4'], d['flows']['ipv6'], d['legs'])})") == "[$1]" ]] ||
		fail "tables: $(ctl --json info)"
}

guest_config 2 >"$RIG_RUN/sluice.yaml"
guest_sluiced_start <"$RIG_RUN/sluice.yaml"
[[ $(ctl --json port list | json_value "[p['socket'] for p in d['ports']]") == "[1, 0]" ]] ||
	fail "nodes of the ports: $(ctl port list)"
tables_on 1
for warning in "worker on core 1 (NUMA node 0) polls port p0 of node 1" \
	"worker on core 2 (NUMA node 1) polls port p1 of node 0"; do
	guest_log | grep -qF "$warning" || fail "no '$warning': $(guest_log)"
done
guest_sluiced_stop

sed 's/^workers: .*/workers: [2]/; /name: p1/d' "$RIG_RUN/sluice.yaml" | guest_sluiced_start
tables_on 1
[[ $(guest_log) != *"NUMA node"* ]] || fail "warned of nothing wrong: $(guest_log)"
guest_sluiced_stop
