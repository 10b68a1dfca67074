# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=dash
# What the guest scripts share: a watcher that is started, stopped and judged. Sourced.
#
# Events are taken from `watch --json`; what the storm killed is compared with what they say, not
# with what the ledger says of itself. Shown is what the counters prove alone: names are test/incident's.

OUT=/tmp/events.json
ERR=/tmp/watch.err
WATCH=

fail() {
	echo "FAIL: $*"
	[ ! -s "$ERR" ] || sed 's/^/  /' "$ERR"
	exit 1
}

# begin CGROUP...: starts `oomnotify watch` (through the words in $AS) and waits until it counts.
begin() {
	rm -f "$OUT" "$ERR"
	: >"$ERR"
	# shellcheck disable=SC2086
	${AS-} oomnotify watch --json --source=counters "$@" >"$OUT" 2>"$ERR" &
	WATCH=$!
	until grep -q ready "$ERR"; do
		kill -0 "$WATCH" 2>/dev/null || fail "watch $* did not start"
		usleep 5000
	done
}

# end: stops the watcher; its exit status is in $status.
end() {
	kill -INT "$WATCH" 2>/dev/null || :
	await
}

# await: waits for the watcher to end by itself.
await() {
	status=0
	wait "$WATCH" || status=$?
}

# told KIND [FIELD]: sum of FIELD (count, or count_max where it differs from count) of that kind.
told() {
	awk -v kind="\"kind\":\"$1\"" -v most="${2-}" '
		{ gsub(/": /, "\":"); gsub(/, "/, ",\"") }
		index($0, kind) {
			n = 0
			if (match($0, /"count":[0-9]+/)) n = substr($0, RSTART + 8, RLENGTH - 8)
			if (most != "" && match($0, /"count_max":[0-9]+/)) n = substr($0, RSTART + 12, RLENGTH - 12)
			sum += n
		}
		END { print sum + 0 }' "$OUT"
}

# kills_of STORM-OUTPUT: what the storm itself says it killed.
kills_of() {
	sed -n 's/^storm: kills=\([0-9]*\) .*/\1/p' "$1"
}

# expect NAME GOT WANTED
expect() {
	echo "$1: $2 of $3"
	[ "$2" = "$3" ] || fail "$1: $2 instead of $3"
}

expect_status() {
	[ "$status" = "$1" ] || fail "watch ended with status $status instead of $1"
}

# parents PATH...: makes cgroups whose children have memory.
parents() {
	for path in "$@"; do
		mkdir -p "$CGROUP$path"
		echo +memory >"$CGROUP$path/cgroup.subtree_control"
	done
}
