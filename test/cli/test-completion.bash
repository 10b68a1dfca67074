#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The bash completion: it offers what the program takes, no more and no less.
# shellcheck disable=SC2317 # what ok() and the completion call
. "$(dirname "$0")/lib.sh"
# shellcheck source=/dev/null
. "$COMPLETION"

# What is offered for the words of a line, the last of which is being typed.
offer() {
	COMP_WORDS=("$@")
	COMP_CWORD=$(($# - 1))
	COMPREPLY=()
	_oomnotify
	printf '%s\n' "${COMPREPLY[@]}"
}

offers() {
	offer "${@:2}" | sort >got
	# shellcheck disable=SC2086 # words
	printf '%s\n' $1 | sort >want
	diff want got >diff.txt && return 0
	sed 's/^/# /' diff.txt
	return 1
}

# The functions are the same ones that a shell calls.
ok 'it is registered' test "$(complete -p oomnotify)" = 'complete -F _oomnotify oomnotify'

script <<'S'
cgroup /a id=7
S
run help
commands=$(sed -n 's/^  \([a-z]*\) .*/\1/p' out)
ok 'all commands' offers "$commands --help --version" oomnotify ''
ok 'a command' offers watch oomnotify wa
ok 'help for a command' offers doctor oomnotify help d

for command in help version; do
	ok "options of $command" offers '--help -h' oomnotify "$command" -
done
for command in watch listen doctor; do
	run help "$command"
	long=$(grep -oE -- '^  (-., )?--[a-z-]+=?' out | sed 's,.*--,--,')
	short=$(grep -oE -- '^  -[a-z]' out | tr -d ' ')
	ok "options of $command" offers "$long $short --help -h" oomnotify "$command" -
done
ok 'one option' offers --json oomnotify watch --js
ok 'an option after a name' offers --json oomnotify watch /a --js

run watch --kinds=nonsense
kinds=$(sed 's/.*the kinds are //; s/,//g' err)
ok 'all kinds' offers "$kinds" oomnotify watch --kinds =
ok 'a kind' offers 'gone group_kill' oomnotify watch --kinds = g
ok 'a kind after another' offers 'oom,kill' oomnotify watch --kinds = oom,ki
ok 'all levels' offers 'low medium critical' oomnotify listen --pressure = ''
ok 'a level' offers 'medium' oomnotify listen --pressure = m
ok 'a mode' offers 'low,local' oomnotify listen --pressure = low,l
ok 'no value for a threshold' offers '' oomnotify listen --threshold = ''
ok 'no value for a time' offers '' oomnotify watch --timeout = ''

mkdir -p root/system.slice/ssh.service root/user.slice
touch root/system.slice/tasks
__oomnotify_root() {
	echo "$work/root"
}
leads_there=/$(printf '%s' "$work" | cut -d/ -f2)/
ok 'cgroups from the root' offers "/system.slice/ /user.slice/ $leads_there" oomnotify watch /
ok 'cgroups below' offers /system.slice/ssh.service/ oomnotify watch /system.slice/
ok 'cgroups without a slash' offers 'self system.slice/' oomnotify watch s
ok 'cgroups as directories' offers "$work/root/user.slice/" oomnotify watch "$work/root/u"
ok 'cgroups to listen to' offers user.slice/ oomnotify listen u
# As if this process were in one of them, whatever hierarchy that is.
own=$(sed -n 's/^[0-9]*:[^:]*memory[^:]*://p' /proc/self/cgroup)
version=1
[ -n "$own" ] || own=$(sed -n 's/^0:://p' /proc/self/cgroup) version=2
mkdir -p "root/$own/below" "root/$own/beside"
[ "$version" = 2 ] || touch root/memory.oom_control
ok 'cgroups below that of a process' offers 'self/below/ self/beside/' oomnotify watch self/be
ok 'cgroups below that of another' offers "pid:$$/below/" oomnotify watch "pid:$$/bel"
ok 'cgroups below that of none' offers '' oomnotify watch pid:4194305/
unset -f __oomnotify_root
# shellcheck source=/dev/null
. "$COMPLETION"
root=$(__oomnotify_root)
if [ -n "$root" ]; then
	ok 'the root is found' test -d "$root"
else
	skip 'the root is found' 'no cgroup file system is mounted here'
fi

done_testing
