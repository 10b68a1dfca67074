#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=dash
# What the kernel's messages tell of a kill, compared with what happened.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. /t/lib.sh
out=/tmp/kills

# listen N: from now on N kills are told.
listen() {
	kmsgkills "$1" >$out &
	listener=$!
	until grep -q ^ready $out; do :; done
}

told() {
	wait "$listener" || die "kmsgkills ended with $?"
	grep -c ^kill $out >/dev/null || die "nothing was told"
}

# got N KEY: of the Nth kill
got() {
	grep ^kill $out | sed -n "${1}p" | tr '\t' '\n' | sed -n "s/^$2=//p"
}

# kill_of NAME COMMAND...: runs it in there, has it killed, and keeps its pid.
kill_of() {
	local name=$1
	shift
	sh -c 'echo $$ >/tmp/pid && echo $$ >"$0/cgroup.procs" && exec "$@"' "$CGROUP/$name" "$@" &&
		die "$* was not killed"
	pid=$(cat /tmp/pid)
}

limit_of() {
	case $OOMN_VM_MEMORY in
	v2) cat "$CGROUP/$1/memory.max" ;;
	v1) cat "$CGROUP/$1/memory.limit_in_bytes" ;;
	esac
}

set_limit() {
	case $OOMN_VM_MEMORY in
	v2) echo "$2" >"$CGROUP/$1/memory.max" ;;
	v1) echo "$2" >"$CGROUP/$1/memory.limit_in_bytes" ;;
	esac
}

# check N COMM CGROUP LIMIT_CGROUP: the Nth kill that was told is that of $pid
check() {
	same "pid" "$(got "$1" pid)" "$pid"
	same "name of $pid" "$(got "$1" comm)" "$2"
	same "cgroup of $pid" "$(got "$1" cgroup)" "$3"
	same "limit cgroup of $pid" "$(got "$1" limit_cgroup)" "$4"
	same "constraint of $pid" "$(got "$1" constraint)" memcg
	same "trigger of $pid" "$(got "$1" trigger)" "$2"
	same "trigger's pid of $pid" "$(got "$1" trigger_pid)" "$pid"
	same "member of $pid" "$(got "$1" member)" no
	same "global of $pid" "$(got "$1" global)" 0
}

# A program of that name.
named() {
	cp "$(command -v oomhog)" "/tmp/$1"
}

test_simple() {
	cg_make one 8M
	echo 300 >/proc/self/oom_score_adj
	listen 1
	kill_of one oomhog eat 64M
	told
	echo 0 >/proc/self/oom_score_adj
	check 1 oomhog /one /one
	same limit "$(got 1 limit)" "$(limit_of one)"
	same adj "$(got 1 adj)" 300
	same uid "$(got 1 uid)" 0
	[ "$(got 1 anon)" -gt 4194304 ] || die "anon is $(got 1 anon)"
	same "last line" "$(sed -n '$p' $out | tr '\t' ' ')" "end lost=0 suppressed=0"
}

test_parent() {
	cg_make par
	[ "$OOMN_VM_MEMORY" = v2 ] || echo 1 >"$CGROUP/par/memory.use_hierarchy" || true
	mkdir "$CGROUP/par/kid"
	set_limit par 8M
	listen 1
	kill_of par/kid oomhog eat 64M
	told
	check 1 oomhog /par/kid /par
	same limit "$(got 1 limit)" "$(limit_of par)"
	# Neither trigger nor limit: the bigger one in the same tree, which only waits.
	mkdir "$CGROUP/par/big"
	bigger || bigger || bigger || die "the smaller one was killed, three times"
	told
	same "pid" "$(got 1 pid)" "$big"
	same "cgroup" "$(got 1 cgroup)" /par/big
	same "limit cgroup" "$(got 1 limit_cgroup)" /par
	same "trigger's pid" "$(got 1 trigger_pid)" "$(cat /tmp/pid)"
}

# The smaller one asks, and the bigger one is killed. If that takes the kernel long to give its memory
# back, it may kill the smaller one, too: then this fails.
bigger() {
	sh -c 'echo $$ >"$0/cgroup.procs" && exec oomhog hold 6M' "$CGROUP/par/big" >/tmp/held &
	big=$!
	until grep -q ^held /tmp/held; do :; done
	listen 1
	sh -c 'echo $$ >/tmp/pid && echo $$ >"$0/cgroup.procs" && exec oomhog eat 5M' "$CGROUP/par/kid" &&
		return 0
	told
	kill -KILL "$big" 2>/dev/null || :
	return 1
}

# Names that look like parts of the line.
test_hostile() {
	name=$(printf 'a,pid=1\n\033"\\\377) ')
	named "$name"
	listen 1
	kill_of one "/tmp/$name" eat 64M
	told
	check 1 'a,pid=1\x0a\x1b"\x5c\xff) ' /one /one
	for name in 'x,task=y' ') total-vm:1kB,' ' ' 'x,pid=5,uid=0'; do
		named "$name"
		listen 1
		kill_of one "/tmp/$name" eat 64M
		told
		check 1 "$name" /one /one
	done
	mkdir "$CGROUP/h,task_memcg="
	[ "$OOMN_VM_MEMORY" = v1 ] || echo +memory >"$CGROUP/h,task_memcg=/cgroup.subtree_control"
	name='h,task_memcg=/x,task=y,pid=3,uid=0'
	mkdir "$CGROUP/$name"
	set_limit "$name" 8M
	listen 1
	kill_of "$name" oomhog eat 64M
	told
	check 1 oomhog "/$name" "/$name"
}

# What processes write is no kill, whatever it says.
test_forged() {
	echo on >/proc/sys/kernel/printk_devkmsg
	listen 1
	text="Memory cgroup out of memory: Killed process 1 (init) total-vm:1kB, anon-rss:1kB"
	for head in "" "<3>" "<0>" "<4>"; do
		echo "$head$text" >/dev/kmsg
	done
	kill_of one oomhog eat 64M
	told
	check 1 oomhog /one /one
}

test_group() {
	[ "$OOMN_VM_MEMORY" = v2 ] || return 0
	cg_make grp 8M
	echo 1 >"$CGROUP/grp/memory.oom.group"
	listen 1000
	sh -c 'echo $$ >"$0/cgroup.procs" && echo $$ >/tmp/pids
		sleep 100 & echo $! >>/tmp/pids; sleep 100 & echo $! >>/tmp/pids
		oomhog eat 64M & echo $! >>/tmp/pids; wait' "$CGROUP/grp" && die "the group was not killed"
	# How many lines there are, the kernel decides; another kill comes after all of them.
	kill_of one oomhog eat 64M
	until grep -q "pid=$pid	" $out; do :; done
	kill "$listener"
	i=1
	: >/tmp/got
	while [ "$(got $i pid)" != "$pid" ]; do
		got $i pid >>/tmp/got
		same "OOM of $i" "$(got $i oom)" "$(got 1 oom)"
		same "limit of $i" "$(got $i limit_cgroup)" /grp
		[ $i = 1 ] || same "group of $i" "$(got $i group)" /grp
		i=$((i + 1))
	done
	same "victims" "$(sort -nu /tmp/got | tr '\n' ' ')" "$(sort -nu /tmp/pids | tr '\n' ' ')"
	same "first victim" "$(got 1 pid)" "$(tail -n 1 /tmp/pids)"
}

# The kernel leaves out the header after ten of them: the kills are told all the same.
test_rate() {
	sleep 6 # the kernel's period has to be over
	listen 14
	: >/tmp/pids
	i=1
	while [ $i -le 14 ]; do
		kill_of one oomhog eat 64M
		echo "$pid" >>/tmp/pids
		i=$((i + 1))
	done
	told
	i=1 headers=0
	while read -r pid; do
		same "pid $i" "$(got $i pid)" "$pid"
		case $(got $i limit_cgroup) in
		/one) headers=$((headers + 1)) ;;
		"") ;;
		*) die "a header of another one: $(got $i limit_cgroup)" ;;
		esac
		i=$((i + 1))
	done </tmp/pids
	echo "14 kills, $headers with their header"
	[ $headers -ge 10 ] || die "only $headers headers"
}

# A reader that is held up longer than the kernel's buffer lasts.
test_lost() {
	listen 1
	kill -STOP "$listener"
	line=$(printf '%0900d' 0)
	i=0
	while [ $i -lt 2000 ]; do
		echo "$line" >/dev/kmsg
		i=$((i + 1))
	done
	kill -CONT "$listener"
	kill_of one oomhog eat 64M
	told
	same pid "$(got 1 pid)" "$pid"
	lost=$(sed -n '$p' $out | tr '\t' '\n' | sed -n 's/^lost=//p')
	echo "lost: $lost of 2000"
	[ "$lost" -gt 0 ] || die "nothing was lost"
	[ "$lost" -lt 4000 ] || die "lost is $lost"
}

test_global() {
	sleep 6
	listen 1
	oomhog eat 4G &
	pid=$!
	wait $pid && die "it got its 4G"
	told
	same pid "$(got 1 pid)" $pid
	same constraint "$(got 1 constraint)" none
	same global "$(got 1 global)" 1
	same cgroup "$(got 1 cgroup)" /
	same "limit cgroup" "$(got 1 limit_cgroup)" ""
}

for test in simple parent group hostile forged rate lost global; do
	echo "- $test"
	"test_$test"
	[ $test != parent ] || sleep 6 # no header may be left out before that is what is tested
done
