#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 600
# What was acknowledged is back after kill -9 at any time, whole, 80 times, 400 times in the nightly
# run; see durable.py.
source "$(dirname "$0")/_lib.sh"
IPV4_FLOWS=2048
test_begin
STATE_PATH=$RIG_RUN/state/state.db
rig_netns_add box
config_null sluiced >"$RIG_RUN/sluiced.yaml"
rig_run durable ip netns exec "$RIG_NAME-box" tests/system/durable.py "$(rig_built sluiced)" \
	"$RIG_RUN/sluiced.yaml" "$RIG_RUN/sluiced.sock" --rounds "${DURABLE_ROUNDS:-80}" ||
	fail "see above"
! ls "$RIG_RUN"/state/*.corrupt* 2>/dev/null || fail "a store was taken for damaged"
