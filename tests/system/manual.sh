#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The examples of sluicectl(1) work as they are printed, one after the other, on a rig that has the
# addresses they name; each in the directory where the one before left its files.
source "$(dirname "$0")/_lib.sh"
CONSERVATION_OPTIONS=(--flows-removed --legs-vary)
test_begin
rig_make 3

SLUICECTL=$PWD/$(rig_built sluicectl)
export SLUICE_SOCKET=$RIG_RUN/sluiced.sock SLUICECTL EDITOR=true
folder=$RIG_RUN/examples
mkdir "$folder"
# Every display below EXAMPLES becomes a file 01, 02 ...
sed '1,/^\.Sh EXAMPLES/d; /^\.Sh SEE/,$d' docs/man/sluicectl.1 | sed 's/\\e/\\/g' |
	awk -v to="$folder/" '/^\.Bd/ { file = to sprintf("%02d", ++n); next } /^\.Ed/ { file = "" }
		file != "" { print > file }'

example_run() {
	(
		cd "$folder"
		bash -e -c 'sluicectl() { "$SLUICECTL" "$@"; }; . "$1"' bash "./$1" >"$1.out" 2>&1
	) || fail "$(cat "$folder/$1" "$folder/$1.out")"
}

n=0
for path in "$folder"/[0-9][0-9]; do
	if grep -q punted "$path"; then
		media h0 --src 192.0.2.10:1000 --dst 192.0.2.1:6004 --count 3 stun
	fi
	example_run "$(basename "$path")"
	n=$((n + 1))
done
((n >= 9)) || fail "found $n examples"
grep -qx installed "$path.out" || fail "the last example says: $(cat "$path.out")"
[[ $(tshark -r "$folder/punted.pcap" -Y stun 2>/dev/null | wc -l) == 3 ]] ||
	fail "the capture differs"
