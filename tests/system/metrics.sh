#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Metrics: what a Prometheus scrapes equals the counters, its alert of a port without link fires, and 100,000 flows
# are scraped while calls are answered; clients that are slow, many, malformed or without the token do no harm.
# timeout: 240
source "$(dirname "$0")/_lib.sh"
FLOWS=100000
IPV4_FLOWS=$((FLOWS + 100))
test_begin
topology_make 2
TOKEN=$(head -c 24 /dev/urandom | base64)
echo "$TOKEN" >"$RIG_RUN/token"
# METRICS: the section of the configuration
configuration() {
	config_af_xdp sluiced 2
	echo "metrics: $METRICS"
}

# Not to everybody without a token, and no token that is none.
refused() {
	local config=$RIG_RUN/refused.yaml
	METRICS=$1 configuration >"$config"
	! "$(rig_built sluiced)" --config "$config" --check 2>"$RIG_RUN/refused.txt" || fail "accepted: $1"
	grep -q "$2" "$RIG_RUN/refused.txt" || fail "expected $2, found $(cat "$RIG_RUN/refused.txt")"
}
refused '{listen: "0.0.0.0:9464"}' '/metrics/listen: found 0.0.0.0:9464, which others reach'
refused '{certificate: /x.pem}' '/metrics: found certificate only'
refused '{ca: /x.pem}' '/metrics/ca: found ca without a certificate'
refused '{listen: "localhost"}' '/metrics/listen: found localhost, expected ADDRESS:PORT'
refused '{flows: [""]}' '/metrics/flows/0'
refused '{max_flows: 2000000}' '/metrics/max_flows'

METRICS='{listen: "0.0.0.0:9464", token_file: '"$RIG_RUN/token"', flows: ["cam*", media], max_flows: 200000}'
configuration | sluiced_start sluiced
scrape() {
	rig_exec box curl -sS --fail -H "Authorization: Bearer $TOKEN" "$@" http://127.0.0.1:9464/metrics
}
series() { # of a scrape at stdin
	grep -F "$1 " | awk '{ print $NF }'
}

ctl flow add --id media --match port=p0,src=192.0.2.10:1000,dst=192.0.2.1:5004 \
	--leg port=p1,src=198.51.100.1:6004,dst=198.51.100.10:7004
ctl flow add --id hidden --match port=p0,dst=192.0.2.1:5006 --action drop
receive_start media h1 --src 198.51.100.1:6004 --dst 198.51.100.10:7004 --count 200
send h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5004 --count 200
receive_end media
send h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5006 --count 50
expect_counter p0.drops.flow_drop 50

echo "both formats are what others take for well-formed, and say what counters.get says"
scrape >"$RIG_RUN/text"
promtool check metrics <"$RIG_RUN/text" || fail "promtool: $(promtool check metrics <"$RIG_RUN/text" 2>&1)"
scrape -H 'Accept: application/openmetrics-text' >"$RIG_RUN/openmetrics"
/usr/bin/python3 - "$RIG_RUN/openmetrics" <<-'END' || fail "not OpenMetrics"
	import sys
	from prometheus_client.openmetrics.parser import text_string_to_metric_families
	families = list(text_string_to_metric_families(open(sys.argv[1]).read()))
	names = {family.name for family in families}
	assert {"sluice_build", "sluice_port_drops", "sluice_flow_packets", "sluice_worker_residence_seconds"} <= names, names
END
for key in receive_packets:rx_packets forwarded_packets:forwarded transmit_packets:tx_packets copies:copies; do
	for port in p0 p1; do
		value=$(series "sluice_port_${key%:*}_total{port=\"$port\"}" <"$RIG_RUN/text")
		[[ $value == "$(counter_read "$port.${key#*:}")" ]] || fail "$key of $port: $value, $(ctl counters)"
	done
done
[[ $(series 'sluice_port_drops_total{port="p0",reason="flow_drop"}' <"$RIG_RUN/text") == 50 ]] || fail "flow_drop"
[[ $(series 'sluice_flow_packets_total{flow="media"}' <"$RIG_RUN/text") == 200 ]] || fail "flow media"
! grep -q 'flow="hidden"' "$RIG_RUN/text" || fail "a flow that is not selected is exposed"

echo "a Prometheus scrapes it, and its alert fires"
cat >"$RIG_RUN/prometheus.yml" <<-END
	global: {scrape_interval: 1s, evaluation_interval: 1s}
	rule_files: [$PWD/docs/examples/sluice.rules.yml]
	scrape_configs:
	  - job_name: sluice
	    authorization: {credentials_file: $RIG_RUN/token}
	    static_configs: [{targets: ["127.0.0.1:9464"]}]
END
rig_spawn prometheus ip netns exec "$RIG_NAME-box" prometheus --config.file="$RIG_RUN/prometheus.yml" \
	--storage.tsdb.path="$RIG_RUN/tsdb" --web.listen-address=127.0.0.1:9090
query() {
	rig_exec box curl -sS --data-urlencode "query=$1" http://127.0.0.1:9090/api/v1/query 2>/dev/null |
		json_value "d['data']['result'][0]['value'][1]" 2>/dev/null
}
query_is() {
	[[ $(query "$1") == "$2" ]]
}
rig_wait 40 query_is 'sluice_flow_packets_total{flow="media"}' 200 || fail "Prometheus: $(query 'up')"
rig_wait 40 query_is 'count(sluice:worker_busy:ratio)' 1 || fail "no recorded ratio"
query_is 'absent(ALERTS{alertname="SluicePortDown"})' 1 || fail "an alert without a cause"
ip -n "$RIG_NAME-h1" link set eth0 down
rig_wait 40 query_is 'count(ALERTS{alertname="SluicePortDown",port="p1",alertstate="firing"})' 1 ||
	fail "no alert: $(scrape | grep port_up)"
ip -n "$RIG_NAME-h1" link set eth0 up

rig_stop prometheus

echo "who is refused"
status() {
	rig_exec box curl -s -o /dev/null -w '%{http_code}' "$@"
}
url=http://127.0.0.1:9464
[[ $(status $url/metrics) == 401 ]] || fail "without a token"
[[ $(status -H "Authorization: Bearer ${TOKEN}x" $url/metrics) == 401 ]] || fail "another token"
[[ $(status -H "Authorization: Bearer $TOKEN" $url/) == 404 ]] || fail "another path"
[[ $(status -H "Authorization: Bearer $TOKEN" -d x=1 $url/metrics) == 405 ]] || fail "POST"
echo "a token of another kind, which is longer" >"$RIG_RUN/token" # spaces are none
kill -HUP "$(rig_pid sluiced)"
rig_wait 20 grep -q 'previous token and certificates of metrics remain' "$RIG_RUN/sluiced.log" || fail "no warning"
scrape >/dev/null || fail "the previous token is not in use"

echo "$FLOWS flows, and clients that read slowly"
/usr/bin/python3 -c "
print('flows:')
for i in range($FLOWS):
    print(f'- {{id: cam{i}, match: {{port: p0, dst: 192.0.2.1, dst_port: {i % 60000 + 1024}, src: 203.0.113.{i // 60000}, src_port: 9}}, action: drop}}')
" >"$RIG_RUN/flows.yaml"
ctl flow add "$RIG_RUN/flows.yaml" >/dev/null
rig_exec box tests/system/metrics_clients.py "$RIG_RUN/sluiced.sock" "$TOKEN" "$FLOWS" || fail "see above"

echo "HTTPS, with certificates of clients"
rig_stop '*'
(
	cd "$RIG_RUN"
	for name in ca stranger; do
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$name" \
			-keyout $name.key -out $name.pem
	done
	for pair in box:ca renewed:ca prometheus:ca other:stranger; do
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=${pair%:*}" \
			-keyout "${pair%:*}.key" -out request.pem
		openssl x509 -req -in request.pem -CA "${pair#*:}.pem" -CAkey "${pair#*:}.key" -CAcreateserial \
			-days 2 -extfile <(echo subjectAltName=IP:127.0.0.1) -out "${pair%:*}.pem"
	done
) >"$RIG_RUN/openssl.log" 2>&1 || fail "openssl: $(tail -n 3 "$RIG_RUN/openssl.log")"
url=https://127.0.0.1:9464
METRICS="{listen: '0.0.0.0:9464', certificate: $RIG_RUN/box.pem, key: $RIG_RUN/box.key, ca: $RIG_RUN/ca.pem}"
configuration | sluiced_start sluiced
as() { # NAME ARGUMENTS OF CURL...
	rig_exec box curl -s --cacert "$RIG_RUN/ca.pem" --cert "$RIG_RUN/$1.pem" --key "$RIG_RUN/$1.key" "${@:2}"
}
as prometheus --fail $url/metrics >"$RIG_RUN/text" || fail "no scrape over HTTPS"
grep -q sluice_build_info "$RIG_RUN/text" || fail "found $(cat "$RIG_RUN/text")"
[[ $(as other -o /dev/null -w '%{http_code}' $url/metrics) == 403 ]] || fail "a certificate of others"
[[ $(status --cacert "$RIG_RUN/ca.pem" $url/metrics) == 403 ]] || fail "no certificate"
[[ $(status http://127.0.0.1:9464/metrics) == 000 ]] || fail "without TLS"
cp "$RIG_RUN/renewed.pem" "$RIG_RUN/box.pem"
kill -HUP "$(rig_pid sluiced)"
rig_wait 20 grep -q 'previous token and certificates of metrics remain' "$RIG_RUN/sluiced.log" ||
	fail "a certificate without its key was taken"
as prometheus --fail $url/metrics >/dev/null || fail "the previous certificate is not in use"
cp "$RIG_RUN/renewed.key" "$RIG_RUN/box.key"
kill -HUP "$(rig_pid sluiced)"
renewed() {
	[[ $(as prometheus -o /dev/null -w '%{certs}' $url/metrics) == *renewed* ]]
}
rig_wait 20 renewed || fail "the certificate was not renewed"
