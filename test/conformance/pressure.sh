#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# pressure.sh PROGRAM EXPECTED: who is told of pressure is the same on every kernel, and idle costs nothing
set -eu
out=$(mktemp)
trap 'rm -f "$out"' EXIT
r=0
"$1" >"$out" || r=$?
if [ "$r" -ne 0 ]; then
	cat "$out"
	exit "$r"
fi
diff "$2" "$out"
"$1" --idle || r=$?
case $r in
0 | 77) ;; # v1 has no such listeners of ours
*) exit "$r" ;;
esac
