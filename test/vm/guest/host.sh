#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=dash source=/dev/null disable=SC2086
#
# How cgroups are found, and what the doctor says, where the hierarchy is all ours: in the root, in
# cgroups with and without memory of their own, in cgroup namespaces, as nobody.
. /t/lib.sh

mkdir -p /tmp
cg_make a
cg_make a/b
mkdir "$CGROUP/a/b/c"
[ "$OOMN_VM_MEMORY" = v1 ] || echo -memory >"$CGROUP/a/b/cgroup.subtree_control"

host_real() {
	/test-host-real >/tmp/out 2>&1 || {
		cat /tmp/out >&2
		die "test-host-real in $1"
	}
	echo "host, in $1: $(sed -n 's/^\[  PASSED  \] //p' /tmp/out)"
}

# doctor_says TEXT COMMAND...: the command is a doctor, who finds that watch works and says TEXT
doctor_says() {
	local text=$1
	shift
	"$@" >/tmp/out 2>&1 || {
		cat /tmp/out >&2
		die "$*"
	}
	grep -qF -- "$text" /tmp/out || {
		cat /tmp/out >&2
		die "$*: does not say '$text'"
	}
	echo "doctor: $text"
}

# watched_as WANT COMMAND...: the command is a watch, which names what it watches
watched_as() {
	local want=$1
	shift
	same "$*" "$("$@" 2>&1 >/dev/null | sed -n 's/^oomnotify: watching \(.*\) (.*/\1/p')" "$want"
	echo "watch: $want"
}

host_real /
doctor_says "'oomnotify watch' works here." oomnotify doctor
doctor_says 'uid 65534' /setpriv --reuid=65534 --regid=65534 --clear-groups oomnotify doctor
doctor_says 'visible root         that of the hierarchy' /unshare -C oomnotify doctor
echo 2 >/proc/sys/vm/panic_on_oom
doctor_says 'vm.panic_on_oom is 2' oomnotify doctor
echo 0 >/proc/sys/vm/panic_on_oom

echo $$ >"$CGROUP/a/b/cgroup.procs"
host_real /a/b
doctor_says 'cgroup namespace     yes' /unshare -C oomnotify doctor
watched_as /a/b /unshare -C oomnotify watch self --timeout=0
watched_as /a/b /unshare -C oomnotify watch "pid:$$" --timeout=0

# in_own_mount COMMAND...: in a cgroup namespace, with the hierarchy mounted from inside
in_own_mount() {
	case $OOMN_VM_MEMORY in
	v1) set -- 'mount -t cgroup -o memory none /tmp/m && exec "$@"' sh "$@" ;;
	v2) set -- 'mount -t cgroup2 none /tmp/m && exec "$@"' sh "$@" ;;
	esac
	/unshare -C -m sh -c "$@"
}

mkdir /tmp/m
doctor_says 'visible root         that of the cgroup namespace' in_own_mount oomnotify doctor
watched_as 'all cgroups of this namespace' in_own_mount oomnotify watch /tmp/m --timeout=0

echo $$ >"$CGROUP/a/b/c/cgroup.procs"
host_real /a/b/c
if [ "$OOMN_VM_MEMORY" = v2 ]; then
	# The inner mount shows no memory controller, the outer one does.
	doctor_says 'mounted at /sys/fs/cgroup' in_own_mount oomnotify doctor
	watched_as /a/b in_own_mount oomnotify watch self --timeout=0
	mount -o remount,memory_localevents "$CGROUP"
	doctor_says 'memory_localevents   on' oomnotify doctor
fi
