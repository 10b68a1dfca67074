# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=dash
# For guest scripts: `. /t/lib.sh`. Every name of a cgroup is relative to $CGROUP.
set -eu

die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

skip() {
	echo "${0##*/}: skipped: $*" >&2
	exit 77
}

# same WHAT GOT WANTED
same() {
	[ "$2" = "$3" ] || die "$1 is '$2', not '$3'"
}

# cg_make NAME [LIMIT]: a cgroup, on v2 with memory for its children if it has no limit.
cg_make() {
	mkdir "$CGROUP/$1"
	case $OOMN_VM_MEMORY/${2-} in
	v2/) echo +memory >"$CGROUP/$1/cgroup.subtree_control" ;;
	v2/*) echo "$2" >"$CGROUP/$1/memory.max" ;;
	v1/?*) echo "$2" >"$CGROUP/$1/memory.limit_in_bytes" ;;
	esac
}

# cg_run NAME COMMAND...: runs it in there; its status is ours.
cg_run() {
	local name=$1
	shift
	sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$CGROUP/$name" "$@"
}

# cg_start NAME COMMAND...: runs it in there in the background, as $!.
cg_start() {
	local name=$1
	shift
	sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$CGROUP/$name" "$@" &
}

# cg_count NAME KEY: a counter, of memory.events or of v1's memory.oom_control.
cg_count() {
	case $OOMN_VM_MEMORY in
	v2) awk -v k="$2" '$1 == k { print $2 }' "$CGROUP/$1/memory.events" ;;
	v1) awk -v k="$2" '$1 == k { print $2 }' "$CGROUP/$1/memory.oom_control" ;;
	esac
}

# status COMMAND...: prints its exit status.
status() {
	local r=0
	"$@" || r=$?
	echo "$r"
}

# field LINE KEY: the value of KEY=VALUE in a line of them.
field() {
	echo "$1" | tr ' ' '\n' | sed -n "s/^$2=//p"
}
