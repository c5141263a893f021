# SPDX-License-Identifier: BSD-3-Clause
# bash completion for sluice-setup. The options are those of its own --help.
# shellcheck shell=bash

_sluice_setup() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} words=""
	case $before in
	--take) words=$(ls /sys/class/net | grep -vx lo) ;;
	--profiles | --root)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -d -- "$word")
		return
		;;
	--workers | --control | --hugepages-mb) ;;
	*) words=$(sluice-setup --help | grep -o -- '--[a-z][a-z-]*' | sort -u) ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -F _sluice_setup sluice-setup
