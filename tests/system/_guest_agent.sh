#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash
#
# In the guest of _guest.sh: runs the commands that come from the host by its virtio-serial port, see guest.py.
# Each line is the number of a request and a script, in base64; the reply is its output and its exit code.
until port=$(ls /dev/vport*p1 2>/dev/null); do
	sleep 0.1
done
exec 3<>"$port"
while read -r id script <&3; do
	[ -n "$id" ] || continue
	echo "$script" | base64 -d >/run/script
	sh /run/script </dev/null >/run/output 2>&1 3<&-
	echo "$id $? $(base64 -w 0 /run/output)" >&3
done
