#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What is wrong with a configuration is said with file, line and field, and nothing is started.
source "$(dirname "$0")/_lib.sh"
test_begin
config=$RIG_RUN/bad.yaml
config_null sluiced >"$RIG_RUN/good.yaml"

# refused WHAT LINE FIELD: the file at $config is refused, naming line and field.
refused() {
	local output code=0
	output=$(timeout 20 "$(rig_built sluiced)" --config "$config" 2>&1) || code=$?
	((code != 0 && code < 124)) || fail "$1: exit code $code: $output"
	grep -qF -- "$config:$2" <<<"$output" || fail "$1: line $2 is not named: $output"
	grep -qF -- "$3" <<<"$output" || fail "$1: $3 is not named: $output"
	[[ $(wc -l <<<"$output") -le 2 ]] || fail "$1: more than the error is printed: $output"
}

# line_of TEXT: its line in $config
line_of() {
	grep -n -m 1 -- "$1" "$config" | cut -d : -f 1
}

edit() {
	sed "$@" "$RIG_RUN/good.yaml" >"$config"
}

edit 's/^workers: .*/workers: [-1]/'
refused "number out of range" "$(line_of workers)" workers
edit 's/^workers: .*/workers: one/'
refused "wrong type" "$(line_of workers)" workers
edit 's/^workers:/werkers:/'
refused "unknown field" "$(line_of werkers)" werkers
edit '/^workers:/d'
refused "missing field" "" workers
edit 's/name: p1/name: p0/'
refused "duplicate port" "$(line_of net_ring0)" /ports/1/name
edit 's/^control: .*/control: {core: 1000}/'
refused "no such CPU" "$(line_of control)" /control/core
edit "s/^workers: .*/workers: [$(rig_cpus | head -n 1)]/"
refused "that of the control thread" "$(line_of workers)" /workers/0
edit 's/^hugepages: .*/hugepages: [/'
refused "syntax" "" ""
edit 's/^hugepages: .*/&\nhugepages: true/'
refused "duplicate key" "" hugepages
edit 's/net_null0,no-rx=1/net_af_xdp0/'
refused "no interface" "$(line_of net_af_xdp0)" /ports/0/devargs

# The files of flows and relays that it names: by --check, all rules inside each of them.
mkdir "$RIG_RUN/flows.d"
edit "s|^state: .*|state: {path: '', flows: $RIG_RUN/flows.d}|"
files_refused() {
	local output code=0
	cat >"$RIG_RUN/flows.d/relays.yaml"
	output=$("$(rig_built sluiced)" --config "$config" --check 2>&1) || code=$?
	((code == 1)) || fail "$1: exit code $code: $output"
	[[ $output == *"relays.yaml:$2: relay call: $3"* ]] || fail "$1: $output"
}
files_refused "out of range" 3 '/a/local_port: found 70000' <<-END
	relays:
	- id: call
	  a: {port: p0, local: 192.0.2.1, local_port: 70000}
	  b: {port: p1, local: 198.51.100.1, local_port: 6000}
END
files_refused "odd port" 5 '/b/local_port: found 6001, expected an even port' <<-END
	relays:
	- id: call
	  rtcp: next
	  a: {port: p0, local: 192.0.2.1, local_port: 6000}
	  b: {port: p1, local: 198.51.100.1, local_port: 6001}
END
files_refused "no port" 3 '/a/local_port: missing, expected the local UDP port, or pool' <<-END
	relays:
	- id: call
	  a: {port: p0, local: 192.0.2.1}
	  b: {port: p1, local: 198.51.100.1, local_port: 6000}
END
sed -i 's/192.0.2.1}/192.0.2.1, pool: none}/' "$RIG_RUN/flows.d/relays.yaml"
output=$("$(rig_built sluiced)" --config "$config" --check 2>&1) || fail "a good file: $output"

# What is no file, also as certificates: it is not waited for.
no_file() {
	local output code=0
	output=$(timeout 20 "$(rig_built sluiced)" --config "$1" 2>&1) || code=$?
	((code == 1)) || fail "$1: exit code $code: $output"
	[[ $output == *"$2" ]] || fail "$1: $output"
}
mkfifo "$RIG_RUN/fifo.yaml"
no_file "$RIG_RUN/fifo.yaml" "$RIG_RUN/fifo.yaml: found a FIFO, expected a file"
no_file "$RIG_RUN" "$RIG_RUN: found a directory, expected a file"

# A device that cannot be probed: the port, its devargs and what to do are named behind what the EAL
# says.
not_probed() {
	local output code=0
	output=$(timeout 20 "$(rig_built sluiced)" --config "$config" 2>&1) || code=$?
	((code != 0 && code < 124)) || fail "$1: exit code $code: $output"
	grep -q "port p0: probing \"$1\" failed: .*$2" <<<"$output" || fail "$1: $output"
}
edit 's/net_null0,no-rx=1/net_nul0/'
not_probed net_nul0 'did you mean net_null?'
edit 's/net_null0,no-rx=1/0000:ff:1f.7/'
not_probed 0000:ff:1f.7 'there is no /sys/bus/pci/devices/0000:ff:1f.7'

config=$RIG_RUN/absent.yaml
output=$(timeout 20 "$(rig_built sluiced)" --config "$config" 2>&1) && fail "no file, but it started"
grep -qF "$config" <<<"$output" || fail "the missing file is not named: $output"
[[ ! -e $RIG_RUN/sluiced.sock ]] || fail "a socket was made"
