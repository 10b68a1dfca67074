#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Each golden/NAME.script is played twice, as text and as JSON, and what it prints is compared with
# NAME.out and NAME.json, and on standard error with NAME.err. Its first line says how it is called.
# Those of incidents are played on terminals, too: NAME.80 and NAME.120, for so many columns.
# After a wanted change: `WRITE_GOLDEN=1 OOMNOTIFY=… test-golden.sh`, and look at the difference.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

# shellcheck disable=SC2317 # called by ok()
same() {
	if [ -n "${WRITE_GOLDEN-}" ]; then
		cp "$1" "$2"
	fi
	diff -u "$2" "$1" >diff.txt && return 0
	sed 's/^/# /' diff.txt
	return 1
}

# Without what is said on standard error, and in a plain terminal.
on_terminal() {
	columns_of=$1
	shift
	# shellcheck disable=SC2016
	NO_COLOR=1 timeout -k 5 "$LIMIT" "$PTY" -w "$columns_of" \
		sh -c '"$OOMNOTIFY" watch "$@" 2>/dev/null' sh "$@" </dev/null
}

for script in "$here"/golden/*.script; do
	name=$(basename "$script" .script)
	args=$(sed -n '1s/.*args: \([^:]*\)$/\1/p; 1s/.*args: \(.*\) status: .*/\1/p' "$script")
	want=$(sed -n '1s/.* status: \([0-9]*\)$/\1/p' "$script")
	export OOMNOTIFY_FAKE="$script"
	# shellcheck disable=SC2086 # words
	run watch $args
	ok "$name: text" same out "$here/golden/$name.out"
	ok "$name: status" [ "$status" -eq "${want:-0}" ]
	ok "$name: notes and ledger" same err "$here/golden/$name.err"
	# shellcheck disable=SC2086
	run watch --json $args
	ok "$name: JSON" same out "$here/golden/$name.json"
	ok "$name: JSON status" [ "$status" -eq "${want:-0}" ]
	ok "$name: JSON notes and ledger" same err "$here/golden/$name.err"
	case $name in
	incident*) ;;
	*) continue ;;
	esac
	for columns in 80 120; do
		# shellcheck disable=SC2086
		on_terminal "$columns" $args | tr -d '\r' >out
		ok "$name: terminal of $columns columns" same out "$here/golden/$name.$columns"
	done
done
done_testing
