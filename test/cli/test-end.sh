#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# How a watch ends: -n, --timeout, the last top gone, signals, and a last reading that takes too long.
. "$(dirname "$0")/lib.sh"
mkfifo go

script <<'S'
cgroup /a id=7
event kind=kill cgroup=/a
wait go
S
for signal in INT TERM QUIT HUP; do
	start watch /a
	await 'watching /a (cgroup v2), ready'
	kill "-$signal" "$pid"
	finish
	ok "SIG$signal: status" [ "$status" -eq 0 ]
	ok "SIG$signal: ledger" has err 'balanced: all'
	ok "SIG$signal: event" lines out 1
done

prlimit --pid $$ --nofile=64: # the soft limit, of this shell too
start watch /a
await ready
awk '/^Max open files/ { print $4, $5 }' "/proc/$pid/limits" >limits
kill -INT "$pid"
finish
ok 'the limit of open files is raised' \
	[ "$(cut -d' ' -f1 limits)" = "$(cut -d' ' -f2 limits)" ]

ignore_hup() {
	trap '' HUP
	start watch /a
	trap 'exit 99' HUP
}
ignore_hup
await ready
# The last digit has SIGHUP, SIGINT and SIGQUIT: what is caught here is blocked.
blocked=$(sed -n 's/^SigBlk:.*\(.\)$/\1/p' "/proc/$pid/status")
kill -HUP "$pid"
kill -INT "$pid"
finish
ok 'an ignored SIGHUP stays ignored' [ "$blocked" = 6 ]
ok 'an ignored SIGHUP: status' [ "$status" -eq 0 ]

script <<'S'
cgroup /a id=7
wait go
settle
event kind=kill cgroup=/a
again 5
balance kill counted=1 reported=1
S
start watch /a
await ready
kill -INT "$pid"
finish
ok 'what the last reading finds is told' lines out 1
ok 'the last reading goes on until it is done' has err 'balanced: all'

script <<'S'
cgroup /a id=7
event kind=kill cgroup=/a
wait go
stuck
balance kill counted=5 reported=1
S
start watch /a
await ready
kill -INT "$pid"
finish
ok 'a last reading that is stuck: status' [ "$status" -eq 4 ]
ok 'a last reading that is stuck is no difference' has err 'unproven: the last reading of the counters took too long'
ok 'a last reading that is stuck: ledger' has err LEDGER
start watch /a
await ready
# Two different ones: the same, twice pending, would be one.
kill -INT "$pid"
kill -TERM "$pid"
finish
ok 'a second signal: status' [ "$status" -eq 4 ]
ok 'a second signal ends the last reading' has err 'unproven: a second signal cut the last reading of the counters short'

script <<'S'
cgroup /a id=7
settle
fail EIO
S
run watch --timeout=0 /a
ok 'a last reading that fails: status' [ "$status" -eq 4 ]
ok 'a last reading that fails is said' has err 'the counters cannot be read a last time: Input/output error'

script <<'S'
cgroup /a id=7
event kind=kill cgroup=/a
next
fail EIO
S
run watch /a
ok 'reading fails: status' [ "$status" -eq 1 ]
ok 'reading fails: what was told stays' lines out 1
ok 'reading fails is said' has err 'cannot go on reading the counters: Input/output error'

script <<'S'
cgroup /a id=7
event kind=kill cgroup=/a
repeat 9
balance kill counted=10 reported=10
S
run watch -n 10 /a
ok '-n as many as come' lines out 10
ok '-n as many as come: no note' lacks err note:
run watch -n 1 --json /a
ok '-n 1' lines out 1
ok '-n 1: the rest is told of' has err 'not told (-n): 9'
run watch --timeout=20ms /a
ok '--timeout: status' [ "$status" -eq 0 ]
ok '--timeout: all events' lines out 10
run watch --timeout=0 --kinds=oom /a
ok 'events of other kinds are not told' [ ! -s out ]
script <<'S'
cgroup /a id=7
event kind=oom cgroup=/a
event kind=kill cgroup=/a
event kind=oom cgroup=/a
event kind=kill cgroup=/a
S
run watch -n 2 --kinds=kill /a
ok '-n counts what is told' [ "$(grep -c '1 kill$' out)" -eq 2 ]

script <<'S'
queue 5
cgroup /a id=7
event kind=kill cgroup=/a
repeat 19
S
run watch -n 2 --json /a
ok '-n does not count lost' [ "$(grep -c '"kind":"kill"' out)" -eq 2 ]
ok '-n: lost is told' [ "$(grep -c '"kind":"lost"' out)" -eq 1 ]

script <<'S'
cgroup /a id=7
cgroup /b id=8
gone /a
next
event kind=kill cgroup=/b
next
gone /b
S
run watch /a /b
ok 'the last top gone: status' [ "$status" -eq 0 ]
ok 'it goes on until the last top is gone' lines out 1

script <<'S'
cgroup /a id=7
gone /a
balance kill counted=1 reported=1 unproven=1
reasons 1
S
run watch -q /a
ok 'unproven: status' [ "$status" -eq 4 ]
ok 'quiet: still why' has err 'unproven: a watched child'

script <<'S'
cgroup /a id=7
gone /a
S
"$NOTIFIED" "$OOMNOTIFY" watch /a >out 2>err
ok 'READY=1 to a notify socket' [ "$(grep -c '^READY=1$' out)" -eq 1 ]
ok 'and STOPPING=1 after it' [ "$(grep -n '^STOPPING=1$' out | cut -d: -f1)" -gt "$(grep -n '^READY=1$' out | cut -d: -f1)" ]
"$NOTIFIED" "$OOMNOTIFY" watch /a /nowhere >out 2>err
ok 'not ready, no READY=1' [ ! -s out ]

timeout -k 5 "$LIMIT" "$NOTIFIED" --full "$OOMNOTIFY" watch /a >out 2>err
ok 'a notify socket that is full: the end comes all the same' [ $? -eq 0 ]
script <<'S'
cgroup /a id=7
wait go
S
timeout -k 5 "$LIMIT" "$NOTIFIED" --full "$OOMNOTIFY" watch --timeout=1ms /a >out 2>err
ok 'a notify socket that is full: --timeout' [ $? -eq 0 ]
mkfifo messages
exec 6<>messages
real=$OOMNOTIFY
OOMNOTIFY=$NOTIFIED
STDOUT=messages start --full "$real" watch /a
OOMNOTIFY=$real
exec 7<messages 6<&-
await ready
kill -USR1 "$pid"
IFS= read -r line <&7
ok 'a notify socket that is full: READY=1 comes when it is taken' [ "$line" = READY=1 ]
kill -INT "$(cat "/proc/$pid/task/$pid/children")"
finish
exec 7<&-
ok 'a notify socket that is full: status' [ "$status" -eq 0 ]

done_testing
