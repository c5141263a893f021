# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# All ceremony of the system tests. A test sources this file, sets up a rig, and then contains its
# story; what it made is taken down on any exit, and the conservation law is checked before that.
#
#	box: p0 192.0.2.1	--- h0: eth0 192.0.2.10
#	     p1 198.51.100.1	--- h1: eth0 198.51.100.10
#	     p2 203.0.113.1	--- h2: eth0 203.0.113.10
#
# and in IPv6 pN 2001:db8:N::1, hN 2001:db8:N::10. The namespaces are called after the test and the
# checkout, so that different tests, and those of different checkouts, may run side by side.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source drivers-conf/lib/rig.sh

TEST_NAME=$(basename "$0" .sh)
# All that a test makes on the host has this name: the test's, and a number of the checkout's path.
TEST_RIG=slt-$TEST_NAME-$(cksum <<<"$PWD" | awk '{ printf "%04x", $1 % 65536 }')
TEST_MEMORY_MB=192
BOX_IPV4=(192.0.2.1 198.51.100.1 203.0.113.1)
HOST_IPV4=(192.0.2.10 198.51.100.10 203.0.113.10)
BOX_IPV6=(2001:db8:0::1 2001:db8:1::1 2001:db8:2::1)
HOST_IPV6=(2001:db8:0::10 2001:db8:1::10 2001:db8:2::10)
# shellcheck disable=SC2034
BOX_MAC=(02:00:00:00:00:01 02:00:00:00:01:01 02:00:00:00:02:01)
# shellcheck disable=SC2034
HOST_MAC=(02:00:00:00:00:10 02:00:00:00:01:10 02:00:00:00:02:10)

# What a test may set before it makes its rig.
HUGEPAGES=false
IPV4_FLOWS=1024
IPV6_FLOWS=1024
RPC_LIMITS=
AUDIT_LOG=
ACCESS= # more of that section, as ", default_role: none"
PUNT=
STATE_PATH= # of what survives a restart; empty = nothing
UNMATCHED=drop
POOLS= # of local ports, as "{name: voice, ...}, ..."
CONSERVATION_OPTIONS=() # of conservation_check.py

fail() {
	echo "FAIL: $*" >&2
	exit 1
}

# Take the test's name for a rig of its own. First call of every test.
test_begin() {
	((EUID == 0)) || fail "must be run as root"
	rig_begin "$TEST_RIG"
	trap test_end EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
}

test_end() {
	local status=${1:-$?}
	trap '' INT TERM HUP
	if ((status == 0)) && rig_pid sluiced >/dev/null; then
		counters_conserved sluiced || status=1
	fi
	if ((status != 0)); then
		tail -n 15 "$RIG_RUN"/*.log 2>/dev/null || true
	fi
	rig_end || status=1
	exit "$status"
}

# The conservation law, in the instance of that label.
counters_conserved() {
	drivers-conf/lib/conservation_check.py "${CONSERVATION_OPTIONS[@]}" \
		"$(rig_built sluicectl)" --socket "$RIG_RUN/$1.sock" --json counters --flows
}

# A box with so many ports, each with a host behind it.
topology_make() {
	local i
	rig_netns_add box
	for ((i = 0; i < $1; i++)); do
		rig_netns_add "h$i"
		rig_veth_add box "p$i" "h$i" eth0
		ip -n "$RIG_NAME-box" link set "p$i" address "${BOX_MAC[i]}"
		ip -n "$RIG_NAME-h$i" link set eth0 address "${HOST_MAC[i]}"
		rig_address_add box "p$i" "${BOX_IPV4[i]}/24" "${BOX_IPV6[i]}/64"
		rig_address_add "h$i" eth0 "${HOST_IPV4[i]}/24" "${HOST_IPV6[i]}/64"
	done
}

# Put host hN behind a NAT: a namespace cN, 10.0.N.2 and fd00:N::2, whose packets hN masquerades with
# ports by chance, so that each new mapping has another one.
nat_add() {
	local i=$1
	rig_netns_add "c$i"
	rig_veth_add "h$i" inside "c$i" eth0
	rig_address_add "h$i" inside "10.0.$i.1/24" "fd00:$i::1/64"
	rig_address_add "c$i" eth0 "10.0.$i.2/24" "fd00:$i::2/64"
	ip -n "$RIG_NAME-c$i" route add default via "10.0.$i.1"
	ip -n "$RIG_NAME-c$i" route add default via "fd00:$i::1"
	rig_exec "h$i" sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	rig_exec "h$i" nft -f - <<-END
		table inet nat {
			chain out {
				type nat hook postrouting priority srcnat
				ip saddr 10.0.0.0/8 oifname eth0 masquerade fully-random
				ip6 saddr fd00::/8 oifname eth0 masquerade fully-random
			}
		}
	END
}

# Routers on the link of h1, distinguished by their MAC addresses: mvI has 198.51.100.2I, 2001:db8:1::2I
# and 02:00:00:00:01:2I: gateways_add HOW_MANY
gateways_add() {
	local h1=$RIG_NAME-h1 i
	ip netns exec "$h1" sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2
	for ((i = 1; i <= $1; i++)); do
		ip -n "$h1" link add "mv$i" link eth0 address "02:00:00:00:01:2$i" type macvlan mode bridge
		ip -n "$h1" addr add "198.51.100.2$i/32" dev "mv$i"
		ip -n "$h1" addr add "2001:db8:1::2$i/128" dev "mv$i"
		ip -n "$h1" link set "mv$i" up
	done
}

# Packets that router mvI got: gateway_got I
gateway_got() {
	ip -n "$RIG_NAME-h1" -s -j link show "mv$1" | json_value "d[0]['stats64']['rx']['packets']"
}

# A value of the next hop of a flow's first leg: hop_value FLOW KEY
hop_value() {
	flow_value "$1" "d['legs'][0]['next_hop'].get('$2')"
}

hop_is() {
	[[ $(hop_value "$1" "$2") == "$3" ]]
}

wait_hop() {
	rig_wait 50 hop_is "$1" "$2" "$3" || fail "$1: expected $2 $3, found $(hop_value "$1" "$2")"
}

# Drop every N-th packet that passes the NAT before host hI, in both directions, of those that an expression
# of nftables matches: nat_loss I N [EXPRESSION]
nat_loss() {
	rig_exec "h$1" nft -f - <<-END
		table inet loss {
			chain lose {
				type filter hook forward priority 0
				${3-} numgen inc mod $2 == 0 drop
			}
		}
	END
}

# Configuration of an instance whose ports are the box's first N over AF_XDP:
# config_af_xdp LABEL N [FIRST]
config_af_xdp() {
	local label=$1 n=$2 first=${3:-0} i
	config_head "$label"
	echo "hugepages: $HUGEPAGES"
	echo "xdp_program: $PWD/$(rig_built steer.bpf.o)"
	echo "ports:"
	for ((i = first; i < first + n; i++)); do
		echo "  - {name: p$i, devargs: \"net_af_xdp$i,iface=p$i\", rx_queues: 1,"
		echo "     unmatched: $UNMATCHED}"
	done
}

# Configuration of an instance on ports that lead nowhere and need neither root nor hugepages. They
# receive nothing: the conservation law holds at rest only.
config_null() {
	config_head "$1"
	echo "hugepages: false"
	echo "ports:"
	echo "  - {name: p0, devargs: \"net_null0,no-rx=1\", rx_queues: 1}"
	echo "  - {name: p1, devargs: \"net_ring0\", rx_queues: 1}"
}

config_head() {
	local cpus
	mapfile -t cpus < <(rig_cpus)
	cat <<-END
		rpc: {socket: $RIG_RUN/$1.sock$RPC_LIMITS}
		state: {path: "$STATE_PATH"}
		access: {audit_log: "$AUDIT_LOG"$ACCESS}
		control: {core: ${cpus[0]}}
		workers: [${cpus[-1]}]
		file_prefix: ${RIG_NAME#slt-}-$1
		tables: {ipv4_flows: $IPV4_FLOWS, ipv6_flows: $IPV6_FLOWS}
		punt: {$PUNT}
		pools: [$POOLS]
	END
}

# Start sluiced in the box, or in another host, on the configuration at stdin, and wait until it answers:
# sluiced_start LABEL [HOST]
sluiced_start() {
	local label=$1
	cat >"$RIG_RUN/$label.yaml"
	[[ $HUGEPAGES != true ]] || rig_hugepages_take "$TEST_MEMORY_MB"
	rig_sluiced_start "${2:-box}" "$RIG_RUN/$label.yaml" "$label"
	rig_wait 30 ctl_of "$label" info || fail "$label does not answer"
}

# The usual rig: a box with N ports over AF_XDP, and sluiced on them.
rig_make() {
	topology_make "$1"
	config_af_xdp sluiced "$1" | sluiced_start sluiced
}

ctl_of() {
	local label=$1
	shift
	"$(rig_built sluicectl)" --socket "$RIG_RUN/$label.sock" "$@"
}

ctl() {
	ctl_of sluiced "$@"
}

# A command that must be refused with this exit code: expect_exit CODE COMMAND...
expect_exit() {
	local wanted=$1 code=0
	shift
	"$@" || code=$?
	((code == wanted)) || fail "expected exit code $wanted, found $code: $*"
}

# A value in the JSON at stdin: json_value EXPRESSION, in Python, of the document `d`
json_value() {
	/usr/bin/python3 -c 'import json, sys; d = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"
}

# What flow.get says: flow_value FLOW EXPRESSION
flow_value() {
	ctl --json flow show "$1" | json_value "$2"
}

# What was sent may still wait for a worker that has no CPU: values of counters get a while to come
# right.
expect_flow() {
	local found
	rig_wait 20 flow_value_is "$@" || fail "expected $2 of flow $1 to be $3, found $found"
}

flow_value_is() {
	found=$(flow_value "$1" "$2")
	[[ $found == "$3" ]]
}

# Drops of a flow for a reason: expect_flow_drops FLOW REASON NUMBER
expect_flow_drops() {
	expect_flow "$1" "d['counters']['drops'].get('$2', 0)" "$3"
}

# What counters.get says, by a path of keys: counter_read p0.rx_packets, or flow:NAME.packets
counter_read() {
	ctl --json counters --flows | /usr/bin/python3 -c '
import json, sys
counters, (name, *keys) = json.load(sys.stdin), sys.argv[1].split(".")
kind, name = ("flows", name[5:]) if name.startswith("flow:") else ("ports", name)
value = next(x for x in counters[kind] if name in (x.get("id"), x.get("name")))
for key in keys:
    value = value[int(key) if isinstance(value, list) else key]
print(value)' "$1"
}

expect_counter() {
	local found
	rig_wait 20 counter_is "$@" || fail "expected $1 to be $2, found $found"
}

counter_is() {
	found=$(counter_read "$1")
	[[ $found == "$2" ]]
}

# Media between kernel sockets, see udp.py. receive_start LABEL HOST ARGUMENTS... waits until it
# listens; receive_end LABEL succeeds if it got all that was expected.
receive_start() {
	local label=$1 host=$2
	shift 2
	rig_spawn "$label" ip netns exec "$RIG_NAME-$host" tests/system/udp.py receive "$@"
	rig_wait 30 grep -q '^ready' "$RIG_RUN/$label.log" || fail "$label does not listen"
}

receive_end() {
	rig_wait 20 grep -q '^done' "$RIG_RUN/$1.log" || fail "$1: $(tail -n 1 "$RIG_RUN/$1.log")"
	grep -q '^done: all' "$RIG_RUN/$1.log" || fail "$1: $(grep '^done' "$RIG_RUN/$1.log")"
}

send() {
	local host=$1
	shift
	rig_exec "$host" tests/system/udp.py send "$@" || fail "could not send: $*"
}

# Media of all kinds, see media.py. tally_start LABEL HOST SECONDS ADDRESS:PORT... waits until it
# listens; tally_end LABEL ends when the seconds are over, and tally_value LABEL EXPRESSION and
# expect_tally LABEL EXPRESSION VALUE look at what arrived.
tally_start() {
	local label=$1 host=$2 seconds=$3
	shift 3
	rig_spawn "$label" ip netns exec "$RIG_NAME-$host" \
		tests/system/media.py tally --seconds "$seconds" "$@"
	rig_wait 30 grep -q '^ready' "$RIG_RUN/$label.log" || fail "$label does not listen"
}

tally_end() {
	rig_wait 40 grep -q '^done' "$RIG_RUN/$1.log" || fail "$1: $(tail -n 1 "$RIG_RUN/$1.log")"
}

tally_value() {
	sed -n 's/^done: //p' "$RIG_RUN/$1.log" | json_value "$2"
}

expect_tally() {
	local found
	found=$(tally_value "$1" "$2")
	[[ $found == "$3" ]] || fail "expected $2 of $1 to be $3, found $found"
}

media() {
	local host=$1
	shift
	rig_exec "$host" tests/system/media.py send "$@" || fail "could not send: $*"
}

# A party of a call, see call.py. party_start LABEL HOST ARGUMENTS... waits until it sends; party_end LABEL
# until it has ended.
party_start() {
	local label=$1 host=$2
	shift 2
	rig_spawn "$label" ip netns exec "$RIG_NAME-$host" tests/system/call.py "$@"
	rig_wait 30 grep -q '^sending' "$RIG_RUN/$label.log" || fail "$label does not send"
}

party_end() {
	rig_wait 60 grep -q '^done' "$RIG_RUN/$1.log" || fail "$1: $(tail -n 1 "$RIG_RUN/$1.log")"
}
