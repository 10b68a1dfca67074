#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck source=/dev/null
#
# show-short-lived.sh [N [TOPS]]: N cgroups, each OOM-killed and removed as soon as its process is
# reaped: every kill is told and the ledger balances. The same nested, the same with 8 makers in
# parallel, and for a watched top that is killed and removed itself, TOPS times.
set -eu
. /t/watch.sh
n=${1:-500}
tops=${2:-40}

storm() {
	begin /s/t
	oomstorm --v2 "$CGROUP/s/t" --count "$n" "$@" >/tmp/storm || fail "storm: $(cat /tmp/storm)"
	end
	expect "kills told ($*)" "$(told kill)" "$(kills_of /tmp/storm)"
	expect_status 0
}

parents /s /s/t
storm --depth 1
storm --depth 4
storm --makers 8

told_tops=0
i=0
while [ $i -lt "$tops" ]; do
	mkdir "$CGROUP/s/t/top"
	echo 4M >"$CGROUP/s/t/top/memory.max"
	begin /s/t/top
	(
		echo 0 >"$CGROUP/s/t/top/cgroup.procs"
		exec oomhog eat 16M
	) 2>/dev/null || :
	rmdir "$CGROUP/s/t/top"
	await
	expect_status 0
	[ "$(told kill)" = 1 ] && told_tops=$((told_tops + 1))
	[ "$(told gone)" = 1 ] || fail "the top's end was told $(told gone) times"
	i=$((i + 1))
done
expect "tops killed and removed at once" "$told_tops" "$tops"
