#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# `doctor` examines this machine, with and without a daemon: what it prints for programs obeys its
# schema, every line that is not OK has a reason and a command, exit codes are those of the worst line,
# lines keep to the terminal, and what it says agrees with other tools.
source "$(dirname "$0")/_lib.sh"
test_begin
topology_make 2

doctor() {
	"$(rig_built sluicectl)" doctor "$@"
}

# Run it for programs, and hold the document and the exit code against the schema: doctor_json FILE
# [OPTION...]
doctor_json() {
	local file=$1 code=0
	shift
	doctor --json "$@" >"$file" || code=$?
	/usr/bin/python3 - "$file" "$code" <<-'END' || fail "doctor $*: $(cat "$file")"
		import json, sys
		sys.path.insert(0, "tests/system")
		import contract
		schema = json.load(open("ctrl/schema/sluice-doctor.json", encoding="utf-8"))
		document = json.load(open(sys.argv[1], encoding="utf-8"))
		contract.obey(schema, schema, document)
		names = ["ok", "warning", "error"]
		worst = max(names.index(check["status"]) for check in document["checks"])
		assert worst == int(sys.argv[2]), f"exit code {sys.argv[2]}"
		assert names[worst] == document["status"]
		counts = [sum(check["status"] == name for check in document["checks"]) for name in names]
		assert counts == [document["ok"], document["warnings"], document["errors"]]
		for check in document["checks"]:
		    fine = check["status"] == "ok"
		    assert (check["why"] == "") == fine and (check["mend"] == "") == fine, check
		    assert "'" not in check["mend"], check
	END
}

# Of a check, by its name: value FILE CHECK MEMBER
value() {
	json_value "[c['$3'] for c in d['checks'] if c['check'] == '$2'][0]" <"$1"
}

none=$RIG_RUN/none.sock
PATH=$(dirname "$(realpath "$(rig_built sluiced)")"):$PATH
# Without a daemon and without a file, whatever the machine has in /etc.
printf 'workers: [\n' >"$RIG_RUN/broken.yaml"
doctor_json "$RIG_RUN/broken" --socket "$none" --config "$RIG_RUN/broken.yaml"
[[ $(value "$RIG_RUN/broken" config status) == error ]] || fail "$(cat "$RIG_RUN/broken")"
[[ $(value "$RIG_RUN/broken" config found) == "$RIG_RUN/broken.yaml:"* ]] ||
	fail "$(cat "$RIG_RUN/broken")"
doctor_json "$RIG_RUN/gone" --socket "$none" --config "$RIG_RUN/gone.yaml"
[[ $(value "$RIG_RUN/gone" config found) == *"No such file"* ]] || fail "$(cat "$RIG_RUN/gone")"
grep -q '"check": "numa"' "$RIG_RUN/gone" && fail "it knows ports: $(cat "$RIG_RUN/gone")"

# Another machine's files, with nothing of this one but whether the clock is synchronised.
mkdir -p "$RIG_RUN/other/sys/kernel/mm/hugepages/hugepages-2048kB" "$RIG_RUN/other/proc" \
	"$RIG_RUN/other/etc/sluice"
echo 512 >"$RIG_RUN/other/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
echo 500 >"$RIG_RUN/other/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"
echo "Features : fp asimd" >"$RIG_RUN/other/proc/cpuinfo"
config_null other | sed 's/^hugepages: .*/hugepages: true/' >"$RIG_RUN/other/etc/sluice/sluice.yaml"
doctor_json "$RIG_RUN/other.json" --root "$RIG_RUN/other"
[[ $(value "$RIG_RUN/other.json" hugepages found) == "node 0: 500 of 512 pages of 2 MiB free"* ]] ||
	fail "$(cat "$RIG_RUN/other.json")"
[[ $(value "$RIG_RUN/other.json" tsc found) == "not an x86 CPU"* ]] || fail "$(cat "$RIG_RUN/other.json")"
grep -q '"daemon"' "$RIG_RUN/other.json" && fail "a daemon is asked: $(cat "$RIG_RUN/other.json")"

# The ports of docs/deploy.md, "By NIC", on a tree with their devices: its lines are what is printed.
tree=$RIG_RUN/nics
nic() {
	local device=$tree/sys/bus/pci/devices/$1
	mkdir -p "$device"
	ln -s "/sys/bus/pci/drivers/$2" "$device/driver"
	if (($# > 2)); then
		echo "16.0 GT/s PCIe" | tee "$device/current_link_speed" >"$device/max_link_speed"
		echo "$3" >"$device/current_link_width"
		echo 16 >"$device/max_link_width"
	fi
}
nic 0000:41:00.0 vfio-pci 16
nic 0000:42:00.0 ice 8
nic 0000:43:00.0 mlx5_core 16
nic 0000:01:00.0 virtio-pci
mkdir -p "$tree/sys/class/net/enp1s0" "$tree/etc/sluice"
ln -s ../../../bus/pci/devices/0000:01:00.0 "$tree/sys/class/net/enp1s0/device"
echo 0x1003 >"$tree/sys/class/net/enp1s0/flags"
cat >"$tree/etc/sluice/sluice.yaml" <<-END
	workers: [1]
	ports:
	- {name: p0, devargs: "0000:41:00.0"}
	- {name: p1, devargs: "0000:42:00.0"}
	- {name: p2, devargs: "0000:43:00.0"}
	- {name: p3, devargs: "net_af_xdp0,iface=enp1s0"}
END
doctor --root "$tree" >"$RIG_RUN/nics.out" || (($? < 3))
sed -n '/compared by .*doctor.sh/,/^- /s/^    //p' docs/deploy.md >"$RIG_RUN/nics.lines"
(($(wc -l <"$RIG_RUN/nics.lines") == 6)) || fail "docs/deploy.md has other lines"
while read -r line; do
	grep -qxF "$line" "$RIG_RUN/nics.out" || fail "docs/deploy.md: '$line' is not printed"
done <"$RIG_RUN/nics.lines"

# With a file, without the daemon. In the namespace of the box, where its interfaces are.
config_af_xdp sluiced 2 >"$RIG_RUN/config.yaml"
in_box() {
	ip netns exec "$RIG_NAME-box" "$(rig_built sluicectl)" doctor "$@"
}
doctor_json "$RIG_RUN/outside" --socket "$none" --config "$RIG_RUN/config.yaml"
[[ $(value "$RIG_RUN/outside" driver status) == error ]] ||
	fail "it finds p0 where it is not: $(cat "$RIG_RUN/outside")"
in_box --json --socket "$none" --config "$RIG_RUN/config.yaml" >"$RIG_RUN/inside" || (($? < 3))
[[ $(value "$RIG_RUN/inside" driver found) == "port p0: p0"*"up" ]] ||
	fail "driver: $(cat "$RIG_RUN/inside")"

# It says what other tools say.
[[ $(value "$RIG_RUN/inside" clock found) == *"clocksource \
$(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"* ]] ||
	fail "clock: $(value "$RIG_RUN/inside" clock found)"
total=$(awk '/^HugePages_Total:/ { print $2 }' /proc/meminfo)
size=$(awk '/^Hugepagesize:/ { print $2 / 1024 }' /proc/meminfo)
if [[ $(lscpu --parse=NODE | grep -v '^#' | sort -u | wc -l) == 1 ]]; then
	[[ $(value "$RIG_RUN/inside" hugepages found) == *" of $total pages of $size MiB free"* ||
		$total == 0 || $(awk '/^HugePages_Total:/ { print $2 }' /proc/meminfo) != "$total" ]] ||
		fail "hugepages: $(value "$RIG_RUN/inside" hugepages found), /proc/meminfo: $total"
	[[ $(value "$RIG_RUN/inside" numa found) == "the machine has one node" ]] ||
		fail "numa: $(value "$RIG_RUN/inside" numa found)"
fi
if grep -q '^flags.* hypervisor' /proc/cpuinfo; then
	[[ $(value "$RIG_RUN/inside" steal found) == *"virtual machine"* ]] ||
		fail "steal: $(value "$RIG_RUN/inside" steal found)"
fi

[[ $(value "$RIG_RUN/inside" versions found) == "$(sluiced --version)" ]] ||
	fail "versions: $(value "$RIG_RUN/inside" versions found)"

# With the daemon, by its file and without one.
sluiced_start sluiced <"$RIG_RUN/config.yaml"
doctor_json "$RIG_RUN/running" --socket "$RIG_RUN/sluiced.sock" --config "$RIG_RUN/config.yaml"
[[ $(json_value "d['daemon_runs'], d['config_read']" <"$RIG_RUN/running") == "(True, True)" ]] ||
	fail "$(cat "$RIG_RUN/running")"
pid=$(ctl --json info | json_value "d['pid']")
[[ $(value "$RIG_RUN/running" daemon found) == "sluiced runs, process $pid" ]] ||
	fail "$(value "$RIG_RUN/running" daemon found)"
[[ $(value "$RIG_RUN/running" versions found) == *"DPDK "* ]] ||
	fail "$(value "$RIG_RUN/running" versions found)"
[[ $(value "$RIG_RUN/running" privileges found) == "sluiced: memlock "* ]] ||
	fail "$(value "$RIG_RUN/running" privileges found)"
[[ $(value "$RIG_RUN/running" isolation found) == *"involuntary switches"* ]] ||
	fail "$(value "$RIG_RUN/running" isolation found)"

# The daemon's packets of the second, in which 200 a second arrive.
rig_spawn stream ip netns exec "$RIG_NAME-h0" tests/system/media.py send \
	--src 192.0.2.10:1001 --dst 192.0.2.1:5001 --count 100000 --gap-us 5000 rtp
ctl flow add --id talk --match port=p0,dst=192.0.2.1:5001 \
	--leg port=p1,src=198.51.100.1:6004,dst=198.51.100.10:7001 >"$RIG_RUN/added"
packets_seen() {
	doctor_json "$RIG_RUN/packets" --socket "$RIG_RUN/sluiced.sock"
	[[ $(value "$RIG_RUN/packets" queues found) =~ ^([0-9]+)\ packets ]] &&
		((BASH_REMATCH[1] > 50 && BASH_REMATCH[1] < 1000))
}
rig_wait 20 packets_seen || fail "queues: $(cat "$RIG_RUN/packets")"
# Ports on a veth: their packets, and no share of the link that it makes up.
[[ $(value "$RIG_RUN/packets" load found) =~ ^port\ p0:\ receives\ ([0-9]+)\ packets\ a\ second\;\ sends ]] &&
	((BASH_REMATCH[1] > 50 && BASH_REMATCH[1] < 1000)) || fail "load: $(cat "$RIG_RUN/packets")"

# On terminals: no line is longer, commands can be pasted; without a terminal there is no colour.
for columns in 80 120; do
	COLUMNS=$columns TERM=xterm NO_COLOR=1 script -qec "$(rig_built sluicectl) doctor \
		--socket $RIG_RUN/sluiced.sock --config $RIG_RUN/config.yaml" /dev/null \
		>"$RIG_RUN/shown" </dev/null || (($? < 3))
	awk -v most="$columns" '{ sub(/\r$/, "") } length($0) > most && $0 !~ /^ *[^ ]*( \\)?$/' \
		"$RIG_RUN/shown" >"$RIG_RUN/wide"
	[[ ! -s $RIG_RUN/wide ]] || fail "wider than $columns columns: $(cat "$RIG_RUN/wide")"
	sed -n 's/\r$//; /^ *\$ /,/[^\\]$/p' "$RIG_RUN/shown" | sed 's/^ *\$ //' >"$RIG_RUN/commands"
	bash -n "$RIG_RUN/commands" || fail "no commands for a shell: $(cat "$RIG_RUN/commands")"
done
doctor --socket "$none" --config "$RIG_RUN/config.yaml" >"$RIG_RUN/plain" || (($? < 3))
grep -q $'\033' "$RIG_RUN/plain" && fail "colour in a file: $(cat "$RIG_RUN/plain")"
[[ $(tail -n 1 "$RIG_RUN/plain") =~ ^[0-9]+\ errors?,\ [0-9]+\ warnings?,\ [0-9]+\ OK$ ]] ||
	fail "no sum: $(tail -n 1 "$RIG_RUN/plain")"

# What keeps the memory from being estimated has a command, too.
memory_refused() { # COMMAND OPTION...
	local mend=$1
	shift
	expect_exit 2 doctor --memory "$@" 2>"$RIG_RUN/refused" >"$RIG_RUN/plain"
	[[ ! -s $RIG_RUN/plain && $(cat "$RIG_RUN/refused") == "sluicectl: "*$'\n'"sluicectl: run: $mend" ]] ||
		fail "--memory $*: $(cat "$RIG_RUN/refused")"
}
mkdir "$RIG_RUN/empty"
memory_refused "sudo sluice-setup # proposes one; or: sluicectl doctor --config FILE" --root "$RIG_RUN/empty"
memory_refused "sudoedit $RIG_RUN/broken.yaml" --config "$RIG_RUN/broken.yaml"

# Arguments that make no sense are refused before anything is printed.
expect_exit 2 doctor --nope >"$RIG_RUN/refused"
expect_exit 2 doctor --connect 192.0.2.1:7878 --cert a --key b --ca c >>"$RIG_RUN/refused"
[[ ! -s $RIG_RUN/refused ]] || fail "printed: $(cat "$RIG_RUN/refused")"
