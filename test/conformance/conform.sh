#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# conform.sh PROGRAM DIR [--kernel]: what it prints must be DIR's table for v1, or for v2
set -eu
program=$1 dir=$2
shift 2
out=$(mktemp)
trap 'rm -f "$out"' EXIT
r=0
"$program" "$@" >"$out" || r=$?
if [ "$r" -eq 77 ]; then
	cat "$out"
	exit 77
fi
version=v1
[ ! -e /sys/fs/cgroup/cgroup.controllers ] || version=v2
sed -n '/^$/,$p' "$out"
diff "$dir/listen-conform-$version.expected" "$out" || r=1
exit "$r"
