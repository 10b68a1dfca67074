# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Completion for oomnotify(1) in bash: commands, options, kinds, and the cgroups that are there.

# Where the hierarchy that holds memory is mounted: v2, unless v1 has the controller.
__oomnotify_root() {
	local _id _parent _dev _root where _rest v2=
	while read -r _id _parent _dev _root where _rest; do
		case $_rest in
		*' - cgroup '*memory*)
			printf '%b\n' "$where"
			return
			;;
		*' - cgroup2 '*) [[ -n $v2 ]] || v2=$where ;;
		esac
	done </proc/self/mountinfo
	[[ -n $v2 ]] && printf '%b\n' "$v2"
}

# The directory of the cgroup that `self` or `pid:N` is, below the root $1.
__oomnotify_process() {
	local root=$1 name=$2 pid=self path='' where _id
	[[ $name == self ]] || pid=${name#pid:}
	while IFS=: read -r _id where path; do
		[[ ,$where, == *,memory,* ]] && break
		[[ -z $where && ! -e $root/memory.oom_control ]] && break
		path=
	done 2>/dev/null <"/proc/$pid/cgroup"
	[[ -n $path ]] && printf '%s\n' "$root${path%/}"
}

__oomnotify_cgroups() {
	local cur=$1 root path name
	root=$(__oomnotify_root)
	mapfile -t COMPREPLY < <(compgen -W 'self pid:' -- "$cur")
	[[ -n $root ]] || return
	# Below the cgroup of a process.
	if [[ $cur == self/* || $cur =~ ^pid:[0-9]+/ ]]; then
		name=${cur%%/*}
		root=$(__oomnotify_process "$root" "$name")
		[[ -n $root ]] && while IFS= read -r path; do
			COMPREPLY+=("$name${path#"$root"}/")
		done < <(compgen -d -- "$root/${cur#*/}")
		compopt -o nospace -o filenames 2>/dev/null
		return
	fi
	# Directories that are cgroups, or lead there.
	[[ $cur == /* ]] && while IFS= read -r path; do
		[[ $path/ == "$root"/* || $root == "$path"/* ]] && COMPREPLY+=("$path/")
	done < <(compgen -d -- "$cur")
	# Paths from the root of the hierarchy, with or without their leading slash.
	while IFS= read -r path; do
		path=${path#"$root"/}/
		[[ $cur == /* ]] && path=/$path
		COMPREPLY+=("$path")
	done < <(compgen -d -- "$root/${cur#/}")
	compopt -o nospace -o filenames 2>/dev/null
}

__oomnotify_kinds() {
	local before='' last=$1
	if [[ $last == *,* ]]; then
		before=${last%,*},
		last=${last##*,}
	fi
	mapfile -t COMPREPLY < <(
		compgen -P "$before" -W 'oom kill group_kill collateral details paused gone lost' -- "$last"
	)
	compopt -o nospace 2>/dev/null
}

__oomnotify_pressure() {
	local cur=$1
	if [[ $cur == *,* ]]; then
		mapfile -t COMPREPLY < <(compgen -P "${cur%%,*}," -W 'default hierarchy local' -- "${cur#*,}")
		return
	fi
	mapfile -t COMPREPLY < <(compgen -W 'low medium critical' -- "$cur")
	compopt -o nospace 2>/dev/null
}

__oomnotify_options() {
	case $1 in
	watch) echo '--json --local --kinds= --timeout= --source= --no-bpf --bpf-ring= --quiet --help -n -q -h' ;;
	listen) echo '--threshold= --pressure= --timeout= --eventfd= --help -n -h' ;;
	doctor) echo '--json --help -h' ;;
	help | version) echo '--help -h' ;;
	esac
}

_oomnotify() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command
	command=${COMP_WORDS[1]}
	COMPREPLY=()
	# `=` is a word of its own: --kinds = oom
	if [[ $cur == '=' ]]; then
		cur=
	elif [[ $prev == '=' ]]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	if ((COMP_CWORD == 1)); then
		mapfile -t COMPREPLY < <(
			compgen -W 'watch listen doctor help version --help --version' -- "$cur"
		)
		return
	fi
	case $command:$prev in
	watch:--kinds)
		__oomnotify_kinds "$cur"
		return
		;;
	watch:--source)
		mapfile -t COMPREPLY < <(
			compgen -W 'auto bpf bpf-fentry bpf-kprobe bpf-tracepoint kmsg counters' -- "$cur"
		)
		return
		;;
	listen:--pressure)
		__oomnotify_pressure "$cur"
		return
		;;
	watch:--bpf-ring | watch:--timeout | watch:-n) return ;;
	listen:--threshold | listen:--timeout | listen:--eventfd | listen:-n) return ;;
	esac
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(__oomnotify_options "$command")" -- "$cur")
		[[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace 2>/dev/null
		return
	fi
	case $command in
	watch | listen) __oomnotify_cgroups "$cur" ;;
	help) mapfile -t COMPREPLY < <(compgen -W 'watch listen doctor help version' -- "$cur") ;;
	esac
}

complete -F _oomnotify oomnotify
