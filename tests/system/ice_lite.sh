#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 300
# The example of an ICE-lite agent answers real ICE agents over AF_XDP: both families, a peer in the
# wrong role, one with a wrong password; media pass both ways then. Answers are counted and audited.
source "$(dirname "$0")/_lib.sh"
/usr/bin/python3 -c 'import aioice' 2>/dev/null || {
	echo "python3-aioice is not installed"
	exit 77
}
test_begin
AUDIT_LOG=$RIG_RUN/audit.log
rig_make 2

# The test vectors of RFC 5769, and what must not be answered.
(cd docs/examples && /usr/bin/python3 - <<'END') || fail "the agent is wrong"
import struct
import ice_lite as ice
request = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74"
    "002400046e0001ff80290008932ff9b151263b36000600096576746a3a68367659202020"
    "000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf")
password = "VOkJxbRl1RmTxUk/WvJxBt"
message = ice.Message(request)
assert message.is_authentic(password) and not message.is_authentic(password + "x")
agent = ice.Agent("evtj", password)
reply, told = agent.answer(message, ("192.0.2.1", 32853))
assert told == "error 487" and reply[:4] == b"\x01\x11" + struct.pack("!H", len(reply) - 20)
# Section 2.2, but for its SOFTWARE: the address, and an integrity that the same check accepts.
assert ice.xor_mapped_address(("192.0.2.1", 32853), message.transaction).hex() == \
    "002000080001a147e112a643"
assert ice.xor_mapped_address(
    ("2001:db8:1234:5678:11:2233:4455:6677", 32853), message.transaction).hex() == \
    "002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9"
for at in range(len(request)):
    broken = bytearray(request)
    broken[at] ^= 1
    try:
        ice.Message(bytes(broken))
        raise AssertionError(f"byte {at} is not checked")
    except ValueError:
        pass
assert ice.Agent("other", password).answer(message, ("192.0.2.1", 1))[1] == "error 401"
assert ice.Agent("evtj", "other").answer(message, ("192.0.2.1", 1))[1] == "error 401"


def made(*attributes, kind=ice.MESSAGE_INTEGRITY):
    """A request of these attributes, with integrity and fingerprint."""
    sealed = agent.seal(ice.REQUEST, b"".join(attributes), message, False)
    if kind:
        bare = ice.Message(sealed)
        bare.attributes[kind] = b""
        sealed = agent.seal(ice.REQUEST, b"".join(attributes), bare, True)
    return ice.Message(sealed)


user, priority = ice.attribute(ice.USERNAME, b"evtj:x"), ice.attribute(ice.PRIORITY, bytes(4))
use = ice.attribute(ice.USE_CANDIDATE, b"")
for expected, given in (
        ("success", made(user, priority)), ("nominated", made(user, priority, use)),
        ("nominated", made(user, priority, use, kind=ice.MESSAGE_INTEGRITY_SHA256)),
        ("error 400", made(user)), ("error 400", made(priority)),
        ("error 400", made(user, priority, kind=None)),
        ("error 420", made(user, priority, ice.attribute(0x7ffe, b"")))):
    reply, told = agent.answer(given, ("2001:db8::1", 9))
    assert told == expected, (told, expected)
    assert reply[-4:] == ice.fingerprint(reply[:-8])
END

# The socket is that of the option, or of the environment; one that is not there is named.
expect_exit 1 docs/examples/ice_lite.py --socket "$RIG_RUN/none.sock" --flow x 2>"$RIG_RUN/none"
grep -q "No such file or directory: '$RIG_RUN/none.sock'" "$RIG_RUN/none" ||
	fail "a socket that is not there: $(cat "$RIG_RUN/none")"

agent_start() {
	SLUICE_SOCKET=$RIG_RUN/sluiced.sock rig_spawn "agent$1" docs/examples/ice_lite.py --flow "ice$1"
	rig_wait 30 grep -q '^a=end-of-candidates' "$RIG_RUN/agent$1.log" ||
		fail "the agent does not run: $(cat "$RIG_RUN/agent$1.log")"
}
# client LABEL ARGUMENTS... in the background
client() {
	local label=$1
	shift
	rig_spawn "$label" ip netns exec "$RIG_NAME-h0" tests/system/ice_client.py "$@"
}
client_says() {
	rig_wait 60 grep -q "^$2" "$RIG_RUN/$1.log" || fail "$1: $(cat "$RIG_RUN/$1.log")"
}

BOX=("" 192.0.2.1 "" "" 192.0.2.1 "" "[2001:db8:0::1]")
LEG=("" "" "" "" 198.51.100.1 "" "[2001:db8:1::1]")
FAR=("" "" "" "" 198.51.100.10 "" "[2001:db8:1::10]")
for family in 4 6; do
	ctl flow add --id "ice$family" --match "port=p0,dst=${BOX[family]}:5004" --classes stun=punt \
		--leg "port=p1,src=${LEG[family]}:6004,dst=${FAR[family]}:7004"
	agent_start "$family"
	tally_start "far$family" h1 10 "${FAR[family]}:7004"
	client "peer$family" --family "$family" --count 50 "$RIG_RUN/agent$family.log"
	client_says "peer$family" completed
	read -r _ address port <"$RIG_RUN/peer$family.log"
	[[ $family == 4 ]] || address="[$address]"
	grep -q "^nominated $(sed 's/[][]/\\&/g' <<<"$address"):$port" "$RIG_RUN/agent$family.log" ||
		fail "not nominated: $(cat "$RIG_RUN/agent$family.log")"
	tally_end "far$family"
	expect_tally "far$family" "[x['kinds'] for x in d.values()]" "[{'rtp:0x1:96': 50}]"
	# The way back, to the candidate that the peer has nominated.
	ctl flow add --id "back$family" \
		--match "port=p1,src=${FAR[family]}:7004,dst=${LEG[family]}:6004" \
		--leg "port=p0,src=${BOX[family]}:5004,dst=$address:$port"
	media h1 --src "${FAR[family]}:7004" --dst "${LEG[family]}:6004" --count 60 rtp
	client_says "peer$family" "received 50"
done

# A peer that takes itself for controlled changes its role; one with a wrong password is refused.
client wrong_role --controlled "$RIG_RUN/agent4.log"
client_says wrong_role completed
grep -q '^error 487' "$RIG_RUN/agent4.log" || fail "no role conflict was found"
client stranger --pwd 0123456789012345678901 "$RIG_RUN/agent4.log"
client_says stranger failed
grep -q '^error 401' "$RIG_RUN/agent4.log" || fail "the stranger was not refused"

answered=$(cat "$RIG_RUN"/agent[46].log | grep -c '^success\|^nominated\|^error')
expect_counter p0.injected "$answered"
[[ $(grep -c '"method":"packet.inject"' "$AUDIT_LOG") == "$answered" ]] ||
	fail "the audit log differs: $(tail -n 3 "$AUDIT_LOG")"
ctl counters | grep -A1 '^PORT *INJECTED' | grep -q "^p0 *$answered" || fail "$(ctl counters)"
