#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Ports of AF_XDP, tap and memif get the settings of their drivers' profiles, of their site, and what
# the device leaves of them; profiles that are wrong are named; those of the tree fit DPDK.
source "$(dirname "$0")/_lib.sh"
test_begin
topology_make 1

# The drivers and PCI ids of all profiles, compared with those that the libraries of DPDK have.
tests/system/profile_drivers.py drivers-conf/profiles || fail "profiles do not fit the installed DPDK"

configure() {
	config_af_xdp "$1" 1
	cat <<-END
		  - {name: t0, devargs: "net_tap0,iface=tap0", mtu: 9000,
		     settings: {tx_offloads: [multi_segs, mbuf_fast_free], burst: 8}}
		  - {name: m0, descriptors: 512,
		     devargs: "net_memif0,role=server,socket=$RIG_RUN/memif.sock,socket-abstract=no",
		     settings: {tx_descriptors: 128, rss_types: [ipv4_udp], rss_key: 6d5a}}
	END
}
configure sluiced | sluiced_start sluiced
log=$RIG_RUN/sluiced.log

# shown PORT SETTING TEXT: the line of the setting in 'port show', blanks as one.
shown() {
	local line
	line=$(ctl port show "$1" | tr -s ' ' | grep "^$2 ") || fail "$1 has no setting $2"
	[[ $line == "$2 $3"* ]] || fail "found '$line', expected '$2 $3'"
}

shown p0 burst "32 profile drivers/net/af_xdp/"
shown p0 quirks "registers_pool interface_mtu profile "
shown p0 mtu "1500 default"
shown p0 tx_offloads "none profile"
shown t0 burst "8 site"
shown t0 mtu "1500 negotiated, asked for 9000"
shown t0 tx_offloads "multi_segs negotiated, asked for multi_segs mbuf_fast_free"
shown t0 rss_types "none profile"
shown m0 rx_descriptors "512 site"
shown m0 tx_descriptors "128 site"
shown m0 rss_types "none negotiated, asked for ipv4_udp"
shown m0 rss_key "driver negotiated, asked for 6d5a"
ctl port show m0 | grep -q "^profile .*/memif.yaml$" || fail "the profile of m0 is not shown"

# Each difference once, in one line a port.
line="port t0: negotiated with driver net_tap: mtu 1500 instead of 9000, tx_offloads multi_segs instead of"
[[ $(grep -c "port t0: negotiated" "$log") == 1 ]] || fail "t0: expected one line"
grep -q "$line multi_segs mbuf_fast_free$" "$log" || fail "what was negotiated is not logged"
grep -q "port m0: negotiated with driver net_memif: rss_types none instead of ipv4_udp, rss_key " "$log" ||
	fail "what was negotiated is not logged"
! grep -q "port p0: negotiated" "$log" || fail "nothing was to be negotiated for p0"
[[ $(ctl --json port list | json_value 'd["ports"][1]["settings"][1]["asked"]') == 9000 ]] ||
	fail "port.list does not report what was asked"

# Without legs no frame has several segments.
rig_stop sluiced
configure legless | sed 's/^tables: .*/tables: {ipv4_flows: 16, ipv6_flows: 0, legs: 0}/' | sluiced_start legless
line=$(ctl_of legless port show t0 | grep ^tx_offloads | tr -s ' ')
[[ $line == "tx_offloads none negotiated, "* ]] || fail "found '$line' without legs"
rig_stop legless

# A bond has what its member has: net_null neither chains nor a hash.
{ config_null bond; echo '  - {name: b0, devargs: "net_bonding0,mode=1,slave=net_null0"}'; } | sluiced_start bond
line="port b0: negotiated with driver net_bonding: rss_types none instead of ipv4 ipv6 ipv4_udp ipv6_udp, "
line+="tx_offloads none instead of multi_segs mbuf_fast_free, rss_key driver instead of 6d5a"
grep -q "$line$" "$RIG_RUN/bond.log" || fail "the bond's settings: $(grep b0: "$RIG_RUN/bond.log")"
ctl_of bond port show b0 | grep -q "^profile .*/bonding.yaml$" || fail "the profile of b0 is not shown"
rig_stop bond

# Profiles that are wrong: --check and the daemon name file and line, and nothing starts.
cp -r drivers-conf/profiles "$RIG_RUN/profiles"
{ config_null bad; echo "profiles: $RIG_RUN/profiles"; } >"$RIG_RUN/bad.yaml"
refused() {
	local option output code expected
	for option in --check ""; do
		code=0 expected=1
		[[ $option ]] || expected=78 # for systemd, which does not try again
		# shellcheck disable=SC2086 # it may be none
		output=$(timeout 20 "$(rig_built sluiced)" --config "$RIG_RUN/bad.yaml" $option 2>&1) || code=$?
		((code == expected)) || fail "$1: exit code $code: $output"
		[[ $(wc -l <<<"$output") == 1 ]] || fail "$1: more than the error: $output"
		[[ $output == *"$RIG_RUN/profiles/$2"* ]] || fail "$1: found '$output', expected '$2'"
	done
}
new=$RIG_RUN/profiles/new.yaml
head="match: {drivers: [net_new]}
binding: none"
echo "match: [" >"$new"
refused "does not parse" "new.yaml:"
printf '%s\nsettings:\n  tx_offloads: [tcp_tso]\nsources: {tx_offloads: guide}\n' "$head" >"$new"
refused "an unknown offload" 'new.yaml:4: /settings/tx_offloads/0: found "tcp_tso"'
printf '%s\nsettings:\n  bursts: 8\nsources: {bursts: guide}\n' "$head" >"$new"
refused "an unknown setting" "new.yaml:4: /settings/bursts:"
printf 'match:\n  drivers: [net_new, net_tap]\nbinding: none\nsettings: {}\nsources: {}\n' >"$new"
refused "a driver in two profiles" "tap.yaml:"
# The example of drivers-conf/README.md is valid beside the profiles of the tree.
sed -n '/^    match:/,/^$/s/^    //p' drivers-conf/README.md >"$new"
grep -q '^sources:' "$new" || fail "found no example of a profile in drivers-conf/README.md"
timeout 20 "$(rig_built sluiced)" --config "$RIG_RUN/bad.yaml" --check || fail "the example of a profile"
rm "$new"
timeout 20 "$(rig_built sluiced)" --config "$RIG_RUN/bad.yaml" --check || fail "profiles of the tree"
