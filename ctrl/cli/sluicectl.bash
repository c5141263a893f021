# SPDX-License-Identifier: BSD-3-Clause
# bash completion for sluicectl. Commands, options and keys are read from its own --help, names of
# flows, ports and methods from the daemon, so that nothing here goes stale.
# shellcheck shell=bash

# The command line so far, with the options that say which daemon to ask.
_sluicectl_ask() {
	local -a target=()
	local i
	for ((i = 1; i < ${#_sluicectl_words[@]} - 1; i++)); do
		case ${_sluicectl_words[i]} in
		--socket | --connect | --cert | --key | --ca)
			target+=("${_sluicectl_words[i]}" "${_sluicectl_words[i + 1]}")
			;;
		esac
	done
	sluicectl --timeout 1 "${target[@]}" "$@" 2>/dev/null
}

_sluicectl_flows() {
	_sluicectl_ask --json flow list --limit 1000 | sed -n 's/^      "id": "\([^"]*\)".*/\1/p'
}

# Legs of the flow that the command line names: the words behind the command's name.
_sluicectl_legs() {
	local flow=${_sluicectl_found[2]-}
	if [[ -n $flow ]]; then
		_sluicectl_ask --json flow show "$flow" | sed -n 's/^      "id": "\([^"]*\)".*/\1/p'
	fi
}

_sluicectl_ports() {
	_sluicectl_ask --json port list | sed -n 's/^      "name": "\([^"]*\)".*/\1/p'
}

# Generations that one may go back to, the latest first.
_sluicectl_generations() {
	_sluicectl_ask --json history --limit 50 | sed -n 's/^ *"generation": \([0-9]*\).*/\1/p'
}

_sluicectl_methods() {
	_sluicectl_ask rpc --list | sed '1d; s/ .*//'
}

# Options of a command: "--name" or "--name VALUE" at the start of a help line.
_sluicectl_options() {
	sluicectl "$@" --help | sed -n 's/^  \(--[a-z-]*\).*/\1/p'
}

# Values of an option whose help lists them, as in "--admin up|down".
_sluicectl_values() {
	local option=$1
	shift
	sluicectl "$@" --help | sed -n "s/^  $option \([a-z]*|[a-z|]*\) .*/\1/p" | tr '|' '\n'
}

# Next words of a command name that begins with the words given.
_sluicectl_commands() {
	sluicectl --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]\+ \?[a-z]*\)  .*/\1/p' |
		sed -n "s/^${*:+$* }\([a-z]\+\).*/\1/p" | sort -u
}

# Keys of --match, --rule, --classes or --leg, each with its "=".
_sluicectl_keys() {
	sluicectl flow add --help | sed -n "/^Keys of $1/,/^\$/s/^  \([a-z-]*=\).*/\1/p"
}

# A comma-separated KEY=VALUE list: complete the last key, or its value where the help lists those
# that there are, or the port after port=.
_sluicectl_pairs() {
	local option=$1 list=$2 before="" last
	last=${list##*,}
	if [[ $list == *,* ]]; then
		before=${list%,*},
	fi
	if [[ $last == port=* ]]; then
		_sluicectl_ports | sed "s|^|${before}port=|"
	elif [[ $last == *=* ]]; then
		sluicectl flow add --help |
			sed -n "/^Keys of $option/,/^\$/s/^  ${last%%=*}=\([a-z]*|[a-z|]*\) .*/\1/p" |
			tr '|' '\n' | sed "s/^/$before${last%%=*}=/"
	else
		_sluicectl_keys "$option" | sed "s|^|$before|"
	fi
}

# Words up to the cursor, split at blanks only: readline also splits at "=" and ":".
_sluicectl_split() {
	local line=${COMP_LINE:0:COMP_POINT}
	read -r -a _sluicectl_words <<<"$line"
	if [[ $line == *[[:space:]] ]]; then
		_sluicectl_words+=("")
	fi
}

# Fill _sluicectl_found with the words before the last one that are no options, and print the
# command's name, as far as it is given.
_sluicectl_find() {
	local i
	_sluicectl_found=()
	for ((i = 1; i < ${#_sluicectl_words[@]} - 1; i++)); do
		case ${_sluicectl_words[i]} in
		--connect | --cert | --key | --ca) i=$((i + 1)) ;;
		--socket | --timeout | --leg | --file | --comment | --if-generation) i=$((i + 1)) ;;
		--view | --sort | --filter | --interval | --kinds | --by | --method) i=$((i + 1)) ;;
		--confirm-within | --limit | --output | --directory | -[od]) i=$((i + 1)) ;;
		--from | --to | --vlan | --outer-vlan | --ttl | --dscp | --payload) i=$((i + 1)) ;;
		--hex | --pcap | --packet | --count | --legs | --legs-after) i=$((i + 1)) ;;
		-*) ;;
		*) _sluicectl_found+=("${_sluicectl_words[i]}") ;;
		esac
	done
	case ${_sluicectl_found[0]-} in
	flow | leg | port) ;;
	"") ;;
	# One word is the whole name.
	*) _sluicectl_found=("${_sluicectl_found[0]}" "" "${_sluicectl_found[@]:1}") ;;
	esac
	_sluicectl_name=${_sluicectl_found[*]:0:2}
	_sluicectl_name=${_sluicectl_name% }
}

# Everything that could stand where the last word stands, one a line.
_sluicectl_candidates() {
	local name=$1 current=$2 previous=$3
	case "$name $previous" in
	"flow up --leg" | "flow down --leg") _sluicectl_legs && return ;;
	esac
	case $previous in
	--match | --rule | --classes | --leg) _sluicectl_pairs "$previous" "$current" && return ;;
	--flow) _sluicectl_flows && return ;;
	--kinds) sluicectl events --help | sed -n '/^Kinds of/,$s/^  \([a-z_]*\)$/\1/p' && return ;;
	--socket | --cert | --key | --ca | --file | --output | -o | --pcap) compgen -f -- "$current" && return ;;
	--directory | -d) compgen -d -- "$current" && return ;;
	--if-generation) _sluicectl_generations && return ;;
	--method) _sluicectl_methods && return ;;
	--action | --admin | --latch | --view | --sort)
		# shellcheck disable=SC2086 # the name's words are arguments
		_sluicectl_values "$previous" $name && return
		;;
	--comment | --by | --confirm-within | --timeout | --interval | --filter | --count | --limit | --cursor | --id | --after) return ;;
	--payload) printf '%s\n' rtp stun dtls && return ;;
	--from | --to | --vlan | --outer-vlan | --ttl | --dscp | --packet) return ;;
	--legs | --legs-after) return ;;
	--allow | --police | --idle-timeout | --latch-interval-ms | --max-datagram) return ;;
	esac
	if [[ $current == -* ]]; then
		# shellcheck disable=SC2086 # the name's words are arguments
		_sluicectl_options $name
		return
	fi
	case $name in
	"" | flow | leg | port) _sluicectl_commands "$name" ;;
	"flow del") _sluicectl_flows ;;
	"flow show" | "flow up" | "flow down")
		((${#_sluicectl_found[@]} > 2)) || _sluicectl_flows
		;;
	"leg join")
		if ((${#_sluicectl_found[@]} > 2)); then
			compgen -f -- "$current"
		else
			_sluicectl_flows
		fi
		;;
	"leg leave")
		if ((${#_sluicectl_found[@]} > 2)); then
			_sluicectl_legs
		else
			_sluicectl_flows
		fi
		;;
	"flow add" | "flow replace") compgen -f -- "$current" ;;
	validate | plan | apply)
		((${#_sluicectl_found[@]} > 2)) || compgen -f -- "$current"
		;;
	confirm | rollback)
		((${#_sluicectl_found[@]} > 2)) || _sluicectl_generations
		;;
	history)
		case ${#_sluicectl_found[@]}${_sluicectl_found[2]-} in
		2) printf '%s\n' tag untag && _sluicectl_generations ;;
		3tag | 3untag) _sluicectl_generations ;;
		esac
		;;
	trace | "port show")
		((${#_sluicectl_found[@]} > 2)) || _sluicectl_ports
		;;
	rpc) _sluicectl_methods ;;
	esac
}

_sluicectl() {
	local -a _sluicectl_words _sluicectl_found
	local _sluicectl_name current previous prefix="" candidate
	_sluicectl_split
	_sluicectl_find
	current=${_sluicectl_words[-1]}
	previous=${_sluicectl_words[-2]-}
	# What readline takes for a word of its own already stands; the reply goes without it.
	if [[ $COMP_WORDBREAKS == *[=:]* && $current == *[=:]* ]]; then
		prefix=${current%"${current##*[=:]}"}
	fi
	COMPREPLY=()
	while IFS= read -r candidate; do
		if [[ $candidate == "$current"* ]]; then
			COMPREPLY+=("${candidate#"$prefix"}")
		fi
	done < <(_sluicectl_candidates "$_sluicectl_name" "$current" "$previous" 2>/dev/null)
	case $previous in
	--match | --rule | --classes | --leg) compopt -o nospace ;;
	--socket | --cert | --key | --ca) compopt -o filenames ;;
	--file | --output | -o | --directory | -d | --pcap) compopt -o filenames ;;
	replace | validate | plan | apply) compopt -o filenames ;;
	esac
}

complete -F _sluicectl sluicectl
