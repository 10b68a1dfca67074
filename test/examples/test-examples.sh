#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The programs of examples/ on real cgroups, v1 or v2, whatever is here: below our own.
# $EXAMPLES is their folder, $CLI the one of lib.sh, $OOMHOG oomhog; $SOURCE, $BUILD and $CC are for the
# programs in the documentation, where there is a compiler.
# shellcheck source=../cli/lib.sh
. "$CLI/lib.sh"
# shellcheck source=../cli/scratch.sh
. "$CLI/scratch.sh"

# example NAME: what run and start start from here on. Some need what may not be here.
example() {
	OOMNOTIFY=$EXAMPLES/$1
	[ -x "$OOMNOTIFY" ]
}

# Waits until the program has printed $1, or has ended.
await_out() {
	# shellcheck disable=SC2016 # for the inner shell
	timeout "$LIMIT" sh -c 'until grep -q "$0" out; do [ -d "/proc/$1" ] || break; done' "$1" "$pid" ||
		echo "# it never said: $1"
}

# Of the last run: the numbers that follow $1 at the beginning of lines of $2, added up.
sum() {
	awk -v word="$1" '$1 == word { n += $2 } END { print n + 0 }' "$2"
}

# The kernel tells of processes by the numbers of the initial pid namespace.
if [ "$(readlink /proc/self/ns/pid)" != 'pid:[4026531836]' ]; then
	echo '1..0 # SKIP in a pid namespace of its own: what the kernel calls a process is not what is known here'
	exit 0
fi

find_base examples

# A process that is killed can fail one more charge on its way out, which is one more oom.
example watch-epoll
cg watched 16M
start "$base/watched"
await ready
names=$(sed -n 's/.*victims are named by: //p' err)
oom watched
kill -TERM "$pid"
finish
ok 'watch-epoll: status' [ "$status" -eq 0 ]
ok 'watch-epoll: the kill' [ "$(sum kill out)" -eq 1 ]
ok 'watch-epoll: where' has out "kill 1 $base/watched"
ok 'watch-epoll: an oom' [ "$(sum oom out)" -ge 1 ]
ok 'watch-epoll: the balance' has out 'kills counted 1, reported 1'
ok 'watch-epoll: balanced' has out balanced
run "$base/none"
ok 'watch-epoll: no such cgroup' refused 1 "watch-epoll: $base/none: No such file or directory"

example eventfd-poll
cg counted 16M
start "$base/counted"
await ready
oom counted
await_out signalled
remove counted
finish
ok 'eventfd-poll: status' [ "$status" -eq 0 ]
ok 'eventfd-poll: the signals' [ "$(sum signalled: out)" -ge 2 ]
ok 'eventfd-poll: one was for the removal' \
	[ "$(tail -n 1 out)" = "removed, ooms: $(($(sum signalled: out) - 1))" ]
run /
ok 'eventfd-poll: the root' refused 1 'Invalid argument'

# Twice the limit goes through the cache.
example cache
cg cached 32M
# shellcheck disable=SC2016 # for the inner shell
sh -c 'echo $$ >"$0/cgroup.procs"; exec timeout -k 5 "$@"' "$mount$base/cached" "$LIMIT" "$OOMNOTIFY" \
	self $((16 << 20)) 64 >out 2>err
status=$?
ok 'cache: lives' [ "$status" -eq 0 ]
ok 'cache: all came' has out 'entries 64, '
ok 'cache: it shrank each time' [ "$(sed 's/.*shrunk \([0-9]*\).*/\1/' out)" -ge 4 ]
# As many again, told of nothing.
# shellcheck disable=SC2016 # for the inner shell
sh -c 'echo $$ >"$0/cgroup.procs"; exec timeout -k 5 "$@"' "$mount$base/cached" "$LIMIT" "$OOMNOTIFY" \
	self $((1 << 40)) 64 >out 2>err
status=$?
ok 'cache: without the threshold it is killed' [ "$status" -eq 137 ]

example job-runner
cg jobs
run "$base/jobs" 16M "$OOMHOG" eat 64M
ok 'job-runner, over the limit: not its own status' [ "$status" -eq 9 ]
ok 'job-runner, over the limit: says so' has out 'killed for want of memory: yes: '
case $names in
fentry | kprobe)
	ok 'job-runner, over the limit: whose' has out "the limit was that of $base/jobs/job-"
	;;
esac
run "$base/jobs" 16M sh -c 'kill -KILL $$'
ok 'job-runner, killed by hand: is not taken for it' lacks out 'memory: yes'
case $names in
fentry | kprobe | tracepoint)
	ok 'job-runner, killed by hand: says no' has out 'killed for want of memory: no: '
	;;
*) ok 'job-runner, killed by hand: says no or unknown' has out 'killed for want of memory: ' ;;
esac
run "$base/jobs" 16M sh -c 'exit 3'
ok 'job-runner, ended by itself: its status' [ "$status" -eq 3 ]
ok 'job-runner, ended by itself: says no' has out 'killed for want of memory: no: '
ok 'job-runner: no cgroup stays' [ -z "$(find "$mount$base/jobs" -mindepth 1 -type d)" ]

for name in loop loop-uv; do
	if ! example "$name"; then
		skip "$name" 'it was not built: no C++ compiler, or no libuv'
		continue
	fi
	cg looped 16M
	start "$base/looped"
	await ready
	oom looped
	await_out kill
	remove looped
	finish
	ok "$name: status" [ "$status" -eq 0 ]
	ok "$name: the kill" [ "$(sum kill out)" -eq 1 ]
	ok "$name: an oom" [ "$(sum oom out)" -ge 1 ]
	ok "$name: ends with its cgroup" [ "$(tail -n 1 out)" = "gone 1 $base/looped" ]
	run "$base/none"
	ok "$name: no such cgroup" refused 1 "$name: $base/none: No such file or directory"
done

# The programs of the README and of oomnotify(3), compiled with $CC against $BUILD's library. They do not
# say when they are ready.
if [ -n "${SOURCE-}" ]; then
	sed -n '/<!-- c: begin -->/,/<!-- c: end -->/s/^    //p' "$SOURCE/README.md" >readme.c
	# shellcheck disable=SC2016 # a fence of three
	sed -n '/^#include <inttypes.h>/,/^```/{/^```/d; s/\\\\/\\/g; p}' "$SOURCE/man/oomnotify.3.scd" >manual.c
	for name in readme manual; do
		# shellcheck disable=SC2086 # a compiler may be two words
		$CC -std=c99 -pedantic -Wall -Werror -I "$SOURCE/include" $name.c -o "$work/$name" \
			-L "$BUILD" -loomnotify >err 2>&1
		ok "$name: compiles" [ -x "$work/$name" ]
		EXAMPLES=$work example "$name" || continue
		cg "$name" 16M
		start "$base/$name"
		until grep -q killed out; do
			[ -d "/proc/$pid" ] || break
			oom "$name"
		done
		kill -TERM "$pid"
		finish
		ok "$name: a kill" [ "$(head -n 1 out)" = "1 killed in $base/$name" ]
	done
fi

done_testing
