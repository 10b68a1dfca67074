#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=dash
# What every guest script relies on: the machine is the one that was asked for, and an OOM in it is
# an OOM.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. /t/lib.sh

uname -r
case $(uname -r) in
"$OOMN_VM_KERNEL".*) ;;
*) [ "$OOMN_VM_KERNEL" = 7.2 ] || die "this is $(uname -r), not $OOMN_VM_KERNEL" ;;
esac
! grep -qw cx16 /proc/cpuinfo || die "the CPU has cmpxchg16b, which qemu before 8.0 gets wrong"
same "number of CPUs" "$(nproc)" 2
case $OOMN_VM_MEMORY in
v1) [ -w "$CGROUP/cgroup.event_control" ] || die "$CGROUP is no v1 memory hierarchy" ;;
v2) same "the root's subtree_control" "$(cat "$CGROUP/cgroup.subtree_control")" memory ;;
esac
# The one kernel that can still do without a hierarchy does without it.
case $OOMN_VM_KERNEL:$OOMN_VM_MEMORY in
5.10:v1) same memory.use_hierarchy "$(cat "$CGROUP/memory.use_hierarchy")" 0 ;;
esac

for at in proc:proc sys:sysfs dev:devtmpfs run:tmpfs tmp:tmpfs; do
	got=$(awk -v d="/${at%:*}" '$2 == d { print $3 }' /proc/mounts)
	same "file system on /${at%:*}" "$got" "${at#*:}"
done
ping -c 1 -W 5 127.0.0.1 >/dev/null || die "the loopback interface is down"
grep -q fuse /proc/filesystems || die "no fuse"
! [ -t 1 ] || die "stdout is a terminal"
same "standard input" "$(cat)" ""

cg_make small 16M
same "status of a process over its limit" "$(status cg_run small oomhog eat 64M)" 137
same "oom_kill" "$(cg_count small oom_kill)" 1
same "status of a process below its limit" "$(status cg_run small oomhog eat 4M)" 0
same "oom_kill" "$(cg_count small oom_kill)" 1
