# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
# What the tests of the command line share: cases in TAP, and a program that runs while it is tested.
#
#   OOMNOTIFY       the program under test (oomnotify-fake, or the real one)
#   run ARG...      runs it to its end: $status, and the files out and err
#   start ARG...    starts it with its standard output in the file out: $pid
#   await TEXT      waits until it has said a line with TEXT on standard error
#   finish          waits for its end: $status, err
#   ok NAME COND    one case: COND is a test(1) expression or a function with arguments

set -u
export LC_ALL=C.UTF-8 TZ=UTC0
unset NO_COLOR NOTIFY_SOCKET

work=$(mktemp -d) || exit 99
pid=
cases=0
failed=0
# Nothing here takes longer: what does is stuck, and ends with status 124.
LIMIT=${LIMIT:-30}

cleanup() {
	[ -n "$pid" ] && kill -KILL "$pid" 2>/dev/null
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 99' INT TERM HUP

cd "$work" || exit 99
mkfifo err.fifo

script() {
	cat >script
	export OOMNOTIFY_FAKE="$work/script"
}

run() {
	timeout -k 5 "$LIMIT" "$OOMNOTIFY" "$@" >out 2>err </dev/null
	status=$?
}

start() {
	: >err
	"$OOMNOTIFY" "$@" >"${STDOUT:-out}" 2>err.fifo </dev/null &
	pid=$!
	exec 4<err.fifo
}

await() {
	while IFS= read -r line <&4; do
		printf '%s\n' "$line" >>err
		case $line in
		*"$1"*) return 0 ;;
		esac
	done
	echo "# it ended without saying: $1"
	return 1
}

finish() {
	cat <&4 >>err
	exec 4<&-
	wait "$pid"
	status=$?
	pid=
}

show() {
	echo "# status ${status-}"
	for f in out err; do
		[ -f "$f" ] && sed "s/^/# $f: /" "$f"
	done
}

ok() {
	label=$1
	shift
	cases=$((cases + 1))
	if "$@"; then
		echo "ok $cases - $label"
	else
		echo "not ok $cases - $label"
		echo "# failed: $*"
		show
		failed=$((failed + 1))
	fi
}

skip() {
	cases=$((cases + 1))
	echo "ok $cases - $1 # SKIP $2"
}

# The end of standard error, or of another file, has exactly one line, which holds TEXT.
one_line() {
	[ "$(wc -l <err)" -eq 1 ] && grep -qF -- "$1" err
}

# The last run was refused with status $1 and one line that holds $2; nothing was printed.
refused() {
	[ "$status" -eq "$1" ] && one_line "$2" && [ ! -s out ]
}

has() {
	grep -qF -- "$2" "$1"
}

lacks() {
	! grep -qF -- "$2" "$1"
}

lacks_match() {
	! grep -q -- "$2" "$1"
}

lines() {
	[ "$(wc -l <"$1")" -eq "$2" ]
}

done_testing() {
	echo "1..$cases"
	[ "$failed" -eq 0 ]
	exit
}
