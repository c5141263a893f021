#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The TLS listener: the set-up of docs/access.md, sluicectl over it, clients that must not
# get through or may not harm others (tls_clients.py), certificates that are renewed, and what is
# said about files that are not in order.
source "$(dirname "$0")/_lib.sh"
test_begin
AUDIT_LOG=$RIG_RUN/audit.log
rig_netns_add box
rig_netns_add h0
rig_veth_add box p0 h0 eth0
rig_address_add box p0 192.0.2.1/24
rig_address_add h0 eth0 192.0.2.10/24
top=$PWD
certs=$RIG_RUN/certs
mkdir "$certs"

documented=$(awk '/^<!-- run by tests\/system\/tls.sh -->$/ { here = 1; next }
	here && /^```sh$/ { on = 1; next } on && /^```$/ { exit } on' docs/access.md)
[[ $documented == *openssl* ]] || fail "docs/access.md has no commands to run"
(cd "$certs" && bash -euc "$documented") >"$RIG_RUN/openssl.log" 2>&1 ||
	fail "the commands of docs/access.md fail: $(tail -n 3 "$RIG_RUN/openssl.log")"

# authority NAME SUBJECT: another one
authority() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
		-subj "/CN=$2" -keyout "$1.key" -out "$1.pem"
}

# certificate NAME AUTHORITY DAYS
certificate() {
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" \
		-keyout "$1.key" -out "$1.csr"
	openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -days "$3" \
		-out "$1.pem"
}
(
	cd "$certs"
	authority stranger "Sluice authority" # of the same name as ours
	certificate other stranger 2
	authority second "Second authority"
	certificate new second 2
	certificate guest ca 2
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=ana" \
		-keyout old.key -out old.csr
	openssl x509 -req -in old.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days -1 -out old.pem
) >>"$RIG_RUN/openssl.log" 2>&1 || fail "openssl: $(tail -n 3 "$RIG_RUN/openssl.log")"

# The section tls of docs/access.md; only the directory is another.
config_tls() {
	config_null sluiced
	awk '/^```yaml$/ { on = 1; next } /^```$/ { on = 0 } on && /^tls:/ { here = 1 } on && here' \
		docs/access.md | sed "s|/etc/sluice/|$certs/|"
}

# refused FIELD SED...: with the configuration so edited nothing starts, and the field is named
refused() {
	local field=$1 output
	shift
	config_tls | sed "$@" >"$RIG_RUN/bad.yaml"
	output=$(rig_exec box timeout 30 "$(rig_built sluiced)" --config "$RIG_RUN/bad.yaml" 2>&1) &&
		fail "$field: it started"
	grep -qF "$field" <<<"$output" || fail "$field is not named: $output"
}
refused /tls/certificate "s|certs/box.pem|certs/none.pem|"
refused /tls/key "s|certs/box.key|certs/ana.key|"
refused /tls/ca "s|certs/ca.pem|certs/box.key|"
refused /tls/listen "s|192.0.2.1:7878|192.0.2.99:7878|"
refused /tls/listen "s|192.0.2.1:7878|somewhere|"
chmod 644 "$certs/box.key"
refused /tls/key "s|x|x|"
chmod 600 "$certs/box.key"

config_tls | sluiced_start sluiced
pid=$(rig_pid sluiced)

# remote NAME ENDPOINT COMMAND...
remote() {
	local name=$1 endpoint=$2
	shift 2
	rig_exec h0 env SLUICE_CERT="$certs/$name.pem" SLUICE_KEY="$certs/$name.key" \
		SLUICE_CA="$certs/ca.pem" "$top/$(rig_built sluicectl)" --connect "$endpoint" "$@"
}
remote ana 192.0.2.1:7878 info >/dev/null
remote ana 192.0.2.1:7878 flow add --id far --match port=p0,dst=192.0.2.1:5004 --action drop
ctl flow show far >/dev/null

# The command of docs/access.md, word for word, by both of its clients.
command=$(grep -m 1 '^    sluicectl --connect' docs/access.md)
for name in ana monitoring; do
	(cd "$certs" && PATH=$top/$(dirname "$(rig_built sluicectl)"):$PATH \
		rig_exec h0 bash -c "${command//ana./$name.}") | grep -q far ||
		fail "docs/access.md does not work for $name"
done
expect_exit 1 remote monitoring 192.0.2.1:7878 flow add --id more \
	--match port=p0,dst=192.0.2.1:5006 --action drop 2>/dev/null
grep -q '"name": *"monitoring".*"address": *"192.0.2.10:[0-9]*".*"outcome": *"FORBIDDEN"' \
	"$RIG_RUN/audit.log" || fail "the audit log does not say from where: $(<"$RIG_RUN/audit.log")"

[[ $(remote guest 192.0.2.1:7878 info 2>&1) == *"guest has none"* ]] ||
	fail "a certificate without a role gets no error"
expect_exit 1 remote guest 192.0.2.1:7878 info 2>/dev/null
logged() {
	grep -qE "warning: tls: 192.0.2.10:[0-9]+: $1" "$RIG_RUN/sluiced.log" ||
		fail "sluiced does not say: $1: $(grep tls: "$RIG_RUN/sluiced.log")"
}
logged "the certificate CN=guest has no role"

# turned_away NAME ALERT REASON: sluicectl says which alert it was, and sluiced whose, from where
# and why; often, as a
# reset that overtakes the alert comes now and then
turned_away() {
	local i found
	for ((i = 0; i < 20; i++)); do
		found=$(remote "$1" 192.0.2.1:7878 info 2>&1) && fail "$1 was let in"
		[[ $found == *"it refused the certificate of --cert (alert: $2)"* ]] ||
			fail "$1 gets no reason, at attempt $i: $found"
	done
	logged "the handshake failed: CN=$3"
}
expect_exit 4 remote other 192.0.2.1:7878 info 2>/dev/null
turned_away old "certificate expired" "ana: certificate has expired"
expect_exit 3 remote ana 192.0.2.1:7879 info 2>/dev/null
expect_exit 2 rig_exec h0 "$top/$(rig_built sluicectl)" --connect 192.0.2.1:7878 info 2>/dev/null
rig_address_add box p0 192.0.2.2/24
expect_exit 3 remote ana 192.0.2.2:7878 info 2>/dev/null

rig_exec h0 tests/system/tls_clients.py 192.0.2.1 7878 "$certs" || fail "see above"

# Renewed: one authority more from now on. What is not in order changes nothing.
cp "$certs/box.pem" "$RIG_RUN/kept.pem"
echo nonsense >"$certs/box.pem"
kill -HUP "$pid"
rig_wait 30 grep -q "previous certificates remain in use: /tls/certificate" "$RIG_RUN/sluiced.log" ||
	fail "a bad certificate gives no error"
remote ana 192.0.2.1:7878 info >/dev/null || fail "the old certificate does not stay"
cp "$RIG_RUN/kept.pem" "$certs/box.pem"
expect_exit 4 remote new 192.0.2.1:7878 info 2>/dev/null
cat "$certs/second.pem" >>"$certs/ca.pem"
kill -HUP "$pid"
is_known() {
	[[ $(remote new 192.0.2.1:7878 info 2>&1) == *"new has none"* ]]
}
rig_wait 30 is_known || fail "the new authority is not taken up"
