#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Names of cgroups: each thing that can be wrong with one gives a line that says what to do.
. "$(dirname "$0")/lib.sh"

script <<'S'
cgroup /a id=7
cgroup /a/b id=8
cgroup /a/bare id=9 at=/a
cgroup /bare id=10 at=-
cgroup /full id=11
cgroup /gone id=12
cgroup /closed id=13
cgroup /odd id=14
name a-file NOT_A_CGROUP
name /sys/fs/cgroup/pids/a WRONG_HIERARCHY
name /elsewhere OTHER_MOUNT
name pid:99999999 NO_SUCH_PROCESS
name /secret NO_PERMISSION
name pid:x BAD_NAME
name self ENOMEM
add /full EMFILE
add /gone ENODEV
add /closed EACCES
add /odd ENOSPC
gone /a
gone /a/b
S

run watch /nowhere
ok 'no such cgroup' refused 1 "no such cgroup: '/nowhere': give a directory below /sys/fs/cgroup,"
run watch a-file
ok 'not a cgroup' refused 1 "not a cgroup: 'a-file': give a directory below /sys/fs/cgroup,"
run watch /sys/fs/cgroup/pids/a
ok 'v1 and v2 mixed up' refused 1 "is in a hierarchy without the memory controller, which is in cgroup v2 here"
run watch /elsewhere
ok 'outside of what is visible' refused 1 "'/elsewhere' is outside of what can be seen from here"
run watch pid:99999999
ok 'no such process' refused 1 "no such process: 'pid:99999999'"
run watch /secret
ok 'no permission' refused 1 "no permission to look at '/secret': run as root"
run watch pid:x
ok 'bad name' refused 2 "bad name 'pid:x': give a directory, the path of a cgroup, 'self', or 'pid:N'"
run watch self
ok 'no memory' refused 1 "'self': out of memory: free some"
run watch "$(printf '/%04095d' 0)"
ok 'a path of 4096 bytes' refused 1 "0'...: give a directory"
ok 'a long name is cut' [ "$(wc -c <err)" -lt 400 ]
run watch "$(printf '/a\033]0;x\007\n\377')"
ok 'odd bytes in a name' refused 1 "no such cgroup: '/a\\x1b]0;x\\x07\\x0a\\xff'"

run watch /full
ok 'too many open files' refused 1 "'/full': too many open files: raise the limit"
run watch /gone
ok 'removed while being added' refused 1 "'/gone': the cgroup was removed while its watch began"
run watch /closed
ok 'counters that may not be read' refused 1 "'/closed': no permission to read its memory counters"
run watch /odd
ok 'no inotify watch left' refused 1 'raise fs.inotify.max_user_watches'

for e in 'ENFILE raise fs.file-max' 'EAGAIN raise the limit of open files' 'EINVAL name one below it' 'EBADMSG please report' \
	'ERANGE please report' 'EDQUOT start a second' 'EOVERFLOW please report' \
	'ENAMETOOLONG name it by a directory' 'EOPNOTSUPP oomnotify doctor' 'EPERM run as root'; do
	printf 'cgroup /x id=20\nadd /x %s\n' "${e%% *}" | script
	run watch /x
	ok "${e%% *}: what is wrong and what to do" refused 1 "${e#* }"
done
long=$(printf '/%0500d' 0)
script <<S
cgroup $long id=20 at=-
cgroup $long/b id=20 at=/a
cgroup /a
S
run watch "$long"
ok 'no memory controller: a long name is cut' refused 1 "0'... nor above it"
ok 'no memory controller: short' [ "$(wc -c <err)" -lt 500 ]
run watch --timeout=0 "$long/b"
ok 'nearest with memory: a long name is cut' has err "0'..., whose memory is accounted in '/a': watching"
script <<'S'
cgroup /a id=7
cgroup /a/b id=8
cgroup /bare id=10 at=-
cgroup /gone id=12
add /gone ENODEV
gone /a
gone /a/b
S

run watch /a /nowhere
ok 'one bad name among good ones ends it' refused 1 "no such cgroup: '/nowhere'"
run watch /a /gone
ok 'one bad watch among good ones ends it' refused 1 "'/gone'"
run watch /a /a /a/b
ok 'the same twice, and one below' [ "$status" -eq 0 ]
ok 'all are named, each once' has err 'watching /a (cgroup v2), /a/b (cgroup v2), ready'
run watch --timeout=0 /a /a /
ok 'the root has all others' has err 'watching the whole host (cgroup v2), ready'

run watch /bare
ok 'no memory controller' refused 1 "is enabled neither for '/bare' nor above it: write +memory to /sys/fs/cgroup/cgroup.subtree_control"
script <<'S'
cgroup /a id=7
cgroup /a/bare id=9 at=/a
event kind=kill cgroup=/a id=7
gone /a
S
run watch /a/bare
ok 'nearest with memory: status' [ "$status" -eq 0 ]
ok 'nearest with memory is said' has err "not enabled for '/a/bare', whose memory is accounted in '/a': watching that"
ok 'nearest with memory is watched' has err 'watching /a (cgroup v2), ready'
ok 'nearest with memory: events' grep -q 'kill.*/a.*1 kill' out
run watch -q /a/bare
ok 'nearest with memory, quiet' [ ! -s err ]

script <<'S'
event kind=kill cgroup=/x/y
S
run watch --timeout=0
ok 'the whole host' has err 'watching the whole host (cgroup v2), ready'
ok 'the whole host: events' has out /x/y
run watch --timeout=0 /
ok 'the root is the whole host' has err 'watching the whole host (cgroup v2), ready'
ok 'the root: events' has out /x/y
run watch --local
ok '--local without a name' refused 2 '--local: no cgroup was named'
run watch --local /
ok '--local with the root' refused 2 '--local: / is the root cgroup'
script <<'S'
cgroup /a id=7
event kind=kill cgroup=/a
event kind=kill cgroup=/a/b
gone /a
S
run watch --local /a
ok '--local' lines out 1
run watch /a
ok 'without --local' lines out 2

script <<'S'
host v1
cgroup /a id=7
gone /a
S
run watch /a
ok 'v1' has err 'watching /a (cgroup v1), ready'
run watch --timeout=0
ok 'the whole host on v1' has err 'watching the whole host (cgroup v1), ready'
run watch /nowhere
ok 'v1 is where to look' has err 'below /sys/fs/cgroup/memory,'

# A container: the root that is seen has counters, and limits above it that are not seen.
script <<'S'
host v2 namespace
cgroup /leaf id=7 at=/
event kind=kill cgroup=/x/y
S
run watch --timeout=0
ok 'a namespace' has err 'watching all cgroups of this namespace (cgroup v2), ready'
ok 'a namespace: what is not seen' has err 'note: limits above the visible root are not seen: of an oom at one of them only the kills'
ok 'a namespace: events' has out /x/y
run watch --timeout=0 /leaf
ok 'a namespace: accounted in its root' has err "accounted in '/': watching that"
ok 'a namespace: and that is watched' has err 'watching all cgroups of this namespace (cgroup v2), ready'
run watch --timeout=0 --local /
ok 'a namespace: --local takes its root' has err 'watching / (cgroup v2), ready'
run watch --timeout=0 --local /leaf
ok 'a namespace: --local, accounted in its root' has err 'watching / (cgroup v2), ready'
run watch -q --timeout=0
ok 'a namespace, quiet' [ ! -s err ]
script <<'S'
host v1 part
cgroup /a id=7
S
run watch --timeout=0
ok 'a part of v1' has err 'watching all cgroups of the part that is mounted here (cgroup v1), ready'
run watch --timeout=0 /a
ok 'a part of v1: what is not seen' has err "is told as one of the root, 'limit here or above'"

script <<'S'
host none
S
run watch
ok 'no cgroup file system' refused 1 'no cgroup file system is mounted here'
script <<'S'
host bare
S
run watch
ok 'no memory controller anywhere' refused 1 'the memory controller is in no cgroup hierarchy'
script <<'S'
add / EACCES
S
run watch
ok 'the host may not be read' refused 1 "'/': no permission"
script <<'S'
new EMFILE
S
run watch
ok 'no monitor' refused 1 'cgroups of this host: too many open files'

script <<'S'
cgroup /1
cgroup /2
cgroup /3
cgroup /4
cgroup /5
S
run watch --timeout=0 /1 /2 /3 /4 /5
ok 'many names are counted' has err '/3 (cgroup v2) and 2 more, ready'

done_testing
