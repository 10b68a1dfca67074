#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=dash
# The workload tools do what the tests that use them rely on.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. /t/lib.sh

v=--$OOMN_VM_MEMORY
top=$CGROUP/top
cg_make top

# left: cgroups below top
left() {
	find "$top" -mindepth 1 -type d | wc -l
}

# storm STATUS RESULT OPTION...: an oomstorm in top that has to come out like that
storm() {
	local wanted=$1 result=$2 r=0
	shift 2
	oomstorm "$v" "$top" "$@" >/tmp/out 2>/tmp/err || r=$?
	line=$(tail -n 1 /tmp/out)
	echo "$* -> $line"
	same "status of oomstorm $*" "$r" "$wanted"
	same "result of oomstorm $*" "${line%% seconds=*}" "storm: $result"
}

# at_least WHAT VALUE LEAST
at_least() {
	awk -v a="$2" -v b="$3" 'BEGIN { exit !(a >= b) }' || die "$1 is $2, less than $3"
}

test_hog() {
	cg_make hog 16M
	same "status of threads" "$(status cg_run hog oomhog threads 4 16M)" 137
	same "kills of threads" "$(cg_count hog oom_kill)" 1
	# Both processes are killed, and counted once.
	same "status of vfork" "$(status cg_run hog oomhog vfork 64M)" 137
	same "kills of vfork" "$(cg_count hog oom_kill)" 2
	same "status of vfork within the limit" "$(status cg_run hog oomhog vfork 1M)" 0
	line=$(cg_run hog oomhog forks 3 12M)
	same "forks" "$(($(field "$line" killed) + $(field "$line" ended)))" 3
	at_least "killed forks" "$(field "$line" killed)" 2
	same "kills of forks" "$(cg_count hog oom_kill)" $((2 + $(field "$line" killed)))
	rmdir "$CGROUP/hog"
}

# Issue 2, show 5: the limit is hit again and again, and no oom comes of it.
test_madvfree() {
	cg_make free 16M
	same "status of madvfree" "$(status cg_run free oomhog madvfree 64M --rounds 3)" 0
	case $OOMN_VM_MEMORY in
	v2) hits=$(cg_count free max) ;;
	v1) hits=$(cat "$CGROUP/free/memory.failcnt") ;;
	esac
	echo "limit hits: $hits"
	at_least "limit hits" "$hits" 1
	same oom_kill "$(cg_count free oom_kill)" 0
	[ "$OOMN_VM_MEMORY" = v1 ] || test_epollread
	rmdir "$CGROUP/free"
}

test_epollread() {
	cg_make quiet 16M
	line=$(epollread "$CGROUP/quiet" 0.2 | tr '\n' ' ')
	same "wakeups where nothing happens" "$(field "$line" wakeups)" 0
	rmdir "$CGROUP/quiet"

	cg_start free oomhog madvfree 64M
	line=
	until [ "$(field "$line" wakeups)" -gt 0 ] 2>/dev/null; do
		line=$(epollread "$CGROUP/free" 1 | tr '\n' ' ')
		echo "epollread: $line"
	done
	at_least "CPU time" "$(field "$line" cpu_ns)" 1
	kill $!
	wait $! || true
	same oom "$(cg_count free oom)" 0
}

test_storm() {
	storm 0 "kills=20 made=20 failed=0" --count 20
	storm 0 "kills=12 made=36 failed=0" --count 12 --depth 3 --makers 4
	same "cgroups left" "$(left)" 0
	storm 0 "kills=3 made=6 failed=0" --count 3 --depth 2 --keep --makers 2
	same "kept cgroups" "$(left)" 6
	same "kills in a kept one" "$(cg_count top/s2/n oom_kill)" 1
	# Its names are taken now.
	storm 1 "kills=0 made=0 failed=3" --count 3
	same "complaints" "$(wc -l </tmp/err)" 3
	storm 0 "kills=2 made=0 failed=0" --existing --count 2
	mktree --remove "$top"
	cg_make top
	storm 0 "kills=2 made=2 failed=0" --count 2 --linger 300
	at_least "seconds of two rounds" "$(field "$line" seconds)" 0.6
	storm 0 "kills=4 made=4 failed=0" --count 4 --makers 2 --rate 10
	at_least "seconds at this rate" "$(field "$line" seconds)" 0.3
}

# A victim that is not killed must not be taken for one.
test_survivor() {
	(
		ulimit -v 8192
		storm 1 "kills=0 made=2 failed=2" --count 2
	)
	same "complaints" "$(grep -c 'not killed' /tmp/err)" 2
	same "cgroups left" "$(left)" 0
}

test_group() {
	[ "$OOMN_VM_MEMORY" = v2 ] || return 0
	before=$(cg_count top oom_kill)
	storm 0 "kills=10 made=2 failed=0" --count 2 --group 4
	# 5.10 does not count them yet.
	[ "$OOMN_VM_KERNEL" = 5.10 ] || same oom_group_kill "$(cg_count top oom_group_kill)" 2
	at_least "kills of two groups of 5" "$(($(cg_count top oom_kill) - before))" 10
}

test_cells() {
	storm 0 "kills=8 made=8 failed=0" --pool 4 --depth 2 --count 8 --makers 2
	same "paths told" "$(grep -c "^kill $top/pool[0-3]/n$" /tmp/out)" 8
	same "cgroups left" "$(left)" 0

	line=$(mktree "$v" "$top" --dirs 3 --leaves 4)
	same "made by mktree" "$(field "$line" made)" 15
	same "cgroups there" "$(left)" 15
	storm 0 "kills=6 made=0 failed=0" --existing --count 6 --seed 1
	while read -r _ path; do
		at_least "kills in $path" "$(cg_count "${path#"$CGROUP/"}" oom_kill)" 1
	done <<-END
		$(grep ^kill /tmp/out)
	END
	line=$(mktree --remove "$top")
	same "removed by mktree" "$(field "$line" removed)" 16
	! [ -e "$top" ] || die "$top is still there"
	cg_make top
}

# Each round waits until it is told that whoever wants to watch does so.
test_top_dies() {
	mkfifo /tmp/go /tmp/top
	oomstorm "$v" "$top" --top-dies --count 3 </tmp/go >/tmp/top &
	exec 4>/tmp/go 5</tmp/top
	for round in 1 2 3; do
		read -r word path <&5
		same "line $round" "$word $path" "top $top/top"
		[ -d "$path" ] || die "$path is not there"
		same "kills before the go" "$(cg_count top/top oom_kill)" 0
		echo >&4
	done
	read -r line <&5
	same "result of --top-dies" "${line%% seconds=*}" "storm: kills=3 made=3 failed=0"
	wait $! || die "--top-dies ended with $?"
	exec 4>&- 5<&-
	same "cgroups left" "$(left)" 0
}

test_idlewatch() {
	mkfifo /tmp/held
	oomhog hold 8M >/tmp/held &
	read -r line </tmp/held
	same "what hold says" "$line" "held 8M"
	line=$(idlewatch $! 1 | tr '\n' ' ')
	kill $!
	echo "idlewatch: $line"
	for key in voluntary involuntary cpu_ticks cpu_ns rss_kib fds; do
		same "$key of a sleeper" "$(field "$line" $key)" 0
	done
	at_least rss_kib_before "$(field "$line" rss_kib_before)" 8192
	at_least hwm_kib_after "$(field "$line" hwm_kib_after)" 8192
	same fds_before "$(field "$line" fds_before)" 3

	oomhog madvfree 4M &
	line=$(idlewatch $! 1 | tr '\n' ' ')
	kill $!
	echo "idlewatch: $line"
	at_least "CPU time of a busy one" "$(field "$line" cpu_ns)" 1000000
	at_least "its ticks" "$(field "$line" cpu_ticks)" 1
}

for test in hog madvfree storm survivor group cells top_dies idlewatch; do
	echo "- $test"
	"test_$test"
done
