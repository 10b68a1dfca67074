#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# `oomnotify listen` on real cgroups, v1 or v2, whatever is here: below $CGROUP, or below our own.
# The program, oomhog, with-eventfd and notified are named by the environment.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/scratch.sh"
export OOMHOG

# Of the last run: the counts of all lines added up.
total() {
	sed 's/, removed$//; s/.*: //' out | awk '{ n += $1 } END { print n + 0 }'
}

find_base listen
cg m 16M

run listen "$base/m" --timeout=0
ok 'nothing came: status' [ "$status" -eq 1 ]
ok 'nothing came: no line' [ ! -s out ]
ok 'says that it is ready' has err "listening on $base/m (cgroup $version), ready"
ok 'nothing came: says so' has err 'the time is over: ooms that were waited for: 1, that came: 0'
ok 'nothing came: two lines' lines err 2

start listen "$base/m"
await ready
oom m
finish
ok 'one oom: status' [ "$status" -eq 0 ]
ok 'one oom: line' [ "$(cat out)" = "$base/m: 1" ]

start listen -n 3 "$mount$base/m"
await ready
oom m
oom m
oom m
finish
ok '-n 3: status' [ "$status" -eq 0 ]
ok '-n 3: the counts add up' [ "$(total)" -eq 3 ]

cg p
cg p/a leaf
cg p/b leaf
case $version in
v1) echo 16M >"$mount$base/p/memory.limit_in_bytes" ;;
v2) echo 16M >"$mount$base/p/memory.max" ;;
esac
start listen "$base/p/a"
await ready
oom p/b
finish
ok 'an oom at a limit above: status' [ "$status" -eq 0 ]
ok 'an oom at a limit above: line' [ "$(cat out)" = "$base/p/a: 1" ]

start listen "$base/p/a" -n 2
await ready
remove p/a
finish
ok 'removed: status' [ "$status" -eq 5 ]
ok 'removed: line' [ "$(cat out)" = "$base/p/a: 1, removed" ]

# A process that is killed can fail one more charge on its way out, which is one more oom.
start listen "$base/p/b" -n 9
await ready
oom p/b
remove p/b
finish
ok 'an oom and then removed: status' [ "$status" -eq 5 ]
ok 'an oom and then removed: two signals' [ "$(total)" -ge 2 ]

# Both come before it can look. On v2 the removed cgroup has taken its last count along.
cg q 16M
start listen "$base/q"
await ready
kill -STOP "$pid"
oom q
remove q
kill -CONT "$pid"
finish
case $version in
v1)
	ok 'oom and removal at once: status' [ "$status" -eq 0 ]
	ok 'oom and removal at once: line' [ "$(cat out)" = "$base/q: 2, removed" ]
	;;
v2)
	ok 'oom and removal at once: status' [ "$status" -eq 5 ]
	ok 'oom and removal at once: line' [ "$(cat out)" = "$base/q: 1, removed" ]
	;;
esac

for signal in INT TERM QUIT HUP; do
	start listen "$base/m" -n 2
	await ready
	oom m
	kill "-$signal" "$pid"
	finish
	ok "SIG$signal: status" [ "$status" -eq 1 ]
	ok "SIG$signal: what came before is told" [ "$(total)" -eq 1 ]
	ok "SIG$signal: it was not the time" lacks err 'the time is over'
done

real=$OOMNOTIFY
cat >with-7 <<'S'
#!/bin/sh
exec "$WITH_EVENTFD" "$REAL" "$@"
S
chmod +x with-7
export REAL="$real" WITH_EVENTFD
OOMNOTIFY=$work/with-7
start listen "$base/m" -n 2 --eventfd=7
await ready
oom m
oom m
finish
ok '--eventfd: status' [ "$status" -eq 0 ]
ok '--eventfd: as many signals as lines tell' has out 'eventfd: 2'
ok '--eventfd: the lines' [ "$(grep -v eventfd out | sed 's/.*: //' | awk '{ n += $1 } END { print n }')" -eq 2 ]
OOMNOTIFY=$real

# holding NAME SIZE: a process that keeps SIZE of memory there: $holder. release ends it.
holding() {
	mkfifo held
	# shellcheck disable=SC2016 # for the inner shell
	taskset -c "$cpu" sh -c 'echo $$ >"$0/cgroup.procs"; exec "$OOMHOG" hold "$1"' "$mount$base/$1" "$2" >held &
	holder=$!
	read -r _ <held
	rm held
}

release() {
	kill "$holder"
	wait "$holder"
}

cg t 32M
start listen "$base/t" --threshold=12M
await ready
holding t 24M
finish
ok '--threshold, upwards: status' [ "$status" -eq 0 ]
ok '--threshold, upwards: line' [ "$(cat out)" = "$base/t: 1" ]
start listen "$base/t" --threshold=12M
await ready
release
finish
ok '--threshold, downwards: status' [ "$status" -eq 0 ]
ok '--threshold, downwards: line' [ "$(cat out)" = "$base/t: 1" ]
start listen "$base/t" --threshold=28M -n 2
await ready
holding t 24M
kill -TERM "$pid"
finish
ok '--threshold that is not reached: status' [ "$status" -eq 1 ]
ok '--threshold that is not reached: no line' [ ! -s out ]
release
run listen "$base/t" --threshold=12M --timeout=0
ok '--threshold: what did not come' has err 'the time is over: crossings that were waited for: 1, that came: 0'
case $version in
v1) swap=$mount$base/t/memory.memsw.usage_in_bytes ;;
v2) swap=$mount$base/t/memory.swap.current ;;
esac
if [ -e "$swap" ]; then
	start listen "$base/t" --threshold=12M,swap
	await ready
	holding t 24M
	finish
	ok '--threshold with swap: status' [ "$status" -eq 0 ]
	ok '--threshold with swap: line' [ "$(cat out)" = "$base/t: 1" ]
	release
else
	run listen "$base/t" --threshold=12M,swap
	ok '--threshold with swap: not accounted for' refused 1 'not accounted for here'
fi
start listen "$base/t" --threshold=12M
await ready
remove t
finish
ok '--threshold, removed: status' [ "$status" -eq 5 ]
ok '--threshold, removed: line' [ "$(cat out)" = "$base/t: 1, removed" ]

# Memory that is given up is reclaimed at once: low pressure, and no oom, which would not be told.
cg r 16M
cg r/below leaf
for value in low low,hierarchy low,local medium,local; do
	at=
	# Not signalled for what happens above or beside: it ends by its removal. On v2 no cgroup has both.
	if [ "$value" = medium,local ]; then
		[ "$version" = v1 ] || continue
		at=below
	fi
	start listen "$base/r${at:+/$at}" "--pressure=$value"
	await ready
	# shellcheck disable=SC2016 # for the inner shell
	sh -c 'echo $$ >"$0/cgroup.procs"; exec "$OOMHOG" madvfree 64M --seconds 60' "$mount$base/r" >hog 2>&1 &
	holder=$!
	[ -z "$at" ] || remove "r/$at"
	finish
	release
	if [ -z "$at" ]; then
		ok "--pressure=$value: status" [ "$status" -eq 0 ]
		ok "--pressure=$value: line" [ "$(total)" -ge 1 ]
	else
		ok "--pressure=$value, removed: status" [ "$status" -eq 5 ]
		ok "--pressure=$value, removed: line" [ "$(cat out)" = "$base/r/$at: 1, removed" ]
	fi
done
if [ "$version" = v1 ]; then
	start listen "$base/m" --pressure=critical
	await ready
	oom m
	finish
	ok '--pressure=critical, by an oom: status' [ "$status" -eq 0 ]
	start listen "$base/r" --pressure=critical -n 9
	await ready
	"$OOMNOTIFY" listen "$base/r" --pressure=low -n 20 >low 2>&1 &
	low=$!
	# shellcheck disable=SC2016 # for the inner shell
	sh -c 'echo $$ >"$0/cgroup.procs"; exec "$OOMHOG" madvfree 64M --seconds 60' "$mount$base/r" >hog 2>&1 &
	holder=$!
	wait "$low"
	release
	kill -TERM "$pid"
	finish
	ok '--pressure=critical: not by what is low' [ ! -s out ]
fi
run listen "$base/m" --pressure=critical --timeout=0
ok '--pressure: what did not come' has err 'the time is over: signals of pressure that were waited for: 1, that came: 0'

"$NOTIFIED" "$OOMNOTIFY" listen "$base/m" --timeout=0 >out 2>err
ok 'READY=1' has out READY=1
timeout -k 5 "$LIMIT" "$NOTIFIED" --full "$OOMNOTIFY" listen "$base/m" --timeout=1ms >out 2>err
ok 'a notify socket that is full: --timeout' [ $? -eq 1 ]

run listen "$base/m" --eventfd=7
ok '--eventfd that is closed' refused 2 'descriptor 7 is not open'
run listen "$base/m" --eventfd=1
ok '--eventfd that is none' refused 2 'descriptor 1 is not an eventfd'
run listen "$base/m" --eventfd=-1
ok '--eventfd that is no number' refused 2 "'-1' is not the number of a descriptor"
run listen
ok 'no name' refused 2 "no cgroup was named: give a directory, the path of a cgroup, 'self', or 'pid:N'"
run listen "$base/m" "$base/p"
ok 'two names' refused 2 'more than one cgroup'
run listen "$base/m" -n 0
ok '-n 0' refused 2 'not a number from 1 on'
run listen "$base/m" --timeout=soon
ok '--timeout of no time' refused 2 "'soon' is not a time"
for value in '' abc 12X 1.M -5 ' 4M' ,swap; do
	run listen "$base/m" "--threshold=$value"
	case $value in
	-5) ok "--threshold='$value'" refused 2 "listen: --threshold: '-5' is out of range" ;;
	*) ok "--threshold='$value'" refused 2 "listen: --threshold: '${value%,swap}' is not a size" ;;
	esac
done
for value in 0 1 4095; do
	run listen "$base/m" "--threshold=$value"
	ok "--threshold=$value" refused 2 "'$value' is less than a page of memory"
done
for value in max 99999999999G; do
	run listen "$base/m" "--threshold=$value"
	ok "--threshold=$value" refused 2 "'$value' is out of range: no usage ever gets there"
done
run listen "$base/m" "--threshold=$(printf '%0100d' 1)"
ok '--threshold, very long' refused 2 "'00000000000000000000000000000000' is too long for a size"
for value in swa '' swap,swap; do
	run listen "$base/m" "--threshold=8M,$value"
	ok "--threshold=8M,$value" refused 2 "'$value' after the size: only 'swap' may follow it"
done
for value in '' lo Low critical2 ,local; do
	run listen "$base/m" "--pressure=$value"
	ok "--pressure='$value'" refused 2 "unknown level '${value%,local}': give low, medium or critical"
done
for value in '' here local,local; do
	run listen "$base/m" "--pressure=low,$value"
	ok "--pressure=low,$value" refused 2 "unknown mode '$value': give default, hierarchy or local"
done
run listen "$base/m" --threshold=8M --pressure=low
ok '--threshold and --pressure' refused 2 'listen: --threshold and --pressure exclude each other'
run listen "$base/m" --pressure=low --threshold=8M
ok '--pressure and --threshold' refused 2 'listen: --threshold and --pressure exclude each other'
run listen "$base/m" --frobnicate
ok 'an unknown option' refused 2 "unknown option '--frobnicate'"
run listen "$base/none"
ok 'no such cgroup' refused 1 'no such cgroup'
run listen /proc
ok 'no cgroup' refused 1 '/proc'
run listen /
ok 'the root' refused 2 'root cgroup, which has no limit and never an oom'
run listen / --threshold=8M
ok 'the root: --threshold' refused 2 'root cgroup, which has no account of its own'

unsaid=
for n in 6 8 11 13 14 15 16 18 20; do
	# shellcheck disable=SC3045 # dash and busybox have it
	(ulimit -n "$n" && exec timeout -k 5 "$LIMIT" "$OOMNOTIFY" listen "$base/m" --timeout=0) >out 2>err
	grep -q 'ready$\|raise the limit of open files' err || unsaid="$unsaid $n"
done
ok 'few descriptors: it listens or says what to do' [ -z "$unsaid" ]

timeout "$LIMIT" "$OOMNOTIFY" listen "$base/m" >&- 2>err
status=$?
ok 'standard output closed' [ "$status" -eq 1 ]
ok 'standard output closed: one line' one_line 'cannot write to standard output'

STDOUT=/dev/full start listen "$base/m"
await ready
oom m
finish
ok 'standard output full: status' [ "$status" -eq 1 ]
ok 'standard output full: says so' has err 'No space left'

mkfifo pipe
start_pipe() {
	head -n 1 pipe >out &
	reader=$!
	STDOUT=pipe start listen "$base/m" -n 3
}
start_pipe
await ready
oom m
wait "$reader"
finish
ok 'the reader leaves: status' [ "$status" -eq 1 ]
ok 'the reader leaves: not a word' lacks err 'cannot write'
ok 'the reader leaves: his line' [ "$(cat out)" = "$base/m: 1" ]

# A newline is the one byte that the kernel refuses.
name=$(printf 'x\rq"\\\033[31m\377')
cg "$name" 16M
start listen "$base/$name"
await ready
oom "$name"
finish
ok 'a hostile name: line' [ "$(cat out)" = "$base/"'x\x0dq"\x5c\x1b[31m\xff: 1' ]
ok 'a hostile name: ready' has err "$base/"'x\x0dq"\x5c\x1b[31m\xff (cgroup'

if [ "$(id -u)" -eq 0 ] && unshare -m true 2>/dev/null; then
	cat >read-only <<'S'
mount --make-rprivate / && mount -o remount,bind,ro "$1" || exit 99
shift
exec "$@"
S
	timeout "$LIMIT" unshare -m sh ./read-only "$mount" "$OOMNOTIFY" listen "$base/m" --timeout=0 >out 2>err
	status=$?
	timeout "$LIMIT" unshare -m sh ./read-only "$mount" "$OOMNOTIFY" doctor >doctor.txt 2>&1
	if [ "$version" = v1 ]; then
		ok 'mounted read-only: what to do' refused 1 'mounted read-only here, as in containers: have it mounted writable'
		ok 'mounted read-only: doctor' has doctor.txt 'the cgroup file system is mounted read-only here'
		ok 'mounted read-only: doctor blames nothing else' lacks doctor.txt 'Linux 6.18'
	else
		ok 'mounted read-only: listens' has err "listening on $base/m (cgroup v2), ready"
	fi
else
	skip 'mounted read-only' 'a mount namespace takes root'
fi

if [ "$version" = v2 ]; then
	cg n 16M
	mkdir "$mount$base/n/bare"
	run listen "$base/n/bare" --timeout=0
	ok 'without memory files: says where it listens' has err "accounted in '$base/n': listening on that"
	ok 'without memory files: listens there' has err "listening on $base/n (cgroup v2), ready"
fi

done_testing
