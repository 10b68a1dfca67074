#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Standard output and standard error: full, closed, left by their reader, slow, or a terminal.
. "$(dirname "$0")/lib.sh"
mkfifo go submitted slow

script <<'S'
cgroup /a id=7
event kind=kill cgroup=/a
wait go
S
# A reader that leaves ends the watch, even when no event ever comes again.
{
	timeout -k 5 "$LIMIT" "$OOMNOTIFY" watch /a 2>err
	echo $? >status
} | head -n 1 >out
ok 'a reader that leaves: status' [ "$(cat status)" -eq 0 ]
ok 'a reader that leaves: he got his line' lines out 1
ok 'a reader that leaves: ledger' has err 'balanced: all'
ok 'a reader that leaves: no complaint' lacks err 'Broken pipe'

script <<'S'
cgroup /a id=7
event kind=kill cgroup=/a
repeat 99999
gone /a
balance kill counted=3 reported=1
S
{
	timeout -k 5 "$LIMIT" "$OOMNOTIFY" watch --json /a 2>err
	echo $? >status
} | head -n 1 >out
ok 'a reader that leaves does not hide a difference' [ "$(cat status)" -eq 3 ]
{
	timeout -k 5 "$LIMIT" "$OOMNOTIFY" help 2>err
	echo $? >status
} | :
ok 'help without a reader' [ "$(cat status)" -eq 0 ]
ok 'help without a reader: no complaint' [ ! -s err ]

script <<'S'
cgroup /a id=7
event kind=kill cgroup=/a
gone /a
S
if [ -w /dev/full ]; then
	timeout "$LIMIT" "$OOMNOTIFY" watch -q /a >/dev/full 2>err
	status=$?
	ok 'a full device: status' [ "$status" -eq 1 ]
	ok 'a full device' one_line 'cannot write to standard output: No space left on device'
	"$OOMNOTIFY" help >/dev/full 2>err
	status=$?
	ok 'help to a full device: status' [ "$status" -eq 1 ]
	ok 'help to a full device' one_line 'cannot write to standard output: No space left on device'
	"$OOMNOTIFY" watch /a 2>/dev/full >out
	ok 'standard error full' [ $? -eq 0 ]
	ok 'standard error full: events' lines out 1
else
	skip 'a full device' 'there is no /dev/full'
fi

: >out
timeout "$LIMIT" "$OOMNOTIFY" watch /a >&- 2>err
status=$?
ok 'standard output closed' refused 1 'cannot write to standard output: Bad file descriptor'
"$OOMNOTIFY" version >&- 2>err
status=$?
ok 'version with standard output closed' refused 1 'cannot write to standard output: Bad file descriptor'
timeout "$LIMIT" "$OOMNOTIFY" watch /a 2>&- >out
ok 'standard error closed' [ $? -eq 0 ]
ok 'standard error closed: only events on standard output' [ "$(grep -c kill out)" -eq "$(wc -l <out)" ]
timeout "$LIMIT" "$OOMNOTIFY" watch /a <&- >out 2>err
ok 'standard input closed' [ $? -eq 0 ]
timeout "$LIMIT" "$OOMNOTIFY" watch /a <&- >&- 2>&-
ok 'all three closed' [ $? -eq 1 ]
timeout "$LIMIT" "$OOMNOTIFY" watch /a >file 2>err <out
ok 'standard output to a file' lines file 1
echo before >out
timeout "$LIMIT" "$OOMNOTIFY" watch /a >>out 2>err
ok 'standard output appended to a file' lines out 2
timeout "$LIMIT" "$OOMNOTIFY" watch /a >/dev/null 2>err
ok 'standard output to /dev/null' [ $? -eq 0 ]

script <<'S'
cgroup /a id=7
event kind=kill cgroup=/a
wait go
S
mkfifo first
"$OOMNOTIFY" watch /a <&- 2>&- >first &
pid=$!
exec 6<first
read -r _ <&6
ok 'no other file takes the place of a closed standard error' [ "$(readlink "/proc/$pid/fd/2")" = / ]
ok 'no other file takes the place of a closed standard input' [ "$(readlink "/proc/$pid/fd/0")" = / ]
exec 6<&-
wait "$pid"
ok 'and its reader has left' [ $? -eq 0 ]
pid=

# The reader reads nothing until all has happened: the monitor goes on, and what its queue cannot hold
# is told as lost. 2,000 lines of about 200 bytes do not fit into the pipe and the 64 KiB behind it.
{
	echo 'queue 100'
	echo 'cgroup /a id=7'
	i=0
	while [ $i -lt 100 ]; do
		echo "event kind=kill cgroup=/a/$i count=1"
		echo 'repeat 19'
		echo next
		i=$((i + 1))
	done
	echo 'signal submitted'
	echo 'event kind=oom cgroup=/a/last'
	echo 'gone /a'
	echo 'balance kill counted=2000 reported=2000'
} | script
exec 5<>slow
STDOUT=slow start watch --json /a
await ready
read -r _ <submitted
cat slow >out 5>&- &
reader=$!
finish
exec 5>&-
wait "$reader"
ok 'a slow reader: status' [ "$status" -eq 0 ]
ok 'a slow reader: lost is told' has out '"kind":"lost"'
ok 'a slow reader: the first events' has out '"cgroup":"/a/0"'
ok 'a slow reader: the last event' has out '"cgroup":"/a/last"'
ok 'a slow reader: numbers without a gap' \
	[ "$(sed 's/.*"seq":\([0-9]*\),.*/\1/' out | tr '\n' ' ')" = "$(seq 1 "$(wc -l <out)" | tr '\n' ' ')" ]
lost=$(sed -n 's/.*"kind":"lost","count":\([0-9]*\),.*/\1/p' out | paste -sd+ - | tr -d '\n')
told=$(grep -vc '"kind":"lost"' out)
ok 'a slow reader: told and lost are all' [ $((lost + told)) -eq 2001 ]
ok 'a slow reader: the ledger knows' has err "the reader was too slow: $((lost))"

# A reader that does not read at all: a signal ends it all the same.
sed -i '/^gone/d' script
exec 5<>slow
STDOUT=slow start watch --json /a
await ready
read -r _ <submitted
kill -INT "$pid"
finish
exec 5>&-
ok 'a reader that does not read: status' [ "$status" -eq 1 ]
ok 'a reader that does not read' has err 'the reader of standard output does not take what is left, which is dropped'

# The same with all of its queue taken in time: nothing is lost.
sed -i '/^queue/d; s/^signal.*//; $a gone /a' script
run watch --json /a
ok 'a reader in time: nothing is lost' lacks out lost
ok 'a reader in time: all lines' lines out 2001

# The last reading goes on at its own pace beside a reader who is slow: as he takes what fills the
# pipe, the output becomes writable again and again, and the counters are not to be read for that.
mkfifo settling
script <<'S'
queue 5000
cgroup /a id=7
event kind=kill cgroup=/a/a-name-that-makes-the-line-longer count=1
repeat 1999
gone /a
settle
signal settling
wait go
again 5
balance kill counted=2000 reported=2000
S
exec 5<>slow
STDOUT=slow start watch --json /a
await ready
read -r _ <settling
head -c 100000 slow >out # more than the pipe holds: some was written while it settled
echo >go
cat slow >>out 5>&- &
reader=$!
finish
exec 5>&-
wait "$reader"
ok 'a slow reader while it settles: status' [ "$status" -eq 0 ]
ok 'a slow reader while it settles: all lines' lines out 2000
ok 'a slow reader while it settles: balanced' has err 'balanced: all'

# A supervisor who lets the pipe of standard error fill up does not stop the watch.
script <<'S'
cgroup /a id=7
wait go
note the first that nobody reads
next
note the second that nobody reads
event kind=kill cgroup=/a
next
signal submitted
balance kill counted=1 reported=1
S
mkfifo unread
exec 5<>unread
"$OOMNOTIFY" watch /a 2>unread >out </dev/null &
pid=$!
read -r _ <&5 # ready
dd if=/dev/zero of=unread bs=4096 count=1000 oflag=nonblock 2>dd.err
echo >go
timeout -k 5 "$LIMIT" head -n 1 submitted >went_on
ok 'standard error that nobody reads: the watch goes on' [ -s went_on ]
tr -d '\0' <unread >err 5>&- &
reader=$!
kill -INT "$pid"
wait "$pid"
status=$?
pid=
exec 5>&-
wait "$reader"
ok 'standard error that nobody reads: status' [ "$status" -eq 0 ]
ok 'standard error that nobody reads: event' lines out 1
ok 'standard error that nobody reads: no note' lacks err 'that nobody reads'
ok 'standard error that nobody reads: how many' has err 'note: lines that standard error did not take: 2'
ok 'standard error that nobody reads: ledger' has err 'balanced: all'

script <<'S'
cgroup /a id=7
event kind=kill cgroup=/a/\x1b[31mred\x1b[0m
event kind=oom cgroup=/a/tr\xc3\xa8s\xff
wait go
S
export TERM=xterm
esc=$(printf '\033')
on_terminal() {
	timeout -k 5 "$LIMIT" "$PTY" -c ready -c /a/tr "$OOMNOTIFY" watch "$@" /a >out </dev/null
	status=$?
}
on_terminal
ok 'on a terminal, Ctrl-C: status' [ "$status" -eq 0 ]
ok 'on a terminal: ledger after Ctrl-C' has out 'balanced: all'
ok 'on a terminal: colours' has out "${esc}[1;31mkill${esc}[0m"
ok 'on a terminal: columns' grep -q 'oom.* */a/très\\xff  *1 oom' out
ok 'on a terminal: no escape of a name' lacks out "${esc}[31mred"
ok 'on a terminal: the name is readable' has out '/a/\x1b[31mred\x1b[0m'
on_terminal --json
ok 'JSON on a terminal has no colours' lacks out "$esc"
NO_COLOR=1 on_terminal
ok 'NO_COLOR' lacks out "$esc"
NO_COLOR='' on_terminal
ok 'an empty NO_COLOR' has out "$esc"
TERM=dumb on_terminal
ok 'a dumb terminal' lacks out "$esc"
LC_ALL=C on_terminal
ok 'a terminal without UTF-8 gets ASCII' has out '/a/tr\xc3\xa8s\xff'
# U+06DB has the byte 0x9b in it, which is an 8-bit terminal's CSI.
csi=$(printf '\333\233')
timeout -k 5 "$LIMIT" "$PTY" "$OOMNOTIFY" watch "/$csi" >out </dev/null
ok 'standard error on a terminal with UTF-8' has out "no such cgroup: '/$csi'"
LC_ALL=C timeout -k 5 "$LIMIT" "$PTY" "$OOMNOTIFY" watch "/$csi" >out </dev/null
ok 'standard error on a terminal without UTF-8 gets ASCII' has out "no such cgroup: '/\\xdb\\x9b'"
LC_ALL=C run watch "/$csi"
ok 'standard error that is no terminal gets what it is' has err "no such cgroup: '/$csi'"
script <<'S'
cgroup /a id=7
event kind=oom cgroup=/a incident=1 limit=/a limit-bytes=4096 trigger.pid=2 trigger.comm=\x1b]0;x\x07 trigger.cgroup=/a/\x1bc
event kind=kill cgroup=/a/b incident=1 victim.pid=3 victim.comm=\x1b[2J\x0a victim.uid=1 victim.anon=4096 victim.cmdline=\x1b[31ma\x0a\x9b\xc2\x9b
event kind=kill cgroup=/a/trigger
wait go
S
on_terminal
ok 'an incident on a terminal: colours of its kinds' has out "${esc}[33moom${esc}[0m"
ok 'an incident on a terminal: no other escapes' \
	[ "$(tr -cd '\033' <out | wc -c)" -eq 6 ]
ok 'an incident on a terminal: who was killed' has out '3 (\x1b[2J\x0a), uid 1'
ok 'an incident on a terminal: no other control characters' \
	[ "$(tr -d '\033\r\n' <out | LC_ALL=C tr -cd '\001-\037\177-\377' | wc -c)" -eq 0 ]
ok 'an incident on a terminal: lines below have no time' grep -q '^ *anon about 4 KiB' out
ok 'an incident on a terminal: a blank line behind it' [ "$(tr -d '\r' <out | grep -c '^$')" -eq 1 ]
run watch --timeout=0 /a
ok 'an incident that is no terminal: one line each' lines out 3
script <<'S'
cgroup /a id=7
event kind=kill cgroup=/a/\x1b[31mred\x1b[0m
event kind=oom cgroup=/a/tr\xc3\xa8s\xff
wait go
S
run watch --timeout=0 /a
ok 'no terminal: no colours' lacks out "$esc"
ok 'no terminal: one tab between columns' [ "$(tr -cd '\t' <out | wc -c)" -eq 6 ]

done_testing
