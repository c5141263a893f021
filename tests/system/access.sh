#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Roles by user and by group, also supplementary ones; what a refusal says; the audit log, its
# rotation, and what happens when it cannot be written; places that are kept for root.
source "$(dirname "$0")/_lib.sh"
RPC_LIMITS=", socket_group: 7001, max_connections: 20"
ACCESS=", default_role: none, users: [{user: 7101, role: viewer}, {user: 7102, role: operator}],
  groups: [{group: 7002, role: operator}, {group: 7003, role: viewer}]"
test_begin
rig_netns_add box
log=$RIG_RUN/disk/audit.log
mkdir "$RIG_RUN/disk"
AUDIT_LOG=$log
mount -t tmpfs -o size=64k tmpfs "$RIG_RUN/disk"
end_access() {
	local status=$?
	umount -l "$RIG_RUN/disk" || true
	test_end "$status"
}
trap end_access EXIT
config_null sluiced | sluiced_start sluiced
pid=$(rig_pid sluiced)
install -m 755 "$(rig_built sluicectl)" "/run/$TEST_RIG-ctl"
trap 'rm -f "/run/$TEST_RIG-ctl"; end_access' EXIT
chmod 755 "$RIG_RUN"

# as UID GROUPS COMMAND...: sluicectl as that user, in these groups
as() {
	local uid=$1 groups=$2
	shift 2
	setpriv --reuid "$uid" --regid 7001 --groups "$groups" --no-new-privs \
		"/run/$TEST_RIG-ctl" --socket "$RIG_RUN/sluiced.sock" "$@"
}

# refused UID GROUPS NEEDS HAS COMMAND...
refused() {
	local uid=$1 groups=$2 needs=$3 has=$4 output
	shift 4
	output=$(expect_exit 1 as "$uid" "$groups" "$@" 2>&1)
	grep -q "requires role $needs, uid $uid has $has; add an entry under access.users" <<<"$output" ||
		fail "uid $uid, groups $groups: expected needs $needs, has $has; found: $output"
}

flow=(flow add --match "port=p0,dst=192.0.2.1:5004" --action drop --id)
refused 7100 7001 viewer none info
as 7101 7001 info >/dev/null
# The error names the limit.
message_bytes() {
	as "$@" --json info | json_value "d['limits']['message_bytes']"
}
(($(message_bytes 7101 7001) == 128 * 1024)) || fail "a viewer has $(message_bytes 7101 7001) bytes"
(($(message_bytes 7102 7001) == 4 << 20)) || fail "an operator has $(message_bytes 7102 7001) bytes"
refused 7101 7001 operator viewer "${flow[@]}" x
refused 7101 7001,7002 operator viewer "${flow[@]}" x # a user's entry comes first
refused 7100 7001,7003 operator viewer "${flow[@]}" x
as 7100 7003,7002 "${flow[@]}" by-group >/dev/null
as 7102 7001 flow del by-group >/dev/null
[[ $(setpriv --reuid 7102 --regid 9 --clear-groups "/run/$TEST_RIG-ctl" --socket \
	"$RIG_RUN/sluiced.sock" info 2>&1) == *"permission denied"* ]] ||
	fail "who is not in the socket's group got in"
ctl "${flow[@]}" by-root >/dev/null
expect_exit 1 ctl "${flow[@]}" by-root 2>/dev/null

# A line each, of all that needs more than viewer.
[[ $(stat -c %a "$log") == 640 ]] || fail "the audit log's mode is $(stat -c %a "$log")"
found=$(/usr/bin/python3 -c '
import json, sys
for line in open(sys.argv[1], encoding="utf-8"):
    entry = json.loads(line)
    actor = entry["actor"]
    print(actor["uid"], actor["via"], actor["role"], entry["method"],
          ",".join(entry["what"].get("ids", [])), entry["outcome"])
' "$log")
[[ $found == "7101 unix viewer flow.install x FORBIDDEN
7101 unix viewer flow.install x FORBIDDEN
7100 unix viewer flow.install x FORBIDDEN
7100 unix operator flow.install by-group ok
7102 unix operator flow.remove by-group ok
0 unix admin flow.install by-root ok
0 unix admin flow.install by-root CONFLICT" ]] || fail "the audit log says: $found"

# Rotated.
mv "$log" "$log.1"
kill -HUP "$pid"
rig_wait 30 test -e "$log" || fail "no new log after SIGHUP"
ctl flow del by-root >/dev/null
[[ $(wc -l <"$log") == 1 && $(wc -l <"$log.1") == 7 ]] || fail "the lines are not where they belong"

# A full disk: the change that was made is reported, no other is made, reads still work.
dd if=/dev/zero of="$RIG_RUN/disk/fill" bs=1k 2>/dev/null || true
truncate -s 0 "$log.1" # what is left of a page is not enough for all
made=0
while ctl "${flow[@]}" "f$made" --match "port=p0,dst=192.0.2.1:$((6000 + made))" \
	>"$RIG_RUN/full.out" 2>&1; do
	made=$((made + 1))
	((made < 200)) || fail "200 changes are logged on a full disk"
	[[ -e $RIG_RUN/refilled ]] || { cat /dev/zero >"$RIG_RUN/disk/fill2" 2>/dev/null || true; }
done
grep -q "changes are refused until it can be written" "$RIG_RUN/full.out" ||
	fail "expected a refusal for the log, found: $(cat "$RIG_RUN/full.out")"
ctl flow show "f$((made - 1))" >/dev/null || fail "reading stopped"
grep -q "audit log .*f$((made - 1))" "$RIG_RUN/sluiced.log" || fail "the line is not in the log"
rm "$RIG_RUN"/disk/fill*
ctl flow del f0 >/dev/null || fail "changes do not go on"
for ((i = 0; i < made; i++)); do
	grep -q "\"f$i\"" "$log" || fail "the line of f$i is lost"
done
/usr/bin/python3 -c 'import json, sys; [json.loads(l) for l in open(sys.argv[1])]' "$log" ||
	fail "a line is torn"

# All places taken by somebody else: root still gets in.
cat >"$RIG_RUN/hold.py" <<-'END'
	import os, socket, sys, time
	os.setgroups([7001]); os.setgid(7001); os.setuid(7101)
	held = []
	for _ in range(20):
	    held.append(socket.socket(socket.AF_UNIX))
	    held[-1].connect(sys.argv[1])
	time.sleep(0.2)
	extra = socket.socket(socket.AF_UNIX)
	extra.connect(sys.argv[1])
	print(extra.recv(4096).decode(), flush=True)
	time.sleep(60)
END
rig_spawn hold /usr/bin/python3 "$RIG_RUN/hold.py" "$RIG_RUN/sluiced.sock"
rig_wait 30 grep -q "connection exceeds max_connections, which is 20" "$RIG_RUN/hold.log" ||
	fail "a connection too many is not refused: $(cat "$RIG_RUN/hold.log")"
ctl info >/dev/null || fail "root does not get in"
