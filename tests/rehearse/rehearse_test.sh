#!/usr/bin/env bash
# `bramble rehearse` on small cards with a stub of the agent: boot, exec, cut, boot, stop, crash.
# Root; needs systemd-nspawn and the amd64 base image. TAP.
#
# shellcheck disable=SC2317 # called by name: trap, wait_for

set -uo pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bramble=${BRAMBLE:-$here/../../build/bramble}
inputs=${BRAMBLE_INPUTS:-${BRAMBLE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bramble}/inputs}
base=$inputs/bookworm-amd64.img.zst
cluster=cards-$$ # several of these tests may run at once
count=0 failed=0

ok()
{
	local status=$1

	shift
	count=$((count + 1))
	[ "$status" -eq 0 ] || { failed=$((failed + 1)); printf 'not '; }
	echo "ok $count - $*"
}

is()
{
	[ "$1" = "$2" ]
	ok $? "$3"
	[ "$1" = "$2" ] || printf '#  got: %s\n# want: %s\n' "${1//$'\n'/$'\n#   '}" "${2//$'\n'/$'\n#   '}"
}

skip_all()
{
	echo "1..0 # SKIP $*"
	exit 0
}

[ "$(id -u)" = 0 ] || skip_all 'rehearse needs root'
for tool in systemd-nspawn ip mke2fs debugfs sfdisk zstd python3 script; do
	command -v "$tool" >/dev/null || skip_all "$tool is not installed"
done
[ -e /dev/loop-control ] || skip_all 'no loop devices here'
[ -e "$base" ] || skip_all "no amd64 base image ($base); make inputs makes it"

dir=$(mktemp -d)

# start OPTION...
start()
{
	"$bramble" rehearse "$@" "$dir/cards.conf"
}

# rehearse SUBCOMMAND ARGUMENT...
rehearse()
{
	"$bramble" rehearse "$1" --cluster "$cluster" "${@:2}"
}

finish()
{
	[ -e "/run/bramble/rehearsal-$cluster.json" ] && rehearse stop --now
	rm -rf "$dir" "/run/bramble/rehearsal-$cluster.lock"
}
trap finish EXIT
trap 'exit 130' INT TERM

# What a rehearsal of ours could leave behind, one a line; nothing when the host is clean.
leftovers()
{
	ip netns list | grep -w "bramble-$cluster"
	grep "bramble-rehearsal-$cluster-" /proc/mounts
	losetup -a | grep "bramble-rehearsal-$cluster-"
	find /sys/fs/cgroup -maxdepth 2 -name "bramble-$cluster"
	find /var/tmp "$dir" -maxdepth 1 -name "bramble-rehearsal-$cluster-*"
	find /run/bramble -name "rehearsal-$cluster.*" ! -name '*.lock'
	pgrep -fa "bramble-rehearsal-$cluster-"
	[ -z "${machines:-}" ] || find /run/systemd/nspawn -name "$machines"
	true
}

# field JQ-LIKE-PYTHON: an expression over `s`, the status as JSON
field()
{
	rehearse status --json | python3 -c "import json, sys; s = json.load(sys.stdin); print($1)"
}

state_of()
{
	field "[n['state'] for n in s['nodes'] if n['name'] == '$1'][0]"
}

# wait_for SECONDS COMMAND...: until it succeeds
wait_for()
{
	local i tries=$(($1 * 10))

	shift
	for ((i = 0; i < tries; i++)); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.1
	done
	return 1
}

is_state()
{
	[ "$(state_of "$1")" = "$2" ]
}

is_booted()
{
	[ "$(field "sum(e['what'] == 'booted' for e in s['events'])")" = "$1" ]
}

in_node()
{
	rehearse exec "$1" -- "${@:2}"
}

test_boot()
{
	start --wait 240 >"$dir/out" 2>&1
	is $? 0 'four machines boot and form'
	machines=$(field "s['machines'][0]['machine']" | sed 's/.*-/pi*-/')
	grep -q 'pi1.*serving.*master' "$dir/out"
	ok $? 'the table shows the master'
	is "$(field "s['formed']")" True 'status --json says formed'
	is "$(field "[e['what'] for e in s['events']][0]")" power_on 'the first event is power_on'
	wait_for 30 is_booted 4
	ok $? 'four machines booted'
	is "$(field "sum(e['what'] == 'formed' for e in s['events'])")" 1 'formed once'
	start >"$dir/out" 2>&1
	is $? 5 'a second rehearsal of the same cluster is refused'
	is "$(cd "$dir/cards.images" && sha256sum -- *.img)" "$sums" 'the images are as they were'
	curl -fsS "$(field "[f['url'] for f in s['forwards'] if f['what'] == 'agent'][0]")cluster" |
		grep -q '"from":"pi1"'
	ok $? 'a port of this computer leads to the first agent'
}

# pi4 echoes on the proxy's port; a client here sends, ends its half, and gets all of it back.
test_relay()
{
	# shellcheck disable=SC2016
	in_node pi4 perl -MIO::Socket::INET -e '
		my $s = IO::Socket::INET->new(LocalPort => 8090, Listen => 8, ReuseAddr => 1) or die;
		while (my $c = $s->accept) {
			next if fork;
			while (sysread $c, my $b, 65536) { print $c $b }
			exit;
		}' >/dev/null 2>&1 &
	wait_for 10 in_node pi4 sh -c 'ss -ltn | grep -q :8090'
	is "$(python3 - "$(field "[f['host_port'] for f in s['forwards'] if f['what'] == 'proxy'][0]")" <<-'END'
		import os, socket, sys, threading

		def echo(n, good):
		    data = os.urandom(n)
		    c = socket.create_connection(('127.0.0.1', int(sys.argv[1])), 20)
		    t = threading.Thread(target=lambda: (c.sendall(data), c.shutdown(socket.SHUT_WR)))
		    t.start()
		    got = b''.join(iter(lambda: c.recv(65536), b''))
		    t.join()
		    good.append(got == data)

		good = []
		threads = [threading.Thread(target=echo, args=(n, good)) for n in (0, 1, 65536, 9000000)]
		for t in threads: t.start()
		for t in threads: t.join()
		print(good)
	END
	)" '[True, True, True, True]' 'the relay passes all bytes and the end of each half'
	curl -s -m 5 "http://127.0.0.1:$(field "[f['host_port'] for f in s['forwards'] if f['what'] == 'stats'][0]")/"
	[[ $? =~ ^(52|56)$ ]]
	ok $? 'a port nobody listens on in the machine: the connection closes'
}

test_exec()
{
	is "$(in_node pi2 hostname)" pi2 'exec runs inside the machine'
	is "$(echo hello | in_node pi2 cat)" hello 'exec passes standard input'
	in_node pi2 sh -c 'exit 7'
	is $? 7 'exec passes the exit status'
	in_node pi2 sh -c 'kill -9 $$'
	is $? 137 'exec tells a signal as a shell does'
	in_node pi2 nosuchcommand 2>/dev/null
	is $? 127 'exec of a missing command'
	local before
	before=$(date +%Y)
	in_node pi2 date -s 2001-01-01 >/dev/null 2>&1
	is "$? $(date +%Y)" "1 $before" 'a machine cannot set the clock of this computer'
	is "$(in_node pi2 findmnt -no FSTYPE /srv/bramble)" ext4 '/srv/bramble is a mount point'
	in_node pi9 true 2>/dev/null
	is $? 2 'exec in a node that is none'
}

test_cut()
{
	in_node pi2 sh -c 'head -c 40960 /dev/urandom >/srv/bramble/synced; sync /srv/bramble/synced
		echo lost >/srv/bramble/unsynced; echo lost >/root/unsynced'
	rehearse cut pi2
	ok $? 'cut'
	is "$(state_of pi2)" off 'a cut machine is off'
	is "$(field "s['formed']")" False 'the cluster is not formed any more'
	rehearse cut pi2 2>/dev/null
	is $? 1 'a machine without power cannot be cut'
	rehearse logs pi2 -- -n 1 >/dev/null
	ok $? 'logs of a machine that is off'
	rehearse boot pi2 && wait_for 30 is_state pi2 serving
	ok $? 'boot'
	# Another one's sync of the same filesystem may have kept their names.
	is "$(in_node pi2 sh -c 'stat -c %s /srv/bramble/synced; cat /srv/bramble/unsynced /root/unsynced' 2>/dev/null)" \
		40960 'what was synced is there, of what was not nothing is'
	rehearse boot pi2 2>/dev/null
	is $? 1 'a machine with power cannot be booted'
	rehearse cut pi2 && rehearse boot pi2 && rehearse cut pi2
	ok $? 'cut in the middle of a boot'
	rehearse boot pi2 && wait_for 30 is_state pi2 serving
	ok $? 'and it boots again'
	in_node pi3 sh -c 'echo kept >/srv/bramble/unsynced'
	rehearse cut --keep-cache pi3 && rehearse boot pi3 && wait_for 30 is_state pi3 serving
	is "$(in_node pi3 cat /srv/bramble/unsynced)" kept '--keep-cache loses nothing'
	in_node pi4 systemctl poweroff >/dev/null 2>&1
	wait_for 20 is_state pi4 off
	ok $? 'a machine that powers itself off is off'
}

test_stop()
{
	rehearse stop
	is $? 0 'stop'
	is "$(leftovers)" '' 'stop leaves nothing behind'
	rehearse status 2>"$dir/out"
	is "$? $(<"$dir/out")" "1 bramble: no rehearsal of $cluster runs here" 'then there is no status'
}

test_crash()
{
	local pid

	"$bramble" rehearse "$dir/cards.conf" >/dev/null 2>&1 & # no function: its process is meant
	pid=$!
	wait_for 10 sh -c "ls /var/tmp/bramble-rehearsal-$cluster-*/pi2.root"
	kill -INT $pid
	wait $pid
	is $? 130 'Ctrl-C while the cards are copied'
	is "$(leftovers)" '' 'and nothing is left'
	"$bramble" rehearse "$dir/cards.conf" >/dev/null 2>&1 &
	pid=$!
	wait_for 10 sh -c "ls /var/tmp/bramble-rehearsal-$cluster-*/pi2.root"
	kill -9 $pid
	wait $pid 2>/dev/null
	rehearse stop 2>/dev/null
	is "$? $(leftovers)" '0 ' 'stop clears away half-made copies too'
	start --detach --dir "$dir" >"$dir/out" 2>&1
	is $? 0 '--detach returns when all have booted'
	kill -9 "$(field "s['supervisor']")"
	wait_for 10 sh -c '! pgrep -f [b]ramble-rehearsal-'$cluster-
	ok $? 'the machines die with the supervisor'
	rehearse status 2>"$dir/out"
	grep -q 'lost its supervisor' "$dir/out"
	ok $? 'status says what happened'
	rehearse stop 2>/dev/null
	is $? 0 'stop after a crash'
	is "$(leftovers)" '' 'and nothing is left'
	start --detach >/dev/null 2>&1
	kill -9 "$(field "s['supervisor']")"
	start --detach >"$dir/out" 2>&1
	is $? 0 'a new rehearsal clears away a crashed one'
	rehearse stop --now
	is "$(leftovers)" '' 'one folder, one namespace: nothing is left of either'
}

# Nobody listens yet: the start is held still until it was told.
test_stop_early() # OPTION...
{
	local pid holder began record=/run/bramble/rehearsal-$cluster.json

	"$bramble" rehearse "$@" "$dir/cards.conf" >"$dir/early" 2>&1 &
	pid=$!
	wait_for 10 test -s "$record"
	[[ "$(<"$record")" =~ \"supervisor\":\ *([0-9]+) ]]
	holder=${BASH_REMATCH[1]}
	# No program between the first card and the signal: all four are soon there.
	until compgen -G "/var/tmp/bramble-rehearsal-$cluster-*/pi1.root" >/dev/null || [ ! -e "$record" ]; do :; done
	kill -STOP "$holder"
	rehearse status >"$dir/out" 2>&1
	grep -q 'does not answer yet' "$dir/out"
	ok $? "status knows of it ($*)"
	began=$SECONDS
	rehearse stop >"$dir/out" 2>&1 &
	sleep 1
	kill -CONT "$holder"
	wait $!
	is "$? $((SECONDS - began < 15))" '0 1' "stop while the cards are copied${*:+ ($*)} ends that soon"
	is "$(leftovers)" '' 'and nothing is left'
	wait $pid
	is $? 130 'the start fails'
	grep -q 'stopped before it was up' "$dir/early"
	ok $? "and says why: $(grep bramble: "$dir/early")"
	rehearse stop --now >/dev/null 2>&1
}

# Ctrl-C at a terminal of its own.
test_terminal()
{
	local pid

	script -qec "stty cols 60; exec '$bramble' rehearse '$dir/cards.conf'" "$dir/typescript" \
		</dev/null >/dev/null 2>&1 &
	pid=$!
	wait_for 60 sh -c "'$bramble' rehearse status --cluster $cluster --json | grep -q '\"formed\": true'"
	ok $? 'in the foreground'
	sleep 1
	kill -INT "$(field "s['supervisor']")"
	wait "$pid"
	is $? 0 'Ctrl-C ends it well'
	is "$(leftovers)" '' 'and leaves nothing'
	grep -q $'\033\\[[0-9]*A' "$dir/typescript"
	ok $? 'on a terminal the table is redrawn in place'
}

test_refusals()
{
	"$bramble" rehearse "$dir/none.conf" 2>/dev/null
	is $? 3 'no cluster.conf'
	start --images "$dir" 2>"$dir/out"
	is $? 4 'no images'
	grep -q 'bramble build' "$dir/out"
	ok $? 'it says how to make them'
	truncate -s 1M "$dir/short.img"
	mkdir "$dir/short" && for i in 1 2 3 4; do cp "$dir/short.img" "$dir/short/pi$i.img"; done
	start --images "$dir/short" 2>/dev/null
	is $? 4 'files that are no images'
	mkdir "$dir/cut" && for i in 1 2 3; do ln "$dir/cards.images/pi$i.img" "$dir/cut/"; done
	head -c 400M "$dir/cards.images/pi4.img" >"$dir/cut/pi4.img"
	start --images "$dir/cut" >/dev/null 2>&1
	is $? 4 'a truncated image'
	start --wait 0 2>/dev/null
	is $? 2 'a bad --wait'
	setpriv --reuid=65534 --clear-groups "$bramble" rehearse stop 2>"$dir/out"
	is "$? $(grep -c 'must be root' "$dir/out")" '1 1' 'not root'
	is "$(leftovers)" '' 'a refusal leaves nothing'
}

# The cluster cannot form: pi3's p3 lacks the marker.
test_not_formed()
{
	local offset wait status

	offset=$(($(sfdisk -q -l -o start "$dir/cards.images/pi3.img" | sed -n 4p) * 512))
	debugfs -w -R 'rm /marker' "$dir/cards.images/pi3.img?offset=$offset" 2>/dev/null
	for wait in 8 60; do # a slow machine still boots after 8 s
		start --wait $wait >"$dir/out" 2>&1
		status=$?
		grep -q 'is booting' "$dir/out" || break
		rehearse stop --now
	done
	is $status 1 '--wait fails when the cluster does not form'
	grep -q "not formed after $wait s: pi3 is held (no marked p3" "$dir/out"
	ok $? 'and says which node holds it up, and why'
	is "$(state_of pi1)" serving 'the machines run on, to be looked at'
	rehearse stop --now
	is "$(leftovers)" '' 'nothing is left'
}

"$here/images.sh" "$base" "$dir" "$cluster" >"$dir/out" 2>&1 || { cat "$dir/out"; echo 'Bail out! no test images'; exit 1; }
sums=$(cd "$dir/cards.images" && sha256sum -- *.img)
test_refusals
test_boot
test_relay
test_exec
test_cut
test_stop
test_crash
test_stop_early
test_stop_early --detach
test_terminal
test_not_formed
echo "1..$count"
exit $((failed > 0))
