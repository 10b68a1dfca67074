#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=dash
# Prints what /dev/kmsg says of OOMs: how test/unit/data/kmsg is made. `MARK name` ends a scene.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. /t/lib.sh
all=/tmp/kmsg

cat /dev/kmsg >$all &
recorder=$!

mark() {
	echo "MARK $1" >/dev/kmsg
	until grep -q "MARK $1" $all; do :; done
}

limit() {
	case $OOMN_VM_MEMORY in
	v2) echo 8M >"$CGROUP/$1/memory.max" ;;
	v1) echo 8M >"$CGROUP/$1/memory.limit_in_bytes" ;;
	esac
}

hierarchy() {
	case $OOMN_VM_MEMORY in
	v2) echo +memory >"$CGROUP/$1/cgroup.subtree_control" ;;
	v1) echo 1 >"$CGROUP/$1/memory.use_hierarchy" 2>/dev/null || true ;;
	esac
}

# eat CGROUP NAME: a program of that name
eat() {
	[ "$2" = oomhog ] || cp "$(command -v oomhog)" "/tmp/$2"
	cg_run "$1" "$([ "$2" = oomhog ] || echo /tmp/)$2" eat 64M || true
}

mark start
cg_make one 8M
eat one oomhog
mark one
mkdir "$CGROUP/par"
hierarchy par
limit par
mkdir "$CGROUP/par/kid"
eat par/kid oomhog
mark parent
eat one "$(printf 'a,pid=1\n\033"\\\377) ')"
mark comm
eat one 'x,task=y'
eat one ') total-vm:1kB,'
mark comm2
name='h,task_memcg=_x,task=y \z,pid=3,uid=0'
mkdir "$CGROUP/$name"
limit "$name"
eat "$name" oomhog
mark cgname
cg_make one2 8M
cg_run one2 oomhog threads 3 16M || true
cg_run one2 oomhog vfork 64M || true
mark threads
sleep 6 # after that the kernel prints headers again
path=deep
mkdir "$CGROUP/$path"
for i in 1 2 3 4 5 6; do
	hierarchy "$path"
	path=$path/$(printf '%0200d' $i)
	mkdir "$CGROUP/$path"
done
limit "$path"
eat "$path" oomhog
mark deep
if [ "$OOMN_VM_MEMORY" = v2 ]; then
	cg_make grp 8M
	echo 1 >"$CGROUP/grp/memory.oom.group"
	sh -c 'echo $$ >"$0/cgroup.procs"; sleep 100 & sleep 100 & oomhog eat 64M; true' "$CGROUP/grp" ||
		true
	mark group
fi
sleep 6
i=0
while [ $i -lt 14 ]; do
	eat one oomhog
	i=$((i + 1))
done
mark rate
sleep 6
eat one oomhog
mark afterrate
oomhog eat 4G || true
mark global
kill $recorder

# The first OOM as a whole; of the others what the parser looks at.
awk '/MARK start/ { on = 1 } !on { next } /MARK one/ { brief = 1 }
	!brief || /^12,/ || /,c;/ || /invoked oom-killer/ || /;CPU: / || /: usage / || /oom-kill:/ ||
	/Memory cgroup stats/ || /Killed process/ || /;Tasks in/ || /suppressed/ || /already exiting/ ||
	/oom_reaper/' $all
