# SPDX-License-Identifier: BSD-3-Clause
# bash completion for sluicectl. Commands, options, what stands behind them and which words a command
# takes are read from its own --help, names of flows, ports and methods from the daemon: nothing of
# them stands here a second time.
# shellcheck shell=bash

# The daemon's answer, with the options of the command line so far that say which daemon to ask.
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

_sluicectl_relays() {
	_sluicectl_ask --json relay list --limit 1000 | sed -n 's/^        "id": "\([^"]*\)".*/\1/p'
}

# Receivers of the relay that the command line names, of the side that it names.
_sluicectl_receivers() {
	local relay=${_sluicectl_found[2]-} side=b i
	for ((i = 1; i < ${#_sluicectl_words[@]} - 2; i++)); do
		if [[ ${_sluicectl_words[i]} == --side ]]; then
			side=${_sluicectl_words[i + 1]}
		fi
	done
	if [[ -n $relay ]]; then
		_sluicectl_ask --json relay receivers "$relay" --side "$side" --limit 1000 |
			sed -n 's/^        "name": "\([^"]*\)".*/\1/p'
	fi
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

_sluicectl_pools() {
	_sluicectl_ask --json info | sed -n '/^  "pools"/,/^  ]/s/^      "name": "\([^"]*\)".*/\1/p'
}

# Next words of a command name that begins with the words given.
_sluicectl_commands() {
	sluicectl --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]\+ \?[a-z]*\)  .*/\1/p' |
		sed -n "s/^${*:+$* }\([a-z]\+\).*/\1/p" | sort -u
}

# A comma-separated KEY=VALUE list: complete the last key, or its value where the help lists those
# that there are, or where it is the name of a port, a pool or a flow.
_sluicectl_pairs() {
	local option=$1 list=$2 before="" last command="flow add"
	if [[ $option == --[ab] ]]; then
		option=--a command="relay add"
	elif [[ $option == --receiver ]]; then
		command="relay join"
	fi
	last=${list##*,}
	if [[ $list == *,* ]]; then
		before=${list%,*},
	fi
	if [[ $last =~ ^(port|pool|learned)= ]]; then
		case $last in
		port=*) _sluicectl_ports ;;
		pool=*) _sluicectl_pools ;;
		*) _sluicectl_flows ;;
		esac | sed "s|^|$before${last%%=*}=|"
	elif [[ $last == *=* ]]; then
		# shellcheck disable=SC2086 # two words
		sluicectl $command --help |
			sed -n "/^Keys of $option/,/^\$/s/^  ${last%%=*}=\([a-z]*|[a-z|]*\) .*/\1/p" |
			tr '|' '\n' | sed "s/^/$before${last%%=*}=/"
	else
		# shellcheck disable=SC2086 # two words
		sluicectl $command --help |
			sed -n "/^Keys of $option/,/^\$/s/^  \([a-z-]*=\).*/\1/p" | sed "s|^|$before|"
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

# What the help calls the value of an option of the command; nothing when it takes none.
_sluicectl_value() {
	local option=$1
	shift
	if [[ $option == -? ]]; then
		sluicectl "$@" --help | sed -n "s/^  --[a-z-]* \([^ ]\+\) .*($option).*/\1/p"
	elif [[ $option == --* ]]; then
		sluicectl "$@" --help | sed -n "s/^  $option \([^ ]\+\) .*/\1/p"
	fi
}

# Fill _sluicectl_found with the words before the last one that are no options, the command's name
# as two of them, the second of which may be empty; and _sluicectl_name with that.
_sluicectl_find() {
	local i word
	_sluicectl_found=()
	_sluicectl_name=()
	for ((i = 1; i < ${#_sluicectl_words[@]} - 1; i++)); do
		word=${_sluicectl_words[i]}
		if [[ $word == -* ]]; then
			[[ -z $(_sluicectl_value "$word" "${_sluicectl_name[@]}") ]] || i=$((i + 1))
			continue
		fi
		_sluicectl_found+=("$word")
		case ${#_sluicectl_found[@]}$word in
		1flow | 1leg | 1port | 1relay) ;;
		1*) _sluicectl_found+=("") ;;
		esac
		if ((${#_sluicectl_found[@]} == 2)); then
			_sluicectl_name=("${_sluicectl_found[@]:0:1}" ${_sluicectl_found[1]:+"${_sluicectl_found[1]}"})
		fi
	done
}

# What the usage of the command has in the place of the next word: ID, FILE, tag ..., one a line.
_sluicectl_expected() {
	local -a form
	local token i option
	sluicectl "${_sluicectl_name[@]}" --help |
		sed -n "/^Usage:/,/^\$/s/^.*sluicectl ${_sluicectl_name[*]} *//p" |
		while read -r -a form; do
			i=2 option=""
			for token in "${form[@]}"; do
				case $option$token in
				*--*] | *OPTION* | option*) option="" ;;
				*--*) option=option ;;
				"|") break ;;
				*)
					token=${token//[\[\]]/}
					if ((i == ${#_sluicectl_found[@]})) || [[ $token == *... ]]; then
						echo "${token%...}"
						break
					fi
					[[ $token == [A-Z]* || $token == "${_sluicectl_found[i]}" ]] || break
					i=$((i + 1))
					;;
				esac
			done
		done | sort -u
}

# Everything that may stand where the help has KIND. OPTION is the word before.
_sluicectl_offer() {
	local kind=$1 option=$2 current=$3
	case $kind in
	"K=V,...") _sluicectl_pairs "$option" "$current" ;;
	FILE | PATH) compgen -f -- "$current" ;;
	DIR) compgen -d -- "$current" ;;
	ID | FLOW) _sluicectl_flows ;;
	LEG) _sluicectl_legs ;;
	RELAY) _sluicectl_relays ;;
	NAME) [[ "$option ${_sluicectl_name[*]}" != "--id relay update" ]] || _sluicectl_relays ;;
	RECEIVER) _sluicectl_receivers ;;
	PORT) _sluicectl_ports ;;
	GENERATION) _sluicectl_ask --json history --limit 50 | sed -n 's/^ *"generation": \([0-9]*\).*/\1/p
			s/^ *"tag": "\([^"]*\)".*/\1/p' ;;
	METHOD) _sluicectl_ask rpc --list | sed '1d; s/ .*//' ;;
	"KIND,...") sluicectl events --help | sed -n '/^Kinds of/,$s/^  \([a-z_]*\)$/\1/p' ;;
	[a-z]*) tr '|' '\n' <<<"$kind" | grep '^[a-z]' ;;
	esac
}

_sluicectl() {
	local -a _sluicectl_words _sluicectl_found _sluicectl_name kinds
	local current previous prefix="" candidate
	_sluicectl_split
	_sluicectl_find
	current=${_sluicectl_words[-1]}
	previous=${_sluicectl_words[-2]-}
	mapfile -t kinds < <(_sluicectl_value "$previous" "${_sluicectl_name[@]}")
	if ((${#kinds[@]} == 0)) && [[ $current != -* ]] && ((${#_sluicectl_name[@]} > 0)); then
		previous=
		mapfile -t kinds < <(_sluicectl_expected)
	fi
	# What readline takes for a word of its own already stands; the reply goes without it.
	if [[ $COMP_WORDBREAKS == *[=:]* && $current == *[=:]* ]]; then
		prefix=${current%"${current##*[=:]}"}
	fi
	COMPREPLY=()
	while IFS= read -r candidate; do
		if [[ $candidate == "$current"* ]]; then
			COMPREPLY+=("${candidate#"$prefix"}")
		fi
	done < <(
		for candidate in "${kinds[@]}"; do
			_sluicectl_offer "$candidate" "$previous" "$current"
		done 2>/dev/null
		if ((${#kinds[@]} > 0)); then
			:
		elif [[ $current == -* ]]; then
			sluicectl "${_sluicectl_name[@]}" --help | sed -n 's/^  \(--[a-z-]*\).*/\1/p'
		elif ((${#_sluicectl_name[@]} == 0)); then
			_sluicectl_commands "${_sluicectl_found[@]}"
		fi
	)
	case ${kinds[*]} in
	"K=V,...") compopt -o nospace ;;
	*FILE* | *PATH* | *DIR*) compopt -o filenames ;;
	esac
}

complete -F _sluicectl sluicectl
