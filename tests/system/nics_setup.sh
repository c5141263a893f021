#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 1500
# nightly: boots a guest from a disk, three times
# From the package to packets, as "Set up the host" of deploy.md has it: sluice-setup on a Debian whose NICs are
# on another NUMA node than CPU 0. --dry-run changes nothing; --yes binds two NICs with driverctl, and keeps
# that of the default route; after a reboot there is nothing to do, the kernel has its parameters, the service
# runs, doctor has no error, and a flow is relayed. --undo gives all back, also after one more reboot, and the
# purge leaves nothing.
source "$(dirname "$0")/_guest.sh"
test_begin
GUEST_ROOT=disk
GUEST_CPUS=4
GUEST_MEMORY_MB=2304
GUEST_QEMU=(
	-object "memory-backend-ram,id=ram0,size=1024M" -object "memory-backend-ram,id=ram1,size=1280M"
	-numa "node,nodeid=0,cpus=0-1,memdev=ram0" -numa "node,nodeid=1,cpus=2-3,memdev=ram1"
	-device "pxb-pcie,id=far,bus=pcie.0,bus_nr=128,numa_node=1"
	-netdev "user,id=office,restrict=on" -device "e1000e,netdev=office,bus=pcie.0,addr=0x14,mac=${BOX_MAC[2]}"
)
# What doctor warns of in emulation: there is no TSC that it trusts, nobody sets the clock, the disk is a file
# of a busy host, and the emulated IOMMU does not remap interrupts.
WARNINGS="clock iommu store tsc"
guest_nic 0 e1000e far 80
guest_nic 1 e1000e far 80

# What takes its time in emulation: guest_long SCRIPT
guest_long() {
	tests/system/guest.py --timeout 400 run "$RIG_RUN/guest" "$1"
}
setup() { # LOG OPTION...
	local log=$RIG_RUN/$1.log
	shift
	guest_long "sluice-setup $*" >"$log" 2>&1 || fail "sluice-setup $*: $(cat "$log")"
}
says() { # LOG TEXT
	grep -qF -- "$2" "$RIG_RUN/$1.log" || fail "no '$2' in: $(cat "$RIG_RUN/$1.log")"
}
# Drivers of the NICs that become ports, and of the one that does not.
drivers() {
	guest_script "for pci in ${nics[*]} 0000:00:14.0; do
		basename \"\$(readlink /sys/bus/pci/devices/\$pci/driver)\"; done" | paste -sd ' '
}
isolated() {
	guest_run cat /sys/devices/system/cpu/isolated
}
parameters() {
	guest_run cat /proc/cmdline | tr ' ' '\n' | grep -E '^(isolcpus|nohz_full|rcu_nocbs|irqaffinity|iommu)=' |
		paste -sd ' ' || true
}
pages() {
	guest_script "cat /sys/devices/system/node/node*/hugepages/hugepages-2048kB/nr_hugepages" | paste -sd ' '
}
host_state() {
	guest_script "tar -c /etc /boot/grub /var/lib/sluice | sha256sum; ls /var/lib
		cat /proc/irq/*/smp_affinity_list"
	pages
	drivers
}

guest_start
nics=("$(guest_nic_address 0)" "$(guest_nic_address 1)")
# The guest's Debian as an operator finds it: an address and the default route by a NIC, and no option of vfio.
guest_run rm /etc/modprobe.d/guest.conf
guest_ip <<-END
	link set enp0s20 up
	address add 203.0.113.1/24 dev enp0s20
	route add default via 203.0.113.10
END

before=$(host_state)
setup dry-run --dry-run
says dry-run "kept: carries the default route"
says dry-run "nothing was changed (--dry-run)"
[[ $(host_state) == "$before" ]] || fail "--dry-run has changed: $(diff <(host_state) - <<<"$before")"

setup applied --yes
says applied "next: reboot"
[[ $(drivers) == "vfio-pci vfio-pci e1000e" ]] || fail "drivers: $(drivers)"
[[ $(pages) == "32 256" ]] || fail "hugepages: $(pages)"
guest_run ip route | grep -q '^default' || fail "the default route is gone"
# A worker in emulation does not always run for a second, see "Service" in deploy.md.
guest_script "mkdir /etc/systemd/system/sluiced.service.d
	printf '[Service]\nWatchdogSec=20s\n' >/etc/systemd/system/sluiced.service.d/emulated.conf"

guest_reboot
[[ $(isolated) == 2 ]] || fail "isolated: $(isolated)"
[[ $(parameters) == "isolcpus=managed_irq,domain,2 nohz_full=2 rcu_nocbs=2 irqaffinity=0-1,3 iommu=pt" ]] ||
	fail "parameters: $(parameters)"
[[ $(drivers) == "vfio-pci vfio-pci e1000e" ]] || fail "drivers: $(drivers)"
[[ $(pages) == "32 256" ]] || fail "hugepages: $(pages)"
setup second --yes
says second "nothing to do"

guest_long "systemctl start sluiced" || fail "$(guest_run journalctl -u sluiced -o cat)"
# What sluiced does when it starts interrupts the worker's CPU, for longer where the emulation has little time.
doctor_is_content() {
	guest_long "sluicectl doctor" >"$RIG_RUN/doctor.log" || true # 1, as there are warnings
	found=$(awk -v expected="$WARNINGS" '$1 == "WARNING" && !index(expected, $2) { print $2 }' "$RIG_RUN/doctor.log")
	[[ -z $found ]]
}
rig_wait 90 doctor_is_content || fail "doctor warns of $found: $(cat "$RIG_RUN/doctor.log")"
says doctor "0 errors, "
relay_add
guest_ports_up
nic_peer --from 192.0.2.10:1000 --to 192.0.2.1:5004 --count 200 --patience 60 \
	--leg 1,198.51.100.1:6004,198.51.100.10:7004
relay_counted 200 200 relay
drivers-conf/lib/conservation_check.py \
	tests/system/guest.py run "$RIG_RUN/guest" "sluicectl --json counters --flows"

guest_long "systemctl stop sluiced" || fail "sluiced does not stop"
setup undone --undo --yes
says undone "kernel parameters are gone after a reboot"
[[ $(drivers) == "e1000e e1000e e1000e" ]] || fail "drivers: $(drivers)"
for nic in "${nics[@]}"; do
	guest_run ls "/sys/bus/pci/devices/$nic/net" >/dev/null || fail "$nic has no interface"
done
guest_reboot
[[ $(isolated) == "" && $(parameters) == "" ]] || fail "isolated: $(isolated), parameters: $(parameters)"
[[ $(drivers) == "e1000e e1000e e1000e" ]] || fail "drivers: $(drivers)"
[[ $(pages) == "0 0" ]] || fail "hugepages: $(pages)"

guest_long "rm -r /etc/systemd/system/sluiced.service.d
	DEBIAN_FRONTEND=noninteractive apt-get -qq -y purge sluice" >"$RIG_RUN/purge.log" 2>&1 ||
	fail "$(cat "$RIG_RUN/purge.log")"
left=$(guest_long "find / -xdev -iname '*sluice*'; grep -l sluice /etc/passwd /etc/group /boot/grub/grub.cfg || true")
[[ -z $left ]] || fail "left by the purge: $left"
