#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The requests that sluice-rpc(7) shows are answered with results, sent as they are printed.
source "$(dirname "$0")/_lib.sh"
CONSERVATION_OPTIONS=(--flows-removed)
test_begin
rig_make 2
sed -n '/^\.Bd/,/^\.Ed/{/^\./!p}' docs/man/sluice-rpc.7 >"$RIG_RUN/requests"
timeout 20 /usr/bin/python3 - "$RIG_RUN/sluiced.sock" "$RIG_RUN/requests" <<'END' || fail "not answered"
import json, socket, sys
link = socket.socket(socket.AF_UNIX)
link.connect(sys.argv[1])
text = open(sys.argv[2], encoding="utf-8").read()
link.sendall(text.encode())
replies = link.makefile()
wanted = text.count('"id": ') - text.count('"id": "')
assert wanted >= 6, wanted
for number in range(1, wanted + 1):
    reply = json.loads(replies.readline())
    assert reply.get("id") == number and "result" in reply, reply
END
