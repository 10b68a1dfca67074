#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Commands, options and their values: what is refused, how, and with which status.
. "$(dirname "$0")/lib.sh"

script <<'S'
cgroup /a id=7
gone /a
S

run
ok 'no command' refused 2 'no command was given'
run wacth
ok 'unknown command' refused 2 "unknown command 'wacth'"
run "$(printf 'a\033[31mb\nc')"
ok 'unknown command with odd bytes' refused 2 "'a\\x1b[31mb\\x0ac'"
run --json watch
ok 'option before the command' refused 2 "unknown option '--json' before the command"

run help
ok 'help: status' [ "$status" -eq 0 ]
for command in watch listen doctor help version; do
	ok "help lists $command" has out "  $command"
done
ok 'help says nothing else' [ ! -s err ]
cp out help.out
run --help
ok '--help is help' cmp -s out help.out
run -h
ok '-h is help' cmp -s out help.out
run help nonsense
ok 'help for an unknown command' refused 2 "unknown command 'nonsense'"
run help watch listen
ok 'help for two commands' refused 2 "'listen' is too many"
run help --nonsense
ok 'help with an unknown option' refused 2 "unknown option '--nonsense'"

# man(1) is asked for the page first; here it is one that has it, or has not.
mkdir bin
cat >bin/man <<'S'
#!/bin/sh
[ "$1" = -w ] && exit "$(cat has-page)"
echo "man $*"
# What was set for oomnotify alone is not handed on: a reader that leaves ends man by SIGPIPE.
grep SigIgn /proc/self/status
awk '/^Max open files/ { print "files", $4 }' /proc/self/limits
S
chmod +x bin/man
real_path=$PATH
PATH=$work/bin:$PATH
echo 0 >has-page
prlimit --nofile=64: "$OOMNOTIFY" help watch >out 2>err
ok 'man gets its limit of open files back' has out 'files 64'
run help watch
ok 'help COMMAND shows its page' has out 'man oomnotify-watch'
ok 'man gets SIGPIPE back' grep -q 'SigIgn:.*[02468ace]...$' out
echo 16 >has-page
run help watch
ok 'help COMMAND without its page: status' [ "$status" -eq 0 ]
ok 'help COMMAND without its page shows the usage' has out 'usage: oomnotify watch [CGROUP]...'
PATH=$real_path
env PATH="$work/no-such-folder" "$OOMNOTIFY" help watch >out 2>err
ok 'help COMMAND without man(1)' has out 'usage: oomnotify watch [CGROUP]...'

run version
ok 'version' grep -qx 'oomnotify [0-9][0-9.]*' out
cp out version.out
run --version
ok '--version' cmp -s out version.out
run -V
ok '-V' cmp -s out version.out
run version x
ok 'version with an argument' refused 2 "takes no argument, but got 'x'"
for command in version help; do
	run "$command" -h
	ok "$command -h: usage" has out "usage: oomnotify $command"
	ok "$command -h: status" [ "$status" -eq 0 ]
	ok "$command -h: no blanks at line ends" lacks_match out ' $'
done
run version -x
ok 'version with an unknown option' refused 2 "version: unknown option '-x'"

run watch --help
ok 'watch --help: status' [ "$status" -eq 0 ]
ok 'watch --help' has out 'usage: oomnotify watch'
for option in --json --local --kinds= '-n N' --timeout= --quiet; do
	ok "watch --help names $option" has out "$option"
done
run help listen
for option in --threshold= --pressure= '-n N' --timeout= --eventfd=; do
	ok "help listen names $option" has out "$option"
done
run watch --nonsense /a
ok 'unknown long option' refused 2 "watch: unknown option '--nonsense'"
run watch --nonsense=3 /a
ok 'unknown long option with a value' refused 2 "watch: unknown option '--nonsense'"
run watch -z /a
ok 'unknown short option' refused 2 "watch: unknown option '-z'"
run watch -qz /a
ok 'unknown short option among others' refused 2 "watch: unknown option '-z'"
run watch --json -xq /a
ok 'unknown short option after a long one' refused 2 "watch: unknown option '-x'"
run watch --timeout=1 -xq /a
ok 'unknown short option after a value' refused 2 "watch: unknown option '-x'"
run watch -q -xq /a
ok 'unknown short option after a short one' refused 2 "watch: unknown option '-x'"
run watch --nonsense -xq /a
ok 'unknown long option before a cluster' refused 2 "watch: unknown option '--nonsense'"
run watch --quiet=1 -xq /a
ok 'a value for an option with a letter' refused 2 "watch: option '--quiet' takes no value"
run watch -q=1 /a
ok 'a value for a letter' refused 2 "watch: option '-q' takes no value"
run watch -q= /a
ok 'an empty value for a letter' refused 2 "watch: option '-q' takes no value"
run watch --json /a -qq=1
ok 'a value for the last of a cluster' refused 2 "watch: option '-q' takes no value"
run watch -=1 /a
ok 'a value for nothing' refused 2 "watch: unknown option '-='"
run watch -q -- -xq
ok 'no option after --' refused 1 "no such cgroup: '-xq'"
run watch --json -qn
ok 'a cluster without its value, after a long option' refused 2 "watch: option '-n' needs a value"
run watch --js /a
ok 'an abbreviated option' refused 2 "watch: unknown option '--js'"
run watch --time 1 /a
ok 'an abbreviated option with a value' refused 2 "watch: unknown option '--time'"
run watch --time=1 /a
ok 'an abbreviated option with =' refused 2 "watch: unknown option '--time'"
run watch --js=1 /a
ok 'an abbreviated option with a value that is not wanted' refused 2 "watch: unknown option '--js'"
run watch --json=1 /a
ok 'a value that is not wanted' refused 2 "option '--json' takes no value"
run watch /a -n
ok 'a short option without its value' refused 2 "option '-n' needs a value"
run watch /a --timeout
ok 'a long option without its value' refused 2 "option '--timeout' needs a value"
run watch /a --time
ok 'an abbreviated option without its value' refused 2 "unknown option '--time'"
run watch -- --json
ok 'after -- all are names' refused 1 "no such cgroup: '--json'"
run watch /a -q --json
ok 'options may follow names' [ "$status" -eq 0 ]

run watch --kinds= /a
ok 'no kind' refused 2 'watch: --kinds: a kind is missing'
run watch --kinds=kill,,oom /a
ok 'an empty kind' refused 2 'a kind is missing'
run watch --kinds=kill, /a
ok 'an empty last kind' refused 2 'a kind is missing'
run watch --kinds=kil /a
ok 'unknown kind' refused 2 "unknown kind 'kil': the kinds are oom, kill, group_kill, collateral, paused, gone, lost, details"
run watch --kinds=kill,Oom /a
ok 'unknown kind among others' refused 2 "unknown kind 'Oom'"
run watch "--kinds=$(printf '%01000d' 0)" /a
ok 'a very long kind' refused 2 "unknown kind '00000000000000000000000000000000':"
run watch --kinds=details,gone
ok 'details of nothing' refused 2 'details come with an oom or a kill'
for kind in oom kill group_kill collateral oom,details paused gone lost oom,kill kill,kill; do
	run watch -q "--kinds=$kind" /a
	ok "--kinds=$kind" [ "$status" -eq 0 ]
done

for n in 0 -1 '' abc 1.5 1K 0x1 ' 1' +1; do
	run watch -n "$n" /a
	ok "-n '$n'" refused 2 "watch: -n: '$n' is not a number from 1 on"
done
for n in 18446744073709551616 99999999999999999999; do
	run watch -n "$n" /a
	ok "-n $n" refused 2 "watch: -n: '$n' is too large"
done
run watch -q -n 18446744073709551615 /a
ok 'the largest -n' [ "$status" -eq 0 ]

for time in abc '' 1x 1.2.3 ' 1' 1e3 5. inf 0x10 5m; do
	run watch "--timeout=$time" /a
	ok "--timeout='$time'" refused 2 "watch: --timeout: '$time' is not a time: give seconds in digits, as 10 or 0.5"
done
for time in -1 99999999999999999999 300000000h; do
	run watch "--timeout=$time" /a
	ok "--timeout=$time" refused 2 "'$time' is out of range"
done
for time in 0 0.001 1ms 1us 100s 10min 1.5h 2d; do
	run watch -q "--timeout=$time" /a
	ok "--timeout=$time" [ "$status" -eq 0 ]
done

done_testing
