#!/bin/busybox sh
# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash
#
# Process 1 of the guest of _guest.sh: mounts, modules, hugepages, and then a loop that runs the
# commands of the second serial port, see guest.py. The kernel's log is on the first one.
/bin/busybox --install -s /bin
mkdir -p /proc /sys /dev /run /tmp /var/lib/sluice /etc/sluice
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t tmpfs run /run
mkdir -p /dev/hugepages
while read -r module; do
	insmod "$module"
done </modules/order
# The emulated IOMMU does not remap interrupts.
echo 1 >/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts
for node in /sys/devices/system/node/node[0-9]*; do
	cat /modules/hugepages >"$node/hugepages/hugepages-2048kB/nr_hugepages"
done
ip link set lo up
stty -F /dev/ttyS1 raw -echo
exec </dev/ttyS1 >/dev/ttyS1
# Each line is the number of a request and a script, in base64; the reply is its output and its exit code.
while read -r id script; do
	echo "$script" | base64 -d >/run/script
	sh /run/script </dev/null >/run/output 2>&1
	echo "$id $? $(base64 -w 0 /run/output)"
done
