#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Two instances side by side, each with its own socket, file prefix and port: neither knows of the
# other's flows, and both forward.
source "$(dirname "$0")/_lib.sh"
test_begin
topology_make 2
config_af_xdp first 1 0 | sluiced_start first
config_af_xdp second 1 1 | sluiced_start second

# Each relays on one port: what its host sends comes back to it.
for i in 0 1; do
	label=$([[ $i == 0 ]] && echo first || echo second)
	ctl_of $label flow add --id echo --match "port=p$i,dst=${BOX_IPV4[i]}:5004" \
		--leg "port=p$i,src=${BOX_IPV4[i]}:6004,dst=${HOST_IPV4[i]}:7004"
	receive_start "$label-in" "h$i" --src "${BOX_IPV4[i]}:6004" --dst "${HOST_IPV4[i]}:7004" --count 300
	send "h$i" --src "${HOST_IPV4[i]}:1000" --dst "${BOX_IPV4[i]}:5004" --count 300
	receive_end "$label-in"
done
counters_conserved first
counters_conserved second
rig_stop first
ctl_of second flow list | grep -q echo || fail "the second instance lost its flow with the first"
