#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck source=/dev/null
#
# A group kill of 5 (one that eats and 4 that sleep): told as 5, or as "5 or 6" where the kernel may
# have counted its victim twice; never as one too many. The cgroup is removed at once, unless there is
# an argument "keep": before 5.17 only its memory.oom.group tells that a group was killed.
set -eu
. /t/watch.sh
rounds=${1:-6}
keep=${2:+--keep}

parents /s /s/t
i=0
while [ "$i" -lt "$rounds" ]; do
	begin /s/t
	# shellcheck disable=SC2086
	oomstorm --v2 "$CGROUP/s/t" --count 1 --group 4 $keep >/tmp/storm || fail "storm: $(cat /tmp/storm)"
	end
	expect_status 0
	dead=$(kills_of /tmp/storm)
	echo "group kill of $dead: told at least $(told kill), at most $(told kill most)"
	[ "$dead" = 5 ] || fail "the storm killed $dead"
	[ "$(told kill)" -le 5 ] || fail "more were told than died"
	[ "$(told kill most)" -ge 5 ] || fail "fewer were told than died"
	[ "$(told kill most)" -le 6 ] || fail "more than one too many"
	if [ "$(told kill)" != "$(told kill most)" ]; then
		grep -q recount "$ERR" || fail "the ledger does not tell of the recount"
	fi
	[ -z "$keep" ] || mktree --remove "$CGROUP/s/t"
	parents /s/t
	i=$((i + 1))
done
