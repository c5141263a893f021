#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Every bad input gets a clear error that names code and field, and changes nothing: see
# bad_input.py for the requests. And sluicectl's exit codes are those that scripts may rely on.
source "$(dirname "$0")/_lib.sh"
IPV4_FLOWS=64
RPC_LIMITS=", max_message_bytes: 1048576, max_depth: 16, max_connections: 4"
test_begin
rig_netns_add box
config_null sluiced | sluiced_start sluiced

tests/system/bad_input.py "$RIG_RUN/sluiced.sock"

expect_exit 0 ctl info
expect_exit 1 ctl flow show no-such-flow
expect_exit 2 ctl rpc no.such.method
expect_exit 2 ctl no-such-command
expect_exit 2 ctl flow add --match port=p0
expect_exit 1 ctl flow replace <(echo '{"id": "nobody", "match": {"port": "p0", "dst": "192.0.2.1",
	"dst_port": 9}, "action": "drop"}')
expect_exit 2 ctl flow replace /nonexistent
expect_exit 2 ctl leg join kept
expect_exit 3 "$(rig_built sluicectl)" --socket "$RIG_RUN/none.sock" events --follow
expect_exit 3 "$(rig_built sluicectl)" --socket "$RIG_RUN/none.sock" info
