#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck source=/dev/null
#
# A workload that only hits `max`: no event, and at most 1.5 times the CPU time of a bare reader of
# the same file beside it.
set -eu
. /t/watch.sh
seconds=${1:-30}

counter() {
	sed -n "s/^$1 //p" "$CGROUP/s/t/memory.events"
}

parents /s
mkdir "$CGROUP/s/t"
echo 16M >"$CGROUP/s/t/memory.max"
begin /s/t
(
	echo 0 >"$CGROUP/s/t/cgroup.procs"
	exec oomhog madvfree 32M --seconds $((seconds + 6))
) &
hog=$!
until [ "$(counter max)" -gt 100 ]; do usleep 100000; done
epollread "$CGROUP/s/t" "$seconds" >/tmp/bare &
bare=$!
idlewatch "$WATCH" "$seconds" >/tmp/idle
wait $bare
kill $hog 2>/dev/null || :
wait $hog || :
ours=$(sed -n 's/^cpu_ns=//p' /tmp/idle)
theirs=$(sed -n 's/^cpu_ns=//p' /tmp/bare)
if [ -z "$ours" ] || [ -z "$theirs" ]; then
	fail "no CPU times: $(cat /tmp/idle /tmp/bare)"
fi
end
echo "max: $(counter max), oom: $(counter oom)"
echo "CPU: watch $((ours / 1000)) us, bare reader $((theirs / 1000)) us, ratio $((ours * 100 / theirs)) %"
[ "$(counter oom)" = 0 ] || fail "the workload ran out of memory"
[ ! -s "$OUT" ] || fail "events were told: $(head -n 1 "$OUT")"
[ $((ours * 100 / theirs)) -le 150 ] || fail "more than 1.5 times the CPU of a bare reader"
expect_status 0
