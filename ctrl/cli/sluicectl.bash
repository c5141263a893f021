# SPDX-License-Identifier: BSD-3-Clause
# bash completion for sluicectl. Commands, options and keys are read from its own --help, names of
# flows, ports and methods from the daemon, so that nothing here goes stale.
# shellcheck shell=bash

# The command line so far, with the options that say which daemon to ask.
_sluicectl_ask() {
	local -a target=()
	local i
	for ((i = 1; i < ${#_sluicectl_words[@]} - 1; i++)); do
		if [[ ${_sluicectl_words[i]} == --socket ]]; then
			target=(--socket "${_sluicectl_words[i + 1]}")
		fi
	done
	sluicectl --timeout 1 "${target[@]}" "$@" 2>/dev/null
}

_sluicectl_flows() {
	_sluicectl_ask --json flow list --limit 1000 | sed -n 's/^      "id": "\([^"]*\)".*/\1/p'
}

_sluicectl_ports() {
	_sluicectl_ask --json port list | sed -n 's/^      "name": "\([^"]*\)".*/\1/p'
}

_sluicectl_methods() {
	_sluicectl_ask rpc --list | sed '1d; s/ .*//'
}

# Options of a command: "--name" or "--name VALUE" at the start of a help line.
_sluicectl_options() {
	sluicectl "$@" --help | sed -n 's/^  \(--[a-z-]*\).*/\1/p'
}

# Next words of a command name that begins with the words given.
_sluicectl_commands() {
	sluicectl --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]\+ \?[a-z]*\)  .*/\1/p' |
		sed -n "s/^${*:+$* }\([a-z]\+\).*/\1/p" | sort -u
}

# Keys of --match or --leg, each with its "=".
_sluicectl_keys() {
	sluicectl flow add --help | sed -n "/^Keys of $1/,/^\$/s/^  \([a-z-]*=\).*/\1/p"
}

# A comma-separated KEY=VALUE list: complete the last key, or the port after port=.
_sluicectl_pairs() {
	local option=$1 list=$2 before="" last
	last=${list##*,}
	if [[ $list == *,* ]]; then
		before=${list%,*},
	fi
	if [[ $last == port=* ]]; then
		_sluicectl_ports | sed "s|^|${before}port=|"
	elif [[ $last != *=* ]]; then
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

# The words of the command's name, as far as they are given before the last word.
_sluicectl_name() {
	local -a found=()
	local i
	for ((i = 1; i < ${#_sluicectl_words[@]} - 1 && ${#found[@]} < 2; i++)); do
		case ${_sluicectl_words[i]} in
		--socket | --timeout) i=$((i + 1)) ;;
		-*) ;;
		*) found+=("${_sluicectl_words[i]}") ;;
		esac
	done
	if [[ ${found[0]-} != flow && ${found[0]-} != port ]]; then
		found=("${found[@]:0:1}")
	fi
	echo "${found[*]}"
}

# Everything that could stand where the last word stands, one a line.
_sluicectl_candidates() {
	local name=$1 current=$2 previous=$3
	case $previous in
	--match | --leg) _sluicectl_pairs "$previous" "$current" && return ;;
	--flow) _sluicectl_flows && return ;;
	--socket | --file) compgen -f -- "$current" && return ;;
	--timeout | --interval | --count | --limit | --cursor | --id) return ;;
	esac
	if [[ $current == -* ]]; then
		# shellcheck disable=SC2086 # the name's words are arguments
		_sluicectl_options $name
		return
	fi
	case $name in
	"" | flow | port) _sluicectl_commands "$name" ;;
	"flow del" | "flow show") _sluicectl_flows ;;
	rpc) _sluicectl_methods ;;
	esac
}

_sluicectl() {
	local -a _sluicectl_words
	local current previous prefix="" candidate
	_sluicectl_split
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
	done < <(_sluicectl_candidates "$(_sluicectl_name)" "$current" "$previous" 2>/dev/null)
	case $previous in
	--match | --leg) compopt -o nospace ;;
	--socket | --file) compopt -o filenames ;;
	esac
}

complete -F _sluicectl sluicectl
