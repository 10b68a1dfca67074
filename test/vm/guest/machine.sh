#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What every guest script relies on: the machine is the one that was asked for.
set -eu

die() {
	echo "machine: $*" >&2
	exit 1
}

case $(uname -r) in
"$OOMN_VM_KERNEL".*) ;;
*) [ "$OOMN_VM_KERNEL" = 7.2 ] || die "this is $(uname -r), not $OOMN_VM_KERNEL" ;;
esac
case $OOMN_VM_MEMORY in
v1) [ -w "$CGROUP/cgroup.event_control" ] || die "$CGROUP is no v1 memory hierarchy" ;;
v2) grep -qw memory "$CGROUP/cgroup.subtree_control" || die "memory is not on in $CGROUP" ;;
esac
! grep -qw cx16 /proc/cpuinfo || die "the CPU has cmpxchg16b, which qemu before 8.0 gets wrong"
uname -r
