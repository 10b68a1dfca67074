#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# valgrind.sh PROGRAM ARG...: no error and no leak. It warns of each IOCB_CMD_POLL, which it hands on.
set -eu
log=$(mktemp)
trap 'rm -f "$log"' EXIT
r=0
valgrind --quiet --leak-check=full --errors-for-leak-kinds=all --error-exitcode=1 \
	--log-file="$log" "$@" || r=$?
grep -v 'Warning: unhandled io_' "$log" || true
exit "$r"
