#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Checks what bash completion offers: check_completion.bash SLUICECTL COMPLETION_FILE. Prints TAP.
# The daemon's answers are canned; help comes from the real program.
set -euo pipefail

program=$1
# shellcheck source=/dev/null
. "$2"
count=0

sluicectl() {
	case "$*" in
	*"--json flow list"*) printf '{\n  "flows": [\n    {\n      "id": "cam1",\n      "legs": []\n    },\n    {\n      "id": "dvb:3"\n    }\n  ]\n}\n' ;;
	*"--json relay receivers call1 --side a"*) printf '{\n  "receivers": [\n    {\n      "receiver": {\n        "name": "recorder"\n      },\n      "sent": {\n        "id": "a.recorder"\n      }\n    }\n  ]\n}\n' ;;
	*"--json relay receivers call1"*) printf '{\n  "receivers": [\n    {\n      "receiver": {\n        "name": "anna"\n      },\n      "sent": {\n        "id": "b.anna"\n      }\n    }\n  ]\n}\n' ;;
	*"--json relay list"*) printf '{\n  "relays": [\n    {\n      "relay": {\n        "id": "call1"\n      },\n      "a": {\n        "sent": {\n          "id": "leg-1"\n        }\n      }\n    }\n  ]\n}\n' ;;
	*"--json port list"*) printf '{\n  "ports": [\n    {\n      "name": "p0",\n      "mtu": 1500\n    },\n    {\n      "name": "p1"\n    }\n  ]\n}\n' ;;
	*"--json info"*) printf '{\n  "name": "sluice",\n  "pools": [\n    {\n      "name": "voice",\n      "size": 8\n    }\n  ],\n  "workers": [\n    {\n      "name": "w0"\n    }\n  ]\n}\n' ;;
	*"--json flow show cam1"*) printf '{\n  "flow": {\n    "id": "cam1",\n    "legs": [\n      {\n        "id": "leg-1"\n      }\n    ]\n  },\n  "legs": [\n    {\n      "id": "leg-1",\n      "copies": 0\n    },\n    {\n      "id": "wall"\n    }\n  ]\n}\n' ;;
	*"--json history --limit 50") printf '{\n  "generations": [\n    {\n      "generation": 42,\n      "added": 1\n    },\n    {\n      "generation": 41\n    }\n  ]\n}\n' ;;
	*"rpc --list") printf 'METHOD       SUMMARY\nflow.get     Show.\nsystem.info  What runs.\n' ;;
	*) "$program" "$@" ;;
	esac
}

# Readline would act on it; here there is none.
compopt() {
	:
}

# Typing LINE and pressing the tab key offers the words of EXPECTED.
offers() {
	local line=$1 expected=$2 verdict=ok
	COMP_LINE=$line
	COMP_POINT=${#line}
	COMP_WORDBREAKS=$' \t\n"\'><=;|&(:'
	_sluicectl
	count=$((count + 1))
	if [[ "${COMPREPLY[*]}" != "$expected" ]]; then
		verdict="not ok"
		echo "# offered: ${COMPREPLY[*]}"
	fi
	echo "$verdict $count - $line"
}

offers "sluicectl " "apply confirm counters doctor events export flow history info inject leg plan port punted relay rollback rpc top trace validate watch workers"
offers "sluicectl app" "apply"
offers "sluicectl apply --" "--prune --confirm-within --comment --if-generation --limit --yes --json --socket --connect --cert --key --ca --timeout --help --version"
offers "sluicectl apply --comment why --pr" "--prune"
offers "sluicectl apply --confirm-within " ""
offers "sluicectl plan ${0%/*}/check_comp" "${0%/*}/check_completion.bash"
offers "sluicectl validate --offline ${0%/*}/check_comp" "${0%/*}/check_completion.bash"
offers "sluicectl export -o ${0%/*}/check_comp" "${0%/*}/check_completion.bash"
offers "sluicectl rollback " "42 41"
offers "sluicectl rollback 42 " ""
offers "sluicectl --socket /tmp/x history 4" "42 41"
offers "sluicectl confirm " "42 41"
offers "sluicectl history tag " "42 41"
offers "sluicectl history tag 42 " ""
offers "sluicectl history t" "tag"
offers "sluicectl flow del cam1 --if-generation " "42 41"
offers "sluicectl flow del --comment why c" "cam1"
offers "sluicectl f" "flow"
offers "sluicectl flow " "add del down forget list replace show up"
offers "sluicectl --json flow de" "del"
offers "sluicectl leg " "join leave"
offers "sluicectl relay " "add del join leave list receivers show update"
offers "sluicectl relay del " "call1"
offers "sluicectl relay show c" "call1"
offers "sluicectl relay leave call1 " "anna"
offers "sluicectl relay leave call1 --side a " "recorder"
offers "sluicectl relay leave --side a call1 r" "recorder"
offers "sluicectl relay leave call1 --side b recorder a" "anna"
offers "sluicectl relay join call1 --side " "a b"
offers "sluicectl relay leave call1 --side " "a b"
offers "sluicectl relay receivers --side a c" "call1"
offers "sluicectl relay join call1 --receiver name=anna,lo" "anna,local="
offers "sluicectl relay add --rtcp " "mux next"
offers "sluicectl relay add --b la" "latch= latch-interval-ms= latch-by="
offers "sluicectl relay add --a latch-by=s" "ssrc stun"
offers "sluicectl relay add --a port=p0,latch=f" "first follow"
offers "sluicectl relay update --b port=" "p0 p1"
offers "sluicectl relay update --id " "call1"
offers "sluicectl relay add --id " ""
offers "sluicectl relay add --a reopen=" "true false"
offers "sluicectl relay join call1 --receiver name=anna,pool=" "voice"
offers "sluicectl flow add --leg port=p0,learned=c" "cam1"
offers "sluicectl relay add --a me" "media-timeout="
offers "sluicectl relay join call1 --receiver idle" "idle-timeout="
offers "sluicectl --socket /tmp/x port " "list show"
offers "sluicectl counters --f" "--flows"
offers "sluicectl flow list --" "--limit --cursor --pending --down --dropping --silent --within --health --json --socket --connect --cert --key --ca --timeout --help --version"
offers "sluicectl flow del " "cam1 dvb:3"
offers "sluicectl flow del cam1 d" "dvb:3"
offers "sluicectl flow forget " "cam1 dvb:3"
offers "sluicectl flow show dvb:" "3"
offers "sluicectl flow show cam1 " ""
offers "sluicectl flow down c" "cam1"
offers "sluicectl port show " "p0 p1"
offers "sluicectl flow down cam1 --leg " "leg-1 wall"
offers "sluicectl leg leave " "cam1 dvb:3"
offers "sluicectl leg leave cam1 " "leg-1 wall"
offers "sluicectl leg leave cam1 leg-1 w" "wall"
offers "sluicectl --socket /tmp/x leg join cam1 --leg po" "port= police="
offers "sluicectl watch --flow c" "cam1"
offers "sluicectl watch --count " ""
offers "sluicectl events --" "--follow --after --kinds --json --socket --connect --cert --key --ca --timeout --help --version"
offers "sluicectl trace " "p0 p1"
offers "sluicectl trace p0 --p" "--payload --pcap --packet"
offers "sluicectl trace p0 --payload " "rtp stun dtls"
offers "sluicectl trace --from 192.0.2.1:1 p" "p0 p1"
offers "sluicectl trace p0 --pcap ${0%/*}/check_comp" "${0%/*}/check_completion.bash"
offers "sluicectl rpc s" "system.info"
offers "sluicectl flow add --match " "port= vlan= outer-vlan= src= dst= pool= rtcp-of="
offers "sluicectl flow add --match port=" "p0 p1"
offers "sluicectl flow add --match port=p0,v" "p0,vlan="
offers "sluicectl flow add --rule src" "src= src-ports="
offers "sluicectl flow add --action " "forward drop punt"
offers "sluicectl flow add --latch f" "first follow"
offers "sluicectl flow add --latch-by rt" "rtcp_ssrc rtp"
offers "sluicectl flow add --classes stun=p" "punt"
offers "sluicectl flow add --classes stun=punt,r" "punt,rtp="
offers "sluicectl flow add --leg dst=192.0.2.1:5004,port=p1" "p1"
offers "sluicectl flow add --leg dst=192.0.2.1:5004,n" "5004,next-hop="
offers "sluicectl flow add --leg port=p1,admin=" "up down"
offers "sluicectl frob " ""
offers "sluicectl top --view " "flows legs ports workers"
offers "sluicectl top --sort b" "bps busy"
offers "sluicectl events --kinds flow_r" "flow_removed"
offers "sluicectl events --kinds flow_c" "flow_changed"
echo "1..$count"
