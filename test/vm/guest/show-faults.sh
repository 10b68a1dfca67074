#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck source=/dev/null disable=SC3045
# (busybox's ulimit knows -S and -H)
#
# What may go wrong around a watch, on a real v2 kernel: too few descriptors, no rights, a controller
# switched off and on, memory.max lowered below usage, memory_localevents, memory running out globally.
set -eu
. /t/watch.sh

eat() {
	(
		echo 0 >"$CGROUP$1/cgroup.procs"
		exec oomhog eat "$2"
	) 2>/dev/null || :
}

# told_at KIND PATH: the count told for that very cgroup.
told_at() {
	sed 's/": /":/g' "$OUT" | awk -v kind="\"kind\":\"$1\"" -v path="\"cgroup\":\"$2\"" '
		index($0, kind) && index($0, path) && match($0, /"count":[0-9]+/) {
			sum += substr($0, RSTART + 8, RLENGTH - 8)
		}
		END { print sum + 0 }'
}

few_descriptors() {
	i=0
	while [ $i -lt 60 ]; do
		mkdir "$CGROUP/many$i"
		echo 2M >"$CGROUP/many$i/memory.max"
		i=$((i + 1))
	done
	hard=$(ulimit -Hn)
	(
		ulimit -Sn 32
		ulimit -Hn 32
		begin
		i=0
		while [ $i -lt 60 ]; do
			eat "/many$i" 8M
			i=$((i + 1))
		done
		end
		expect "kills in 60 tops with 32 descriptors (of $hard)" "$(told kill)" 60
		expect_status 0
	) || exit 1
	rmdir "$CGROUP"/many*
}

# as_nobody COMMAND...: words without blanks only
as_nobody() {
	exec su -s /bin/sh nobody -c "exec $*"
}

no_rights() {
	parents /s
	mkdir "$CGROUP/s/t"
	echo 4M >"$CGROUP/s/t/memory.max"
	AS=as_nobody begin /s/t
	eat /s/t 16M
	end
	expect "kills seen without rights" "$(told kill)" 1
	expect_status 0
}

# expect_note PATTERN
expect_note() {
	grep -q "$1" "$ERR" || fail "no note of $1"
}

# doubted: ooms that may have happened unseen are told to be unproven, and why.
doubted() {
	expect_status 4
	expect_note "^oomnotify: unproven: $1"
}

# short_lived N...: cgroups below the root that nobody can look into before they are gone.
short_lived() {
	for i in "$@"; do
		mkdir "$CGROUP/short$i"
		echo 4M >"$CGROUP/short$i/memory.max"
		eat "/short$i" 16M
		rmdir "$CGROUP/short$i"
	done
}

never_seen() {
	begin
	kill -STOP "$WATCH"
	short_lived 1 2 3
	kill -CONT "$WATCH"
	end
	expect "kills in children of the root that were never seen" "$(told kill)" 3
	expect "of these told of the root" "$(told_at kill /)" 3
	doubted "a watched child of the root"
}

queue_ran_over() {
	queued=$(cat /proc/sys/fs/inotify/max_queued_events)
	echo 2 >/proc/sys/fs/inotify/max_queued_events
	begin
	kill -STOP "$WATCH"
	short_lived 1 2 3 4 5 6 7 8 9
	kill -CONT "$WATCH"
	end
	echo "$queued" >/proc/sys/fs/inotify/max_queued_events
	expect "kills with a queue of 2" "$(told kill)" 9
	doubted "inotify's limits"
}

no_watches() {
	watches=$(cat /proc/sys/fs/inotify/max_user_watches)
	echo 0 >/proc/sys/fs/inotify/max_user_watches
	begin
	mkdir "$CGROUP/later"
	echo 4M >"$CGROUP/later/memory.max"
	eat /later 16M
	until grep -q '"/later"' "$OUT"; do usleep 50000; done
	end
	echo "$watches" >/proc/sys/fs/inotify/max_user_watches
	expect "kills without inotify in a new cgroup" "$(told_at kill /later)" 1
	expect_note "^oomnotify: note: .*max_user_watches"
	doubted "inotify's limits"
	rmdir "$CGROUP/later"
}

unreadable() {
	mkdir "$CGROUP/secret" "$CGROUP/later"
	chmod 000 "$CGROUP/secret/memory.events"
	AS=as_nobody begin
	expect_note "^oomnotify: note: .*/secret: no permission"
	chmod 700 "$CGROUP/later"
	echo 4M >"$CGROUP/later/memory.max"
	eat /later 16M
	until grep -q "^oomnotify: note: .*/secret and others" "$ERR"; do usleep 50000; done
	end
	doubted "counters could not be read"
	chmod 755 "$CGROUP/later"
	chmod 700 "$CGROUP/secret"
	AS=as_nobody begin
	expect_note "^oomnotify: note: .*/secret: no permission"
	end
	doubted "counters could not be read"
	chmod 755 "$CGROUP/secret"
	status=0
	# shellcheck disable=SC2034 # expect_status reads it
	(as_nobody oomnotify watch /secret) 2>"$ERR" || status=$?
	expect_status 1
	expect_note "/secret.*no permission to read its memory counters"
	rmdir "$CGROUP/secret" "$CGROUP/later"
}

switched_off_and_on() {
	begin /s/t
	echo -memory >"$CGROUP/s/cgroup.subtree_control"
	echo +memory >"$CGROUP/s/cgroup.subtree_control"
	until [ -e "$CGROUP/s/t/memory.max" ]; do usleep 1000; done
	echo 4M >"$CGROUP/s/t/memory.max"
	eat /s/t 16M
	end
	expect "kills after the controller was off and on" "$(told kill)" 1
	expect_status 0
}

# Where io stays on memory is only hidden, and comes back with its counters, but without its limit.
hidden_and_back() {
	echo +io >"$CGROUP/cgroup.subtree_control"
	echo +io >"$CGROUP/s/cgroup.subtree_control"
	begin /s/t
	eat /s/t 16M
	echo -memory >"$CGROUP/s/cgroup.subtree_control"
	until grep -q "^oomnotify: note: /s/t: no memory controller now" "$ERR"; do usleep 5000; done
	echo 4M >"$CGROUP/s/memory.max"
	eat /s/t 16M
	echo max >"$CGROUP/s/memory.max"
	echo +memory >"$CGROUP/s/cgroup.subtree_control"
	until [ -e "$CGROUP/s/t/memory.max" ]; do usleep 1000; done
	echo 4M >"$CGROUP/s/t/memory.max"
	eat /s/t 16M
	end
	expect "kills before, in and after hiding" "$(told kill)" 3
	expect_status 0
	echo -io >"$CGROUP/s/cgroup.subtree_control"
	echo -io >"$CGROUP/cgroup.subtree_control"
}

# In a cgroup without memory nobody sees what happens: that is told.
left_switched_off() {
	begin /s/t
	echo -memory >"$CGROUP/s/cgroup.subtree_control"
	until grep -q "^oomnotify: note: /s/t: no memory controller now" "$ERR"; do usleep 5000; done
	echo 4M >"$CGROUP/s/memory.max"
	eat /s/t 16M
	end
	echo max >"$CGROUP/s/memory.max"
	echo +memory >"$CGROUP/s/cgroup.subtree_control"
	expect "kills told of a cgroup without memory" "$(told kill)" 0
	expect_status 4
	expect_note "^oomnotify: unproven: the memory controller"
}

lowered_limit() {
	mkdir "$CGROUP/s/low"
	echo 64M >"$CGROUP/s/low/memory.max"
	begin /s/low
	(
		echo 0 >"$CGROUP/s/low/cgroup.procs"
		exec oomhog hold 16M
	) 2>/dev/null &
	hog=$!
	until [ "$(cat "$CGROUP/s/low/memory.current")" -gt 16000000 ]; do usleep 5000; done
	echo 2M >"$CGROUP/s/low/memory.max"
	wait $hog || :
	end
	echo "memory.max lowered below usage: $(told oom) ooms in $(grep -c '"oom"' "$OUT") lines"
	expect "kills by a lowered limit" "$(told kill)" 1
	[ "$(grep -c '"oom"' "$OUT")" -lt 100 ] || fail "too many lines"
	expect_status 0
	rmdir "$CGROUP/s/low"
}

global_oom() {
	mkdir "$CGROUP/s/victim"
	begin
	(
		echo 0 >"$CGROUP/s/victim/cgroup.procs"
		exec oomhog eat 4G
	) 2>/dev/null || :
	oomhog eat 4G 2>/dev/null || : # a child of the shell, in the root cgroup
	end
	expect "kills when memory ran out globally" "$(told kill)" 2
	expect "of these in the victim's cgroup" "$(told_at kill /s/victim)" 1
	expect "of these in the root cgroup, from vmstat" "$(told_at kill /)" 1
	expect_status 0
	rmdir "$CGROUP/s/victim"
}

local_events() {
	mount -o remount,memory_localevents "$CGROUP"
	parents /s/in
	mkdir "$CGROUP/s/in/leaf"
	echo 4M >"$CGROUP/s/in/leaf/memory.max"
	begin /s
	eat /s/in/leaf 16M
	mkdir "$CGROUP/s/in/new"
	echo 4M >"$CGROUP/s/in/new/memory.max"
	eat /s/in/new 16M
	end
	expect "kills under memory_localevents" "$(told kill)" 2
	expect "of these in a cgroup made later" "$(told_at kill /s/in/new)" 1
	expect_status 0
}

# remount OPTIONS NOTE: a remount that the watcher takes notice of.
remount() {
	mount -t cgroup2 -o "remount,$1" none "$CGROUP" # told both, it keeps no old options
	until grep -q "^oomnotify: note: .*remounted $2 memory_localevents" "$ERR"; do
		kill -0 "$WATCH" || fail "the watch ended at a remount"
		usleep 5000
	done
}

remounted() {
	mount -t cgroup2 -o remount,rw none "$CGROUP"
	! grep -q memory_localevents /proc/self/mountinfo || fail "memory_localevents stays"
	parents /r /r/in
	mkdir "$CGROUP/r/in/leaf"
	echo 4M >"$CGROUP/r/in/leaf/memory.max"
	for top in /r ""; do
		# shellcheck disable=SC2086
		begin $top
		eat /r/in/leaf 16M
		remount memory_localevents with
		eat /r/in/leaf 16M
		mkdir "$CGROUP/r/in/new"
		echo 4M >"$CGROUP/r/in/new/memory.max"
		eat /r/in/new 16M
		remount rw without
		eat /r/in/leaf 16M
		end
		expect "kills around two remounts, watching '$top'" "$(told kill)" 4
		expect "of these in a cgroup made in between" "$(told_at kill /r/in/new)" 1
		doubted "cgroup2 is mounted with memory_localevents"
		rmdir "$CGROUP/r/in/new"
	done
	rmdir "$CGROUP/r/in/leaf" "$CGROUP/r/in" "$CGROUP/r"
}

few_descriptors
no_rights
never_seen
queue_ran_over
no_watches
unreadable
switched_off_and_on
hidden_and_back
left_switched_off
lowered_limit
global_oom
local_events
remounted
