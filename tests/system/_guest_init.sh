#!/bin/busybox sh
# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash
#
# Process 1 of the initramfs of _guest.sh: mounts and modules. With a disk that is all, and its init goes on.
# Else hugepages, and then the commands of the host.
/bin/busybox --install -s /bin
mkdir -p /proc /sys /dev /run /tmp
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
while read -r module; do
	insmod "$module"
done </modules/order
if [ -d /disk ]; then
	until [ -b /dev/vda ]; do
		sleep 0.1
	done
	mount -t ext4 -o ro /dev/vda /disk
	umount /proc /sys /dev
	exec switch_root /disk /sbin/init
fi
mount -t tmpfs run /run
mkdir -p /dev/hugepages /var/lib/sluice /etc/sluice
# The emulated IOMMU does not remap interrupts.
echo 1 >/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts
for node in /sys/devices/system/node/node[0-9]*; do
	cat /modules/hugepages >"$node/hugepages/hugepages-2048kB/nr_hugepages"
done
ip link set lo up
exec sh /agent
