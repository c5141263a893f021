#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Every example of docs/rpc.md, which is made of the contract, is answered as the example says.
source "$(dirname "$0")/_lib.sh"
CONSERVATION_OPTIONS=(--flows-removed)
UNMATCHED=punt
# What the examples call the machines around.
BOX_MAC=(02:00:5e:00:53:01 02:00:5e:00:53:02 02:00:5e:00:53:03)
HOST_MAC=(02:00:5e:00:53:10 02:00:5e:00:53:20 02:00:5e:00:53:30)
HOST_IPV4=(192.0.2.10 198.51.100.20 203.0.113.30)
test_begin
STATE_PATH=$RIG_RUN/state.db
POOLS="{name: voice, addresses: [192.0.2.1], ports: [20000, 29999], pairs: true}"
rig_make 3
# Nobody receives there, which is not to be in the examples.
rig_exec h1 nft 'add table ip quiet; add chain ip quiet out { type filter hook output priority 0; };
	add rule ip quiet out icmp type destination-unreachable drop'
rig_exec h0 timeout 100 tests/system/rpc_examples.py "$RIG_RUN/sluiced.sock" eth0 \
	ctrl/schema/sluice-rpc.json || fail "the examples differ"
