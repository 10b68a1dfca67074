#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# `doctor`, which looks at this very machine: what it says must fit together, whatever it finds.
. "$(dirname "$0")/lib.sh"

run doctor
text_status=$status
cp out out.text
ok 'doctor: nothing but the report' [ ! -s err ]
ok 'doctor: the kernel' has out "$(uname -r) $(uname -m)"
for source in memory_events v1_eventfd bpf kmsg vmstat; do
	ok "doctor: $source" grep -q "^$source  *\(yes\|no\)" out
done
ok 'doctor: no blanks at line ends' [ "$(grep -c ' $' out)" -eq 0 ]
run doctor --json
cp out out.json
ok 'doctor --json: same status' [ "$status" -eq "$text_status" ]
case $status in
0) verdict='works' works=true ;;
*) verdict='does not work' works=false ;;
esac
ok 'doctor: status' [ "$status" -le 1 ]
ok 'doctor: verdict' has out.text "'oomnotify watch' $verdict here."
ok 'doctor --json: verdict' has out.json "\"works\":$works"
if command -v python3 >/dev/null; then
	ok 'doctor --json: is JSON' python3 -m json.tool out.json /dev/null
else
	skip 'doctor --json: is JSON' 'no python3 here'
fi

run doctor --help
ok 'doctor --help' [ "$status" -eq 0 ]
ok 'doctor --help: usage' has out 'usage: oomnotify doctor'
run doctor --x
ok 'unknown option' refused 2 "doctor: unknown option '--x': see 'oomnotify doctor --help'"
run doctor -j
ok 'unknown letter' refused 2 "unknown option '-j'"
run doctor --js
ok 'abbreviated option' refused 2 "unknown option '--js'"
run doctor --json=yes
ok 'option with a value it does not take' refused 2 "'--json' takes no value"
run doctor self
ok 'a name' refused 2 "doctor: takes no name, but got 'self'"

timeout -k 5 "$LIMIT" "$OOMNOTIFY" doctor >/dev/full 2>err
ok 'standard output is full: status' [ $? -eq 1 ]
ok 'standard output is full: one line' one_line 'cannot write to standard output'
timeout -k 5 "$LIMIT" "$OOMNOTIFY" doctor --json >&- 2>err
ok 'standard output is closed: status' [ $? -eq 1 ]
ok 'standard output is closed: one line' one_line 'cannot write to standard output'

TERM=xterm timeout -k 5 "$LIMIT" "$PTY" "$OOMNOTIFY" doctor >out 2>err
ok 'colour on a terminal' grep -q "$(printf '\033')\[" out
NO_COLOR=1 TERM=xterm timeout -k 5 "$LIMIT" "$PTY" "$OOMNOTIFY" doctor >out 2>err
ok 'no colour with NO_COLOR' lacks out "$(printf '\033')["

# On a narrow terminal lines end between words: with blanks for line ends the text is the same.
narrow() {
	sed -n "/^'oomnotify/,\$p" "$1" | tr -s ' \r\n' ' '
}
run doctor
cp out out.wide
# shellcheck disable=SC2016 # expanded in there
NO_COLOR=1 TERM=xterm timeout -k 5 "$LIMIT" "$PTY" sh -c 'stty cols 50 && exec "$0" doctor' "$OOMNOTIFY" >out 2>err
ok 'narrow terminal: no line is wider' [ "$(tr -d '\r' <out | awk 'length > 50' | grep -vc '^cgroup\|^memory controller')" -eq 0 ]
ok 'narrow terminal: no word is broken' [ "$(narrow out)" = "$(narrow out.wide)" ]

chmod 755 "$work"
if [ "$(id -u)" -eq 0 ] && setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$OOMNOTIFY"; then
	timeout -k 5 "$LIMIT" setpriv --reuid=65534 --regid=65534 --clear-groups "$OOMNOTIFY" doctor >out 2>err
	status=$?
	ok 'as nobody: status' [ $status -le 1 ]
	ok 'as nobody: nothing but the report' [ ! -s err ]
	ok 'as nobody: says who' has out 'uid 65534'
else
	skip 'as nobody' 'not root, or nobody may not execute the program here'
fi
if unshare -C true 2>/dev/null; then
	run doctor
	timeout -k 5 "$LIMIT" unshare -C "$OOMNOTIFY" doctor >out 2>err
	ok 'in a cgroup namespace: same status' [ $? -eq "$text_status" ]
	ok 'in a cgroup namespace: says so' grep -q '^cgroup namespace  *yes' out
	ok 'outside of one: says so' grep -q '^cgroup namespace  *no' out.text
else
	skip 'in a cgroup namespace' 'no namespace can be made here'
fi
# Where the limit of open files is too low for `watch`, the doctor says that and blames no file.
promised=
blamed=
for n in 5 8 11 14 16 17 18 20 24 32; do
	prlimit --nofile="$n:$n" timeout -k 5 "$LIMIT" "$OOMNOTIFY" doctor >out 2>err
	doctor=$?
	if [ "$text_status" -eq 0 ] && grep -q 'not writable\|not readable' out; then
		grep -q 'not writable\|not readable' out.text || blamed="$blamed $n"
	fi
	prlimit --nofile="$n:$n" timeout -k 5 "$LIMIT" "$OOMNOTIFY" watch --timeout=0 >watch.out 2>watch.err
	if ! grep -q ready watch.err; then
		[ "$doctor" -ne 0 ] || promised="$promised $n"
		grep -q 'raise the limit of open files' watch.err || blamed="$blamed watch:$n"
	fi
done
ok 'few descriptors: watch works where the doctor says so' [ -z "$promised" ]
ok 'few descriptors: no file is blamed' [ -z "$blamed" ]
[ "$text_status" -ne 0 ] || ok 'enough descriptors' [ "$doctor" -eq 0 ]
done_testing
