# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
# shellcheck disable=SC2154 # lib.sh's variables
# Scratch cgroups in which processes run out of memory, below our own, on v1 or v2, whatever is here.
# For scripts that have read lib.sh. They are removed at the end. $OOMHOG names oomhog.

# find_base NAME: the line of /proc/self/cgroup that holds memory, where that hierarchy is mounted, and a
# cgroup of ours in it.
find_base() {
	if [ -e /sys/fs/cgroup/cgroup.controllers ] && grep -qw memory /sys/fs/cgroup/cgroup.controllers; then
		version=v2 mount=/sys/fs/cgroup own=$(sed -n 's/^0:://p' /proc/self/cgroup)
	else
		version=v1 mount=/sys/fs/cgroup/memory
		own=$(sed -n 's/^[0-9]*:[^:]*memory[^:]*://p' /proc/self/cgroup)
	fi
	[ "$own" != / ] || own=
	base=$own/$1-$$
	if ! mkdir "$mount$base" 2>/dev/null; then
		skip_all "no cgroup can be made in $mount$own"
	fi
	if [ "$version" = v2 ] && ! echo +memory 2>/dev/null >"$mount$base/cgroup.subtree_control"; then
		rmdir "$mount$base"
		skip_all "no memory controller for cgroups in $mount$own"
	fi
	[ "$version" = v2 ] || echo 1 2>/dev/null >"$mount$base/memory.use_hierarchy"
	trap 'remove_tree "$mount$base"; cleanup' EXIT
}

skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}

# shellcheck disable=SC2317 # called by the trap
remove_tree() {
	find "$1" -depth -type d | while IFS= read -r dir; do rmdir "$dir"; done
}

# cg NAME [LIMIT]: makes it. Its path is $base/NAME, its directory $mount$base/NAME.
cg() {
	mkdir "$mount$base/$1"
	case $version/${2-} in
	v2/) echo +memory >"$mount$base/$1/cgroup.subtree_control" ;;
	v2/leaf) ;;
	v2/*) echo "$2" >"$mount$base/$1/memory.max" ;;
	v1/ | v1/leaf) ;;
	v1/*) echo "$2" >"$mount$base/$1/memory.limit_in_bytes" ;;
	esac
}

# One process in cgroup $1 touches memory until it is killed for it. It does that itself: memory that
# a system call touches counts two ooms on v2 since 6.12. It stays on one CPU: what another has in store
# of the cgroup's charges may come back between a v1 signal and the kill, which then waits for the next.
cpu=$(sed -n "s/^Cpus_allowed_list:[^0-9]*\([0-9]*\).*/\1/p" /proc/self/status)
oom() {
	# shellcheck disable=SC2016 # for the inner shell
	taskset -c "$cpu" sh -c 'echo $$ >"$0/cgroup.procs"; exec "$OOMHOG" eat 64M' "$mount$base/$1" \
		>/dev/null 2>&1
	[ $? -eq 137 ] || echo "# no OOM in $1"
}

# The cgroup may take a moment to be empty.
remove() {
	until rmdir "$mount$base/$1" 2>/dev/null; do [ -d "$mount$base/$1" ] || break; done
}
