#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck source=/dev/null
#
# 10,000 cgroups under one watch: what it costs at rest, how soon it is ready, and that an OOM in any
# of them is placed right; in 100 directories, and in one directory with 10 kills a second.
set -eu
. /t/watch.sh

# value NAME: of the last idlewatch
value() {
	sed -n "s/^$1=//p" /tmp/idle
}

# The paths that the events say, one per kill, against those that the storm printed.
placed() {
	sed 's/": /":/g' "$OUT" | awk '/"kind":"kill"/ && /"removed":false/ {
		match($0, /"cgroup":"[^"]*"/)
		path = substr($0, RSTART + 10, RLENGTH - 11)
		match($0, /"count":[0-9]+/)
		for (n = substr($0, RSTART + 8, RLENGTH - 8); n > 0; n--) print path
	}' >/tmp/told
	sed -n "s#^kill $CGROUP##p" /tmp/storm >/tmp/done
	# How many lines both have, each as often as it is in both.
	awk 'NR == FNR { n[$0]++; next } n[$0]-- > 0 { both++ } END { print both + 0 }' /tmp/told /tmp/done
}

at_rest() {
	idlewatch "$WATCH" 10 >/tmp/idle
	echo "descriptors: $(value fds_after)"
	echo "resident: $(value rss_kib_after) KiB"
	echo "context switches in 10 idle seconds: $(($(value voluntary) + $(value involuntary)))"
	[ "$(value fds_after)" -le 16 ] || fail "more than 16 descriptors"
	[ "$(value rss_kib_after)" -le 8192 ] || fail "more than 8 MiB resident"
	[ "$(value voluntary)" = 0 ] || fail "woken while nothing happened"
}

milliseconds() {
	awk '{ print int($1 * 1000) }' /proc/uptime
}

parents /s /s/t
mktree "$CGROUP/s/t" --dirs 100 --leaves 100
start=$(milliseconds)
begin /s/t
ready=$(($(milliseconds) - start))
echo "ready after: $ready ms"
[ $ready -lt 1000 ] || fail "not ready within a second"
at_rest
oomstorm --v2 "$CGROUP/s/t" --existing --count 20 --rate 2 --seed "$(date +%s)" >/tmp/storm
end
expect "placed in 10,000 cgroups of 100 directories" "$(placed)" 20
expect_status 0
mktree --remove "$CGROUP/s/t"

parents /s/t
mktree "$CGROUP/s/t" --dirs 0 --leaves 10000
begin /s/t
idlewatch "$WATCH" 30 >/tmp/idle &
idle=$!
oomstorm --v2 "$CGROUP/s/t" --existing --count 300 --rate 10 --seed "$(date +%s)" >/tmp/storm
wait $idle
ticks=$(value cpu_ticks)
echo "CPU while 10 kills a second happen in one directory of 10,000: $((ticks * 100 / 3000)) %"
[ "$ticks" -le 1500 ] || fail "more than half a CPU"
end
expect "placed in one directory of 10,000" "$(placed)" 300
expect_status 0
