#!/bin/sh
# Starts and stops Neo4j: console | start | stop | restart | status, and `admin ...` from 3.x on.
#
# A small stand-in for the script of the official archive; it reads the same files in the same way:
#     3.x  $NEO4J_CONF/neo4j.conf            heap size, every dbms.jvm.additional, dbms.directories.*
#     4.x  the same
#     5.x  the same with server.* instead of dbms.*, and later ones
#     2.x  $NEO4J_CONF/neo4j-wrapper.conf    memory, every wrapper.java.additional
# NEO4J_CONF is ../conf unless set, and may be read-only. Java is $JAVA_HOME/bin/java, else java in PATH.
# `console` becomes java: a supervisor's signals go straight to it. Exit status as the official script:
# 3 from `status` when it does not run.

set -eu

fail()
{
	echo "neo4j: $1" >&2
	exit 1
}

find_home()
{
	script=$0
	while [ -L "$script" ]; do
		target=$(readlink "$script")
		case $target in
		/*) script=$target ;;
		*) script=${script%/*}/$target ;;
		esac
	done
	NEO4J_HOME=${NEO4J_HOME:-$(cd "$(dirname "$script")/.." && pwd)}
	conf_is_given=${NEO4J_CONF:+yes}
	NEO4J_CONF=${NEO4J_CONF:-$NEO4J_HOME/conf}
	export NEO4J_HOME NEO4J_CONF
}

# values FILE KEY: every value of KEY, one a line.
values()
{
	sed -n "s/\r\$//; s/^[[:space:]]*$(printf '%s' "$2" | sed 's/\./\\./g')[[:space:]]*=[[:space:]]*//p" "$1" |
		sed 's/[[:space:]]*$//'
}

# value FILE KEY DEFAULT: the last one, as Neo4j itself takes it.
value()
{
	last=$(values "$1" "$2" | tail -n 1)
	printf '%s\n' "${last:-$3}"
}

# directory NAME DEFAULT: a *.directories.* setting, relative to the home.
directory()
{
	path=$(value "$config" "$prefix.directories.$1" "$2")
	case $path in
	/*) printf '%s\n' "$path" ;;
	*) printf '%s\n' "$NEO4J_HOME/$path" ;;
	esac
}

find_java()
{
	if [ -n "${JAVA_HOME:-}" ]; then
		java=$JAVA_HOME/bin/java
	else
		java=$(command -v java) || fail 'no java in PATH, and JAVA_HOME is not set'
	fi
	[ -x "$java" ] || fail "cannot run $java"
}

# Settings hold options as a person wrote them: several may share a line, globs are not meant.
load_3()
{
	prefix=${1:-dbms}
	config=$NEO4J_CONF/neo4j.conf
	[ -r "$config" ] || fail "cannot read $config"
	lib=$(directory lib lib)
	plugins=$(directory plugins plugins)
	logs=$(directory logs logs)
	pidfile=$(directory run run)/neo4j.pid
	initial=$(value "$config" "$prefix.memory.heap.initial_size" '')
	maximum=$(value "$config" "$prefix.memory.heap.max_size" '')
	options="${initial:+-Xms$(megabytes "$initial")} ${maximum:+-Xmx$(megabytes "$maximum")}
		$(values "$config" "$prefix.jvm.additional")"
	classpath="$plugins:$NEO4J_CONF:$lib/*:$plugins/*"
	main=@MAIN@
	# A vote without a store, up to 3.5. As the official script does it.
	[ "$(value "$config" dbms.mode '')" != ARBITER ] || main=org.neo4j.server.enterprise.ArbiterEntryPoint
}

load_4()
{
	load_3
}

load_5()
{
	load_3 server
}

load_2()
{
	config=$NEO4J_CONF/neo4j-wrapper.conf
	[ -r "$config" ] || fail "cannot read $config"
	lib=$NEO4J_HOME/lib
	logs=$NEO4J_HOME/data/log
	pidfile=$NEO4J_HOME/data/neo4j-service.pid
	initial=$(value "$config" wrapper.java.initmemory '')
	maximum=$(value "$config" wrapper.java.maxmemory '')
	files="-Dorg.neo4j.server.properties=$NEO4J_CONF/neo4j-server.properties
		-Djava.util.logging.config.file=$NEO4J_CONF/logging.properties"
	additional="$(values "$config" wrapper.java.additional)
		$(values "$config" 'wrapper.java.additional.[0-9]*')"
	options="${initial:+-Xms$(megabytes "$initial")} ${maximum:+-Xmx$(megabytes "$maximum")}"
	if [ -n "$conf_is_given" ]; then
		options="$options $additional $files"
	else
		options="$options $files $additional"
	fi
	classpath="$lib/*:$NEO4J_HOME/system/lib/*:$NEO4J_HOME/plugins/*:$NEO4J_CONF"
	main=@MAIN@
}

# A bare number means megabytes in these files.
megabytes()
{
	case $1 in
	*[!0-9]*) printf '%s\n' "$1" ;;
	*) printf '%sm\n' "$1" ;;
	esac
}

run_java()
{
	find_java
	cd "$NEO4J_HOME"
	set -f
	# shellcheck disable=SC2086  # several options, one word each
	case $family in
	[345]) exec "$java" -cp "$classpath" -server $options -Dfile.encoding=UTF-8 "$main" \
		"--home-dir=$NEO4J_HOME" "--config-dir=$NEO4J_CONF" ;;
	2) exec "$java" -cp "$classpath" -server $options -Dneo4j.home="$NEO4J_HOME" \
		-Dfile.encoding=UTF-8 "$main" ;;
	esac
}

running()
{
	[ -r "$pidfile" ] && pid=$(cat "$pidfile") && kill -0 "$pid" 2>/dev/null
}

do_start()
{
	if running; then
		echo "Neo4j is already running (pid $pid)."
		return 0
	fi
	find_java
	mkdir -p "$logs" "${pidfile%/*}"
	( trap '' HUP; run_java ) >>"$logs/neo4j.log" 2>&1 </dev/null &
	echo $! >"$pidfile"
	sleep 1
	running || fail "it ended at once: see $logs/neo4j.log"
	echo "Started neo4j (pid $pid). Its log is $logs/neo4j.log."
}

do_stop()
{
	if ! running; then
		echo 'Neo4j is not running.'
		rm -f "$pidfile"
		return 0
	fi
	kill "$pid"
	left=${NEO4J_SHUTDOWN_TIMEOUT:-120}
	while running; do
		[ "$left" -gt 0 ] || fail "it has not stopped (pid $pid)"
		left=$((left - 1))
		sleep 1
	done
	rm -f "$pidfile"
	echo 'Stopped neo4j.'
}

do_status()
{
	if running; then
		echo "Neo4j is running at pid $pid"
	else
		echo 'Neo4j is not running'
		exit 3
	fi
}

do_admin()
{
	case $family in
	2) fail 'this version has no admin tool' ;;
	3) tool=org.neo4j.commandline.admin.AdminTool ;;
	*) tool=org.neo4j.cli.AdminTool ;;
	esac
	find_java
	exec "$java" -cp "$classpath" -XX:+UseSerialGC -Dfile.encoding=UTF-8 "$tool" "$@"
}

find_home
family=@FAMILY@
load_$family

case ${1:-} in
console) run_java ;;
start) do_start ;;
stop) do_stop ;;
restart) do_stop; do_start ;;
status) do_status ;;
admin) shift; do_admin "$@" ;;
*)
	echo 'usage: neo4j console|start|stop|restart|status' >&2
	exit 2
	;;
esac
