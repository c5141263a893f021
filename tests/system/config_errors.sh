#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What is wrong with a configuration is said with file, line and field, and nothing is started.
#
# In a mount namespace of its own, in which a CPU is offline, a disk read-only, and other PCI devices
# are there.
if [[ -z ${SLUICE_OWN_MOUNTS-} ]]; then
	exec env SLUICE_OWN_MOUNTS=1 unshare --mount "$0"
fi
source "$(dirname "$0")/_lib.sh"
test_begin
config=$RIG_RUN/bad.yaml
config_null sluiced >"$RIG_RUN/good.yaml"

# refused WHAT LINE FIELD: the file at $config is refused, naming line and field.
refused() {
	local output code=0
	output=$(timeout 20 "$(rig_built sluiced)" --config "$config" 2>&1) || code=$?
	((code != 0 && code < 124)) || fail "$1: exit code $code: $output"
	grep -qF -- "$config:$2" <<<"$output" || fail "$1: line $2 is not named: $output"
	grep -qF -- "$3" <<<"$output" || fail "$1: $3 is not named: $output"
	[[ $(wc -l <<<"$output") -le 2 ]] || fail "$1: more than the error is printed: $output"
}

# line_of TEXT: its line in $config
line_of() {
	grep -n -m 1 -- "$1" "$config" | cut -d : -f 1
}

edit() {
	sed "$@" "$RIG_RUN/good.yaml" >"$config"
}

edit 's/^workers: .*/workers: [-1]/'
refused "number out of range" "$(line_of workers)" workers
edit 's/^workers: .*/workers: one/'
refused "wrong type" "$(line_of workers)" workers
edit 's/^workers:/werkers:/'
refused "unknown field" "$(line_of werkers)" werkers
edit '/^workers:/d'
refused "missing field" "" workers
edit 's/name: p1/name: p0/'
refused "duplicate port" "$(line_of net_ring0)" /ports/1/name
edit 's/^control: .*/control: {core: 1000}/'
refused "no such CPU" "$(line_of control)" /control/core
edit "s/^workers: .*/workers: [$(rig_cpus | head -n 1)]/"
refused "that of the control thread" "$(line_of workers)" /workers/0
last=$(rig_cpus | tail -n 1)
edit "s/^workers: .*/workers: [$last, $last]/"
refused "a CPU twice" "$(line_of workers)" "/workers/1: found CPU $last twice, expected each CPU once"
echo 0 >"$RIG_RUN/online"
if [[ -e /sys/devices/system/cpu/cpu$last/online ]]; then
	mount --bind "$RIG_RUN/online" "/sys/devices/system/cpu/cpu$last/online"
	edit "s/^workers: .*/workers: [$last]/"
	refused "offline" "$(line_of workers)" "/workers/0: found CPU $last, which is offline, expected one"
	umount "/sys/devices/system/cpu/cpu$last/online"
fi
edit 's/^hugepages: .*/hugepages: [/'
refused "syntax" "" ""
edit 's/^hugepages: .*/&\nhugepages: true/'
refused "duplicate key" "" hugepages
edit 's/net_null0,no-rx=1/net_af_xdp0/'
refused "no interface" "$(line_of net_af_xdp0)" /ports/0/devargs

# The files of flows and relays that it names: by --check, all rules inside each of them.
mkdir "$RIG_RUN/flows.d"
edit "s|^state: .*|state: {path: '', flows: $RIG_RUN/flows.d}|"
files_refused() {
	local output code=0
	cat >"$RIG_RUN/flows.d/relays.yaml"
	output=$("$(rig_built sluiced)" --config "$config" --check 2>&1) || code=$?
	((code == 1)) || fail "$1: exit code $code: $output"
	[[ $output == *"relays.yaml:$2: relay call: $3"* ]] || fail "$1: $output"
}
files_refused "out of range" 3 '/a/local_port: found 70000' <<-END
	relays:
	- id: call
	  a: {port: p0, local: 192.0.2.1, local_port: 70000}
	  b: {port: p1, local: 198.51.100.1, local_port: 6000}
END
files_refused "odd port" 5 '/b/local_port: found 6001, expected an even port' <<-END
	relays:
	- id: call
	  rtcp: next
	  a: {port: p0, local: 192.0.2.1, local_port: 6000}
	  b: {port: p1, local: 198.51.100.1, local_port: 6001}
END
files_refused "no port" 3 '/a/local_port: missing, expected the local UDP port, or pool' <<-END
	relays:
	- id: call
	  a: {port: p0, local: 192.0.2.1}
	  b: {port: p1, local: 198.51.100.1, local_port: 6000}
END
sed -i 's/192.0.2.1}/192.0.2.1, pool: none}/' "$RIG_RUN/flows.d/relays.yaml"
output=$("$(rig_built sluiced)" --config "$config" --check 2>&1) || fail "a good file: $output"

# What is no file, also as certificates: it is not waited for.
no_file() {
	local output code=0
	output=$(timeout 20 "$(rig_built sluiced)" --config "$1" 2>&1) || code=$?
	((code == 78)) || fail "$1: exit code $code: $output"
	[[ $output == *"$2" ]] || fail "$1: $output"
}
mkfifo "$RIG_RUN/fifo.yaml"
no_file "$RIG_RUN/fifo.yaml" "$RIG_RUN/fifo.yaml: found a FIFO, expected a file"
no_file "$RIG_RUN" "$RIG_RUN: found a directory, expected a file"

# A device that cannot be probed: the port, its devargs and what to do are named behind what the EAL
# says.
not_probed() {
	local output code=0
	output=$(timeout 20 "$(rig_built sluiced)" --config "$config" 2>&1) || code=$?
	((code != 0 && code < 124)) || fail "$1: exit code $code: $output"
	grep -q "port p0: probing \"$1\" failed: .*$2" <<<"$output" || fail "$1: $output"
}
edit 's/net_null0,no-rx=1/net_nul0/'
not_probed net_nul0 'did you mean net_null?'
edit 's/net_null0,no-rx=1/0000:ff:1f.7/'
not_probed 0000:ff:1f.7 'there is no /sys/bus/pci/devices/0000:ff:1f.7'

# The last line of a start that fails: last_line WHAT EXPRESSION
last_line() {
	local output code=0
	output=$(timeout 20 "$(rig_built sluiced)" --config "$config" 2>&1) || code=$?
	((code == 1)) || fail "$1: exit code $code: $output"
	grep -qE "$2" <<<"$(tail -n 1 <<<"$output")" || fail "$1: $output"
}
edit "s/net_null0,no-rx=1/net_af_xdp0,iface=absent0/
	s|^ports:|xdp_program: $PWD/$(rig_built steer.bpf.o)\\n&|"
last_line "no such interface" "port p0: interface absent0: found no such interface, expected one that 'ip"

# Devices that the kernel has: one, and one whose interface carries the default route. The network
# namespace is entered without its /sys.
pci=/sys/bus/pci/devices
rig_netns_add host
ip -n "$RIG_NAME-host" link add media0 type veth peer name media1
ip -n "$RIG_NAME-host" link set media0 up
ip -n "$RIG_NAME-host" address add 192.0.2.1/24 dev media0
ip -n "$RIG_NAME-host" route add default via 192.0.2.2 dev media0
mount -t tmpfs none "$pci"
for address in 0000:03:00.0 0000:04:00.0; do
	mkdir -p "$pci/$address/net"
	for file in vendor=0x8086 device=0x1592 subsystem_vendor=0 subsystem_device=0 class=0x020000 \
		numa_node=0 max_vfs=0; do
		echo "${file#*=}" >"$pci/$address/${file%%=*}"
	done
	printf '0x0 0x0 0x0\n%.0s' {1..6} >"$pci/$address/resource"
	ln -s /sys/bus/pci/drivers/ice "$pci/$address/driver"
done
mkdir "$pci/0000:04:00.0/net/media0"
of_the_kernel() {
	local output code=0
	edit "s/net_null0,no-rx=1/$1/"
	output=$(nsenter --net="/run/netns/$RIG_NAME-host" timeout 20 "$(rig_built sluiced)" \
		--config "$config" 2>&1) || code=$?
	((code == 1)) || fail "$1: exit code $code: $output"
	[[ $(tail -n 1 <<<"$output") == "sluiced: port p0: probing \"$1\" failed: driver ice has it$2"* ]] ||
		fail "$1: $output"
}
of_the_kernel 0000:03:00.0 "; for most NICs 'dpdk-devbind.py -b vfio-pci 0000:03:00.0' makes it DPDK's"
of_the_kernel 0000:04:00.0 ', and its interface media0 carries the default route; expected another NIC'
umount "$pci"

# More memory than any machine has in hugepages, and a store on a disk that is read-only.
edit 's/^hugepages: .*/hugepages: true/; s/^memory_mb: .*/memory_mb: 1048576/'
grep -q '^memory_mb: 1048576' "$config" || echo "memory_mb: 1048576" >>"$config"
last_line "too few hugepages" "found [0-9]+ free hugepages of [0-9]+ KiB, expected about [0-9]+: 'sysctl"
mkdir "$RIG_RUN/disk"
mount -t tmpfs -o ro none "$RIG_RUN/disk"
edit "s|^state: .*|state: {path: $RIG_RUN/disk/state.db}|"
last_line "a read-only disk" "cannot open $RIG_RUN/disk/state.db-lock: Read-only file system; make its"
umount "$RIG_RUN/disk"

config=$RIG_RUN/absent.yaml
output=$(timeout 20 "$(rig_built sluiced)" --config "$config" 2>&1) && fail "no file, but it started"
grep -qF "$config" <<<"$output" || fail "the missing file is not named: $output"
[[ ! -e $RIG_RUN/sluiced.sock ]] || fail "a socket was made"
