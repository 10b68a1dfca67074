#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The real program on the cgroups of this machine: names that are wrong, and cgroups that come and go.
# shellcheck disable=SC2317 # called by ok() and at the end
# Nothing is run out of memory here; that is for the suites kernel and vm.
. "$(dirname "$0")/lib.sh"

base=
remove_scratch() {
	[ -n "$base" ] && find "$base" -depth -type d -exec rmdir {} + 2>/dev/null
	cleanup
}
trap remove_scratch EXIT

# Of a cgroup that others live in: what they do beside this test may not be provable.
balanced_or_unproven() {
	[ "$status" -eq 0 ] || [ "$status" -eq 4 ]
}

# Of a cgroup of our own, in which nothing is ever killed. v1 signals a removal from one queue for all
# cgroups of the machine: while others remove many, that can take longer than the program waits.
balanced() {
	[ "$status" -eq 0 ] || { [ "$hierarchy" = v1 ] && [ "$status" -eq 4 ] &&
		[ "$(sed -n 's/^oomnotify: unproven: //p' err)" = "$LATE" ]; }
}

# The cgroups below $1 have memory of their own.
below() {
	[ "$hierarchy" = v1 ] || echo +memory >"$1/cgroup.subtree_control"
}
LATE='the last reading of the counters took too long'

run doctor --json
fact() {
	sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" out
}
mount=$(fact mount)
hierarchy=$(fact hierarchy)
if [ -z "$mount" ]; then
	run watch
	ok 'no memory controller here' [ "$status" -eq 1 ]
	skip 'names and cgroups' 'no mounted hierarchy has the memory controller'
	done_testing
fi

run watch /no/such/cgroup
ok 'no such cgroup' refused 1 "no such cgroup: '/no/such/cgroup': give a directory below $mount"
run watch "$work"
ok 'a directory that is no cgroup' refused 1 "not a cgroup: '$work'"
touch file
run watch ./file
ok 'a file' refused 1 "not a cgroup: './file'"
run watch ''
ok 'an empty name' refused 2 "bad name ''"
run watch pid:
ok 'no pid' refused 2 "bad name 'pid:'"
run watch pid:x
ok 'no number' refused 2 "bad name 'pid:x'"
for name in pid:0 pid:1x pid:-1; do
	run watch "$name"
	ok "$name" refused 2 "bad name '$name'"
done
run watch pid:4194305 # above the largest pid that a kernel gives
ok 'no such process' refused 1 "'pid:4194305'"
run watch "$(printf '/%04095d' 0)"
ok 'a path of 4096 bytes' refused 2 "'/0000"
run watch "$(printf '/a\nb\033[31m')"
ok 'odd bytes' refused 1 "'/a\\x0ab\\x1b[31m'"
other=$(sed -n 's/.* \(\/[^ ]*\) .* - cgroup cgroup .*,pids.*/\1/p' /proc/self/mountinfo | head -n 1)
if [ -n "$other" ]; then
	run watch "$other"
	ok 'another hierarchy' refused 1 'is in a hierarchy without the memory controller'
else
	skip 'another hierarchy' 'no other hierarchy is mounted here'
fi

run watch --timeout=0.01 self
ok 'self: status' balanced_or_unproven
ok 'self: ready' has err "(cgroup $hierarchy), ready"
run watch --timeout=0.01 "pid:$$"
ok 'pid:N: ready' has err "(cgroup $hierarchy), ready"
run watch --timeout=0.01 --json -q self
# Others may run out of memory beside this test.
ok 'quiet: no ready line' lacks err ready
ok 'quiet: nothing but JSON' [ "$(grep -c '^{.*}$' out)" -eq "$(wc -l <out)" ]
: >out
timeout "$LIMIT" "$OOMNOTIFY" watch self >&- 2>err
status=$?
ok 'standard output closed' refused 1 'cannot write to standard output: Bad file descriptor'

if [ "$(id -u)" -eq 0 ] && unshare -m true 2>/dev/null; then
	cat >bare <<'S'
mount --make-rprivate /
umount -R -l /sys/fs/cgroup 2>/dev/null || umount -l /sys/fs/cgroup # busybox knows no -R
exec "$@"
S
	timeout "$LIMIT" unshare -m sh ./bare "$OOMNOTIFY" watch >out 2>err
	status=$?
	ok 'no cgroup file system' refused 1 'no cgroup file system is mounted here: mount one'
	if grep -q __asan_init "$OOMNOTIFY"; then
		skip 'no /proc' 'AddressSanitizer needs it'
	else
		for command in watch 'listen self' doctor; do
			# shellcheck disable=SC2016,SC2086 # expanded in there; words
			timeout "$LIMIT" unshare -m sh -c 'umount -l /proc; exec "$@"' sh "$OOMNOTIFY" $command >out 2>err
			status=$?
			ok "no /proc: $command" refused 1 "/proc is not mounted here, which tells where the cgroups are: mount it"
		done
	fi
else
	skip 'no cgroup file system, no /proc' 'a mount namespace takes root'
fi

# A cgroup of our own: below this one where it lies in the hierarchy that holds memory.
if [ "$hierarchy" = v1 ]; then
	own=$(sed -n 's/^[0-9]*:[^:]*memory[^:]*:\(.*\)$/\1/p' /proc/self/cgroup)
else
	own=$(sed -n 's/^0:://p' /proc/self/cgroup)
fi
[ "$own" != / ] || own=
if mkdir "$mount$own/cli-$$" 2>mkdir.err; then
	base=$mount$own/cli-$$
	scratch=$base
else
	skip 'cgroups that come and go' "no cgroup can be made: $(cat mkdir.err)"
	done_testing
fi
if [ "$hierarchy" = v2 ] && [ ! -e "$scratch/memory.events" ]; then
	run watch --timeout=0.01 "$scratch"
	ok 'no memory files: said, or why not' grep -q 'the memory controller is not* enabled' err
	skip 'cgroups that come and go' 'memory cannot be enabled below a cgroup with processes'
	done_testing
fi

# Not a child of the root, which keeps no counters: then its last moment is proven by its parent's.
if [ "$hierarchy" = v2 ]; then
	below "$base"
	scratch=$base/in
	mkdir "$scratch"
fi
name=${scratch#"$mount"}

start watch "$scratch" "$name"
await ready
rss=$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$pid/status")
echo "# VmRSS of an idle watch: $rss kB"
rmdir "$scratch"
finish
ok 'removed: status' balanced
ok 'removed: it is told' grep -q "gone.*$name.*cgroup was removed" out
ok 'removed: told once, though it was named twice' lines out 1
if grep -q __asan_init "$OOMNOTIFY"; then
	skip 'at most 8 MiB of memory' 'AddressSanitizer has a memory of its own'
else
	ok 'at most 8 MiB of memory' [ "$rss" -le 8192 ]
fi

mkdir "$scratch"
below "$scratch"
# Every byte but a newline, which the kernel refuses for the sake of /proc/PID/cgroup.
odd=$(printf 'a\t"\\\033[31m\377\303\250')
mkdir "$scratch/$odd"
start watch --json "$scratch/$odd"
await ready
rmdir "$scratch/$odd"
finish
ok 'an odd name: status' balanced
ok 'an odd name in the ready line' has err '/a\x09"\x5c\x1b[31m\xffè (cgroup'
ok 'an odd name in JSON' has out '/a\\x09\"\\x5c\\x1b[31m\\xffè"'
ok 'an odd name in JSON: one line' lines out 1

mkdir "$scratch/top" "$scratch/top/below"
below "$scratch/top"
mkfifo events
exec 6<>events # opens without a writer, and must not be kept, or the end is never seen
STDOUT=events start watch --json --kinds=gone "$scratch/top"
exec 7<events 6<&-
await ready
rmdir "$scratch/top/below"
IFS= read -r line <&7
printf '%s\n' "$line" >out
rmdir "$scratch/top"
cat <&7 >>out
exec 7<&-
finish
ok 'all removals' [ "$(grep -c '"kind":"gone"' out)" -eq 2 ]

if [ "$(id -u)" -eq 0 ] && setpriv --reuid 65534 true 2>/dev/null; then
	mkdir -m 700 "$scratch/closed"
	cp "$OOMNOTIFY" program
	chmod 755 "$work"
	setpriv --reuid 65534 --clear-groups ./program watch "$scratch/closed" >out 2>err
	status=$?
	ok 'no permission' refused 1 "no permission to look at '$scratch/closed'"
	setpriv --reuid 65534 --clear-groups ./program watch --timeout=0.01 "$scratch" >out 2>err
	status=$?
	ok 'without root: status' balanced_or_unproven
	ok 'without root: ready' has err ready
	rmdir "$scratch/closed"
else
	skip 'no permission' 'becoming another user takes root'
fi

# BPF by the two rights that the manual names. Before 5.11 locked memory has a limit, too.
few='+bpf,+perfmon'
if ! "$OOMNOTIFY" watch --source=bpf --timeout=0 "$scratch" >out 2>err; then
	skip 'BPF by its own rights' 'no BPF here'
elif ! setpriv --inh-caps "-all,$few" --ambient-caps "-all,$few" true 2>/dev/null; then
	skip 'BPF by its own rights' 'setpriv cannot give them here'
else
	lock='prlimit --memlock=unlimited'
	$lock true 2>/dev/null || lock=
	$lock setpriv --reuid 65534 --regid 65534 --clear-groups \
		--inh-caps "-all,$few" --ambient-caps "-all,$few" ./program watch --source=bpf \
		--timeout=0 "$scratch" >out 2>err
	status=$?
	ok 'BPF by its own rights' balanced_or_unproven
fi

done_testing
