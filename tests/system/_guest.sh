# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# System tests with PCI NICs: a guest of qemu, in software emulation, whose NICs are handed to sluiced
# through vfio-pci behind an emulated IOMMU. It runs Debian's kernel, and sluiced from an initramfs; or, with
# GUEST_ROOT=disk, a Debian whose init is systemd, with the package of Sluice, on a disk that keeps what is
# written when the guest boots again. Source it instead of _lib.sh. A NIC's frames come and go by a pair of
# Unix sockets: nic_peer.py.
#
#	nic_peer.py --- nicN.peer, nicN.qemu --- qemu: nicN --- vfio-pci --- sluiced: pN
#	guest_run   --- guest.in, guest.out  --- virtio-serial --- _guest_agent.sh
#	monitor     --- monitor.sock         --- QMP
source "$(dirname "${BASH_SOURCE[0]}")/_lib.sh"
source tests/system/_package.sh

GUEST_CACHE=/var/cache/sluice-guest # drivers-conf/install-deps has it, too
GUEST_CPUS=2
GUEST_MEMORY_MB=1024
GUEST_HUGEPAGES=160 # of 2 MiB, each NUMA node
GUEST_DRIVERS=(bus_pci bus_vdev mempool_ring net_e1000 net_vmxnet3 net_virtio net_tap)
GUEST_MODULES=(vfio-pci vfio_iommu_type1 tun 8021q virtio_pci virtio_console)
GUEST_PROGRAMS=(/usr/bin/ip)
GUEST_ROOT=initramfs
GUEST_CMDLINE=intel_iommu=on # more of it
GUEST_QEMU=() # further options
GUEST_NETNS= # where qemu runs: the namespace of the taps, see guest_nic_taps()
GUEST_CTL="sluicectl --socket /run/sluice.sock"
GUEST_RX_QUEUES=1
GUEST_WIRES= # where nic_peer.py finds the NICs' sockets

# Where the EAL looks for drivers.
guest_drivers() {
	dirname "$(readlink -f "$(pkg-config --variable=libdir libdpdk)/librte_bus_pci.so")"
}

# Copy files, and the libraries that they need, to the same place below a directory: guest_copy ROOT
# FILE... What is a driver of DPDK in one of these places is a link to the EAL's directory in the others,
# as with Debian: two copies of one would be two drivers, which the EAL refuses.
guest_copy() {
	local root=$1 drivers file real
	shift
	drivers=$(guest_drivers)
	{
		printf '%s\n' "$@"
		ldd "$@" | grep -o '/[^ ]*\.so[^ ]*'
	} | sed 's,^/lib,/usr/lib,; s,:$,,' | sort -u | while read -r file; do
		real=$(readlink -f "$file")
		mkdir -p "$root${file%/*}"
		if [[ $real == "$drivers"/* ]]; then
			cp "$real" "$root$real"
			ln -sf "$real" "$root$file"
		else
			cp "$real" "$root$file"
		fi
	done
}

# An initramfs, not compressed, as unpacking is slow in emulation: guest_initramfs FILE ROOT MODULE...
# of what is below ROOT, and of _guest_init.sh, busybox and kernel modules.
guest_initramfs() {
	local file=$1 root=$2 release module
	release=$(cat "$GUEST_CACHE/release")
	shift 2
	mkdir -p "$root"/{modules,usr/bin}
	ln -s usr/bin "$root/"
	cp "$(command -v busybox)" "$root/bin/busybox"
	cp tests/system/_guest_init.sh "$root/init"
	for module in "$@"; do
		/sbin/modprobe -d "$GUEST_CACHE/$release" -S "$release" --show-depends "$module" ||
			fail "no module $module"
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' >"$RIG_RUN/modules"
	while read -r module; do
		cp "$module" "$root/modules/"
		echo "/modules/${module##*/}"
	done <"$RIG_RUN/modules" >"$root/modules/order"
	(cd "$root" && find . | cpio --quiet -o -H newc) >"$file"
	rm -rf "$root"
}

# That of the guest without a disk.
guest_image_make() {
	local root=$RIG_RUN/root drivers driver
	drivers=$(guest_drivers)
	mkdir -p "$root$drivers" "$root"/{modules,usr/bin,usr/lib64,var}
	ln -s usr/lib usr/lib64 "$root/"
	ln -s bin "$root/usr/sbin"
	ln -s ../run "$root/var/run"
	cp tests/system/_guest_agent.sh "$root/agent"
	cp "$(rig_built sluiced)" "$(rig_built sluicectl)" "$root/usr/bin/"
	cp "$(rig_built steer.bpf.o)" "$root/steer.bpf.o"
	cp -r drivers-conf/profiles "$root/profiles"
	guest_copy "$root" "$PWD/$(rig_built sluiced)" "$PWD/$(rig_built sluicectl)" \
		"${GUEST_PROGRAMS[@]}"
	for driver in "${GUEST_DRIVERS[@]}"; do
		guest_copy "$root" "$drivers/librte_$driver.so"
	done
	echo "$GUEST_HUGEPAGES" >"$root/modules/hugepages"
	guest_initramfs "$RIG_RUN/initramfs" "$root" "${GUEST_MODULES[@]}"
}

# The disk's image: made of the root of install-deps and the package, and kept until one of them has
# changed. GUEST_DISK is its name. The test has a lock on it until it ends, as the guest boots from it again.
guest_disk_make() {
	local parts
	package_build
	GUEST_DISK=$GUEST_CACHE/disk-${TEST_RIG##*-}-$(cksum <<<"$GUEST_CMDLINE" | cut -d ' ' -f 1)
	# install-deps removes images of which these are no longer the parts.
	parts=$(sha256sum "$GUEST_CACHE/root.made" "$PACKAGE" "$PWD"/tests/system/{_guest,_guest_agent}.sh)
	exec {GUEST_DISK_LOCK}>>"$GUEST_DISK.lock"
	if ! guest_disk_is "$parts"; then
		flock "$GUEST_DISK_LOCK"
		if [[ $(cat "$GUEST_DISK.made" 2>/dev/null) != "$parts" ]]; then # nobody has made it meanwhile
			guest_disk_write "$parts"
		fi
		guest_disk_is "$parts" || fail "the guest's disk has changed"
	fi
}

# It is made of these parts, and locked against changes.
guest_disk_is() {
	flock --shared "$GUEST_DISK_LOCK"
	[[ $(cat "$GUEST_DISK.made" 2>/dev/null) == "$1" ]]
}

guest_disk_write() {
	local root=$RIG_RUN/root
	mkdir "$root"
	(
		flock --shared 9 # install-deps does not replace what is copied here
		guest_disk_fill "$root"
	) 9>>/run/sluice-install-deps.lock >"$RIG_RUN/disk.log" 2>&1 || fail "cannot make the guest's disk"
	rm -f "$GUEST_DISK.made"
	truncate --size=2G "$GUEST_DISK.new"
	mke2fs -q -t ext4 -d "$root" "$GUEST_DISK.new"
	rm -rf --one-file-system "$root"
	mv "$GUEST_DISK.new" "$GUEST_DISK"
	echo "$1" >"$GUEST_DISK.made"
}

# What the guest's Debian has beside the package. Consoles and periodic tasks only take time.
guest_disk_fill() {
	local root=$1
	cp -a "$GUEST_CACHE/root/." "$root"
	cp "$PACKAGE" "$root/sluice.deb"
	unshare -mpf --mount-proc="$root/proc" chroot "$root" dpkg --force-unsafe-io -i /sluice.deb || return
	rm "$root/sluice.deb"
	mkdir -p "$root/boot/grub" # for update-grub
	cat >"$root/etc/default/grub" <<-END
		GRUB_TIMEOUT=0
		GRUB_CMDLINE_LINUX="console=ttyS0 $GUEST_CMDLINE"
	END
	echo "/dev/vda / ext4 defaults 0 0" >"$root/etc/fstab"
	echo guest >"$root/etc/hostname"
	md5sum <<<"$GUEST_DISK" | cut -d ' ' -f 1 >"$root/etc/machine-id"
	# The emulated IOMMU does not remap interrupts.
	echo "options vfio_iommu_type1 allow_unsafe_interrupts=1" >"$root/etc/modprobe.d/guest.conf"
	cp tests/system/_guest_agent.sh "$root/usr/local/sbin/guest-agent"
	cat >"$root/etc/systemd/system/guest-agent.service" <<-END
		[Service]
		ExecStart=/usr/local/sbin/guest-agent
		[Install]
		WantedBy=multi-user.target
	END
	chroot "$root" systemctl enable guest-agent.service
	chroot "$root" systemctl mask getty.target e2scrub_all.timer e2scrub_reap.service fstrim.timer \
		apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer logrotate.timer dpdk.service
}

# A NIC on the first PCI bus, or on another: guest_nic NUMBER MODEL[,OPTIONS] [BUS BUS_NUMBER]. Behind a root
# port of its own, so that it can be pulled.
GUEST_NIC_ROOTS=() # where the root ports are in sysfs
guest_nic() {
	local wire=dgram,local.type=unix,local.path=$RIG_RUN/nic$1.qemu,remote.type=unix,remote.path=$RIG_RUN/nic$1.peer
	if [[ $GUEST_NETNS ]]; then
		rig_exec "$GUEST_NETNS" ip tuntap add dev "nic$1" mode tap multi_queue
		rig_exec "$GUEST_NETNS" sysctl -q -w "net.ipv6.conf.nic$1.disable_ipv6=1"
		rig_exec "$GUEST_NETNS" ip link set "nic$1" up
		wire=tap,ifname=nic$1,queues=$GUEST_RX_QUEUES,vhost=off,script=no,downscript=no
	fi
	GUEST_NIC_ROOTS[$1]=0000:${4:-00}:$((10 + $1)).0
	GUEST_QEMU+=(
		-netdev "$wire,id=nic$1"
		-device "pcie-root-port,id=slot$1,chassis=$1,slot=$1,bus=${3:-pcie.0},addr=0x$((10 + $1))"
		-device "$2,id=dev$1,netdev=nic$1,bus=slot$1,mac=${BOX_MAC[$1]}"
	)
}

# Boot the guest with the NICs so far.
guest_start() {
	GUEST_WIRES=$RIG_RUN
	drivers-conf/install-deps --guest
	if [[ $GUEST_ROOT == disk ]]; then
		guest_disk_make
		qemu-img create -q -f qcow2 -b "$GUEST_DISK" -F raw "$RIG_RUN/disk"
		GUEST_QEMU+=(-drive "if=none,id=disk,file=$RIG_RUN/disk,cache=unsafe"
			-device "virtio-blk-pci,drive=disk,bus=pcie.0")
		GUEST_CTL=sluicectl
		mkdir -p "$RIG_RUN/root/disk"
		guest_initramfs "$RIG_RUN/initramfs" "$RIG_RUN/root" virtio_pci virtio_blk ext4
	else
		guest_image_make
	fi
	mkfifo "$RIG_RUN/guest.in" "$RIG_RUN/guest.out"
	guest_boot "console=ttyS0 quiet panic=-1 $GUEST_CMDLINE"
}

# With a command line of the kernel. qemu ends when the guest boots again, see guest_reboot.
guest_boot() {
	local release
	release=$(cat "$GUEST_CACHE/release")
	rig_spawn guest ${GUEST_NETNS:+ip netns exec "$RIG_NAME-$GUEST_NETNS"} qemu-system-x86_64 \
		-nodefaults -no-user-config -display none -no-reboot \
		-M q35 -cpu max -smp "$GUEST_CPUS" -m "$GUEST_MEMORY_MB" \
		-kernel "$GUEST_CACHE/$release/boot/vmlinuz-$release" -initrd "$RIG_RUN/initramfs" \
		-append "no_timer_check $1" \
		-device intel-iommu,intremap=off,caching-mode=on \
		-chardev "file,id=console,path=$RIG_RUN/console.log,append=on" -serial chardev:console \
		-chardev "pipe,id=control,path=$RIG_RUN/guest" -device virtio-serial-pci \
		-device virtserialport,chardev=control \
		-qmp "unix:$RIG_RUN/monitor.sock,server=on,wait=off" "${GUEST_QEMU[@]}"
	rig_wait 20 test -S "$RIG_RUN/monitor.sock" || fail "qemu does not start"
	# One command: many would wait for the guest, and each of them takes its time there.
	tests/system/guest.py --timeout 300 run "$RIG_RUN/guest" true || fail "the guest does not boot"
	[[ $GUEST_ROOT != disk ]] || guest_booted
}

# The guest with a disk boots again. In the place of GRUB, which is slow in emulation, this does what
# /boot/grub/grub.cfg says, if somebody has run update-grub.
guest_reboot() {
	local line
	line=$(guest_script "sed -n '/^[[:space:]]*linux[[:space:]]/ { s///; s/^[^ ]* //; p; q }' \
		/boot/grub/grub.cfg 2>/dev/null || cat /proc/cmdline")
	guest_run systemctl reboot || true # it may be gone before it answers
	rig_wait 60 rig_ended guest || fail "the guest does not end"
	guest_boot "$line"
}

# systemd has started all units, and none has failed.
guest_booted() {
	rig_wait 120 guest_script "[ \"\$(systemctl is-system-running)\" != starting ]" || true
	guest_script "systemctl is-system-running" || fail "units: $(guest_script "systemctl --failed list-jobs")"
}

# A command in the guest: its output and exit code.
guest_run() {
	local script
	printf -v script '%q ' "$@"
	guest_script "$script"
}

guest_script() {
	tests/system/guest.py --timeout 60 run "$RIG_RUN/guest" "$1"
}

# A command of QMP: monitor COMMAND [NAME=VALUE ...]
monitor() {
	tests/system/guest.py qmp "$RIG_RUN/monitor.sock" "$@" >/dev/null
}

# The PCI address of a NIC in the guest.
guest_nic_address() {
	guest_script "basename /sys/bus/pci/devices/${GUEST_NIC_ROOTS[$1]}/0000:*.0"
}

# Hand a NIC to vfio-pci, as an operator would.
guest_nic_bind() {
	guest_script "
		device=/sys/bus/pci/devices/$1
		echo vfio-pci >\$device/driver_override
		[ ! -e \$device/driver ] || echo $1 >\$device/driver/unbind
		echo $1 >/sys/bus/pci/drivers_probe
		[ \"\$(basename \$(readlink \$device/driver))\" = vfio-pci ]" || fail "vfio-pci does not take $1"
}

# Configuration of sluiced on the first N NICs.
guest_config() {
	local i address
	echo "rpc: {socket: /run/sluice.sock}"
	echo "state: {path: ''}"
	echo "access: {audit_log: ''}"
	echo "control: {core: 0}"
	echo "profiles: /profiles"
	echo "workers: [$(seq -s , 1 $((GUEST_CPUS - 1)))]"
	echo "tables: {ipv4_flows: $IPV4_FLOWS, ipv6_flows: $IPV6_FLOWS}"
	echo "xdp_program: /steer.bpf.o"
	echo "ports:"
	for ((i = 0; i < $1; i++)); do
		address=$(guest_nic_address "$i")
		guest_nic_bind "$address"
		echo "  - {name: p$i, devargs: \"$address\", rx_queues: $GUEST_RX_QUEUES}"
	done
}

# Start sluiced in the guest on the configuration at stdin.
guest_sluiced_start() {
	guest_script "cat >/etc/sluice/sluice.yaml <<'END'
$(cat)
END
		rm -f /run/sluiced.exit
		{ sluiced --config /etc/sluice/sluice.yaml >/run/sluiced.log 2>&1; echo \$? >/run/sluiced.exit; } &"
	rig_wait 60 guest_script "[ -e /run/sluiced.exit ] || $GUEST_CTL info"
	ctl info >/dev/null || fail "sluiced does not answer: $(guest_log)"
}

# The conservation law holds, and sluiced ends well when it is asked to.
guest_sluiced_stop() {
	drivers-conf/lib/conservation_check.py "${CONSERVATION_OPTIONS[@]}" \
		tests/system/guest.py run "$RIG_RUN/guest" "$GUEST_CTL --json counters --flows"
	guest_script 'kill $(pidof sluiced)'
	rig_wait 20 guest_run test -e /run/sluiced.exit || fail "sluiced does not stop"
	[[ $(guest_run cat /run/sluiced.exit) == 0 ]] || fail "sluiced ended with an error: $(guest_log)"
}

guest_log() {
	guest_run cat /run/sluiced.log
}

# The usual rig: two NICs of a model, and sluiced on them.
guest_rig_make() {
	guest_nic 0 "$1"
	guest_nic 1 "$1"
	guest_start
	guest_config 2 >"$RIG_RUN/sluice.yaml"
	guest_sluiced_start <"$RIG_RUN/sluice.yaml"
}

# _lib.sh's helpers of counters and flows ask the guest's sluiced.
ctl() {
	guest_run $GUEST_CTL "$@"
}

# Frames through the NICs, see nic_peer.py: nic_peer ARGUMENTS... succeeds if all came out as expected.
# peer_value EXPRESSION is of what it counted, in Python, of the document `d`.
nic_peer() {
	${GUEST_NETNS:+ip netns exec "$RIG_NAME-$GUEST_NETNS"} tests/system/nic_peer.py "$GUEST_WIRES" "$@" \
		>"$RIG_RUN/peer.json" || fail "frames: $*"
}

peer_value() {
	json_value "$1" <"$RIG_RUN/peer.json"
}

port_is_up() {
	port_link_is "$1" True
}

port_is_down() {
	port_link_is "$1" False
}

port_link_is() {
	[[ $(ctl --json port list |
		json_value "next(p['link_up'] for p in d['ports'] if p['name'] == '$1')") == "$2" ]]
}

# Kinds of the events of a port's link so far, oldest first.
guest_port_events() {
	ctl --json events --kinds port_up,port_down | paste -sd , | sed 's/.*/[&]/' |
		json_value "' '.join(e['event'] for e in d if e['port'] == '$1')"
}

# The NICs have done what they do before they have a link.
guest_ports_up() {
	local port
	for port in p0 p1; do
		rig_wait 20 port_is_up "$port" || fail "port $port has no link: $(ctl port list)"
	done
}

# The flow of most tests: from 192.0.2.10:1000 and p0 to 198.51.100.10:7004 and p1.
relay_add() {
	ctl flow add --id relay --match port=p0,src=192.0.2.10:1000,dst=192.0.2.1:5004 \
		--leg "port=p1,src=198.51.100.1:6004,dst=198.51.100.10:7004,mac=${HOST_MAC[1]}"
}

# Two NICs of a model: a flow is relayed, one of IPv6, one in a VLAN with the addresses of the first, and one is
# replicated by two legs.
guest_relay() {
	local out=port=p1,src=198.51.100.1 mac=mac=${HOST_MAC[1]} out6="port=p1,src=[2001:db8:1::1]"
	guest_rig_make "$1"
	relay_add
	ctl flow add --id relay6 --match "port=p0,src=[2001:db8::10]:1000,dst=[2001:db8::1]:5004" \
		--leg "$out6:6004,dst=[2001:db8:1::10]:7004,$mac"
	ctl flow add --id tagged --match port=p0,vlan=10,src=192.0.2.10:1000,dst=192.0.2.1:5004 \
		--leg "$out:6010,dst=198.51.100.10:7010,vlan=20,$mac"
	ctl flow add --id copies --match port=p0,src=192.0.2.10:1002,dst=192.0.2.1:5006 \
		--leg "$out:6006,dst=198.51.100.10:7006,$mac,ttl=9" --leg "$out:6008,dst=198.51.100.11:7008,$mac"
	guest_ports_up
	nic_peer --from 192.0.2.10:1000 --to 192.0.2.1:5004 --count 500 \
		--leg 1,198.51.100.1:6004,198.51.100.10:7004
	relay_counted 500 500 relay
	nic_peer --from "[2001:db8::10]:1000" --to "[2001:db8::1]:5004" --count 200 \
		--leg "1,[2001:db8:1::1]:6004,[2001:db8:1::10]:7004"
	relay_counted 200 200 relay6
	nic_peer --in 0/10 --from 192.0.2.10:1000 --to 192.0.2.1:5004 --count 100 \
		--leg 1/20,198.51.100.1:6010,198.51.100.10:7010
	relay_counted 100 100 tagged
	nic_peer --from 192.0.2.10:1002 --to 192.0.2.1:5006 --count 300 \
		--leg 1,198.51.100.1:6006,198.51.100.10:7006,9 --leg 1,198.51.100.1:6008,198.51.100.11:7008
	relay_counted 300 600 copies
	expect_counter flow:copies.legs.0.sent 300
	expect_counter flow:copies.legs.1.sent 300
	guest_sluiced_stop
}

# What sluiced has counted since the last call is what the peer has: relay_counted SENT RECEIVED FLOW
RELAY_RX=(0 0) # packets and bytes so far
RELAY_TX=(0 0)
relay_counted() {
	[[ $(peer_value "d['sent'], d['received']['1']") == "($1, $2)" ]] || fail "$3: $(cat "$RIG_RUN/peer.json")"
	RELAY_RX=($((RELAY_RX[0] + $1)) $((RELAY_RX[1] + $(peer_value "d['sent_bytes']"))))
	RELAY_TX=($((RELAY_TX[0] + $2)) $((RELAY_TX[1] + $(peer_value "d['received_bytes']['1']"))))
	expect_counter "flow:$3.packets" "$1"
	expect_counter p0.rx_packets "${RELAY_RX[0]}"
	expect_counter p0.rx_bytes "${RELAY_RX[1]}"
	expect_counter p1.tx_packets "${RELAY_TX[0]}"
	expect_counter p1.tx_bytes "${RELAY_TX[1]}"
}

# NICs that stay with the guest's kernel, and become ports by AF_XDP: the first N get the names of _lib.sh's
# ports, and the hosts of a file answer for addresses behind them (nic_hosts.py): guest_kernel_nics N HOSTS
guest_kernel_nics() {
	local i
	for ((i = 0; i < $1; i++)); do
		guest_script "
			cd /sys/class/net
			name=\$(dirname \$(grep -l ${BOX_MAC[i]} */address))
			/bin/ip link set \$name name p$i addrgenmode none
			/bin/ip link set p$i up" || fail "no interface of NIC $i"
	done
	rig_spawn hosts tests/system/nic_hosts.py "$RIG_RUN" "$2"
	rig_wait 30 grep -q ready "$RIG_RUN/hosts.log" || fail "no hosts"
	GUEST_WIRES=$RIG_RUN/wires
}

# Ports on the first N of them, for guest_sluiced_start.
guest_kernel_config() {
	local i
	guest_config 0
	for ((i = 0; i < $1; i++)); do
		echo "  - {name: p$i, devargs: \"net_af_xdp$i,iface=p$i\", rx_queues: 1}"
	done
}

# Commands of ip(8) at stdin, one a line, of which all must succeed.
guest_ip() {
	guest_script "cat >/run/ip <<'END'
$(cat)
END
		/bin/ip -batch /run/ip" || fail "ip in the guest"
}
