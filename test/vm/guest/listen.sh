#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# All that can be asked of listening: signals, the registry against the kernel, and the program.
# What it runs was brought along to /listen.
set -eu
status=0

# try NAME COMMAND...
try() {
	name=$1
	shift
	r=0
	"$@" || r=$?
	case $r in
	0) ;;
	77) echo "# $name: skipped" ;;
	*) echo "# $name: FAILED ($r)" && status=1 ;;
	esac
}

# shellcheck disable=SC2317 # called by try
conform() {
	sh /listen/conform.sh /listen/listen-conform /listen "$@"
}

try 'signalling an eventfd' /listen/test-sink-eventfd
try 'misuse, and lack of memory' /listen/test-listen
try 'the library conforms' conform
try 'the kernel conforms' conform --kernel
try 'the library on v2' /listen/listen-live --machine
export OOMNOTIFY=oomnotify OOMHOG=oomhog NOTIFIED=/listen/notified WITH_EVENTFD=/listen/with-eventfd
try 'oomnotify listen' sh /listen/test-listen.sh
exit "$status"
