# shellcheck shell=bash
# What every recipe in images/ shares: the cache, the lock, the progress line, a private apt.
#
# A recipe sources this file, defines one function that fills a folder, and calls
#
#     recipe NAME LINK PRODUCT FUNCTION FILE...
#
# NAME     what is made, with the arguments that matter in it ("sysroot-arm64")
# LINK     the symlink under the cache that people and the Makefile use
# PRODUCT  what LINK points to inside the stored folder: "./file", or "." for the folder itself
# FUNCTION called as FUNCTION OUT WORK; OUT becomes the stored folder, WORK is scratch
# FILE...  everything besides NAME that decides the content: the script, its pins, its sources
#
# What it guarantees: the folder appears in the store by one rename, complete or not at all; two runs
# of one recipe wait for each other; an interrupted run leaves nothing but a scratch folder, and removes
# even that unless it was killed outright (then the next run does); nothing is made twice.

set -euo pipefail
export LC_ALL=C TZ=UTC
umask 022

IMAGES=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CACHE=${BRAMBLE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bramble}
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# One moment for every file a recipe makes: files must not differ because the clock did.
export SOURCE_DATE_EPOCH=1732000000

# shellcheck disable=SC2034  # for the recipes
EX_UNAVAILABLE=75	# the world does not offer it (any more): a test skips, it does not fail

recipe_name=${0##*/}
recipe_work=
recipe_instead=
also_at_exit=:	# a function of the recipe's, for what a temporary folder does not hold

# ---- talking ----------------------------------------------------------------

# say TEXT: one line of progress; on a terminal it replaces the one before.
say()
{
	if [ -t 2 ]; then
		printf '\r\033[K%s: %s' "$recipe_name" "$1" >&2
	else
		printf '%s: %s\n' "$recipe_name" "$1" >&2
	fi
}

# tell TEXT: a line that stays.
tell()
{
	if [ -t 2 ]; then
		printf '\r\033[K' >&2
	fi
	printf '%s: %s\n' "$recipe_name" "$1" >&2
}

die()
{
	tell "$1"
	exit "${2:-1}"
}

# quietly COMMAND...: its output is shown only when it fails.
quietly()
{
	local log=$recipe_work/log

	"$@" >"$log" 2>&1 </dev/null && return
	tell "failed: $*"
	tail -n 30 "$log" >&2
	return 1
}

need()
{
	local tool missing=

	for tool; do
		command -v "$tool" >/dev/null || missing+=" $tool"
	done
	[ -z "$missing" ] || die "missing on this machine:$missing (make deps installs what is needed)" 69
}

one_of()
{
	local value=$1 word

	shift
	for word; do
		[ "$word" != "$value" ] || return 0
	done
	die "'$value' is none of: $*" 64
}

# ---- the store --------------------------------------------------------------

key_of()
{
	local name=$1

	shift
	{ printf '%s\n' "$name"; cat "$IMAGES/lib.sh" "$@"; } | sha256sum | cut -c1-16
}

# point LINK TARGET: LINK (under the cache) becomes a relative symlink to TARGET (under the cache).
point()
{
	local link=$CACHE/$1 target

	target=$(printf '%s\n' "$1" | sed 's|[^/]*$||; s|[^/]*/|../|g')$2
	[ "$(readlink "$link" 2>/dev/null || true)" != "$target" ] || return 0
	mkdir -p "${link%/*}"
	ln -sfn "$target" "$link.$$"
	mv -fT "$link.$$" "$link"
}

cleanup()
{
	local status=$?

	trap - EXIT
	"$also_at_exit" || true
	if [ -n "$recipe_work" ]; then
		rm -rf "$recipe_work"
	fi
	exit "$status"
}

scratch()
{
	mkdir -p "$CACHE/tmp"
	rm -rf "$CACHE/tmp/$1".??????	# ours alone: the caller holds the lock
	recipe_work=$(mktemp -d "$CACHE/tmp/$1.XXXXXX")
	chmod 0755 "$recipe_work"
	trap cleanup EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
}

# stored NAME-KEY: prints the folder that stands for it, when there is one.
stored()
{
	if [ -d "$CACHE/store/$1" ]; then
		printf '%s\n' "$1"
	elif [ -L "$CACHE/store/$1.instead" ] && [ -d "$CACHE/store/$1.instead" ]; then
		readlink "$CACHE/store/$1.instead"
	else
		return 1
	fi
}

# instead KEY: called by a recipe's function when what it made is not what its pins say; the
# folder is stored under that other key, and the pinned one remembers where to look.
instead()
{
	recipe_instead=$1
}

hold_lock()
{
	mkdir -p "$CACHE/lock" "$CACHE/store"
	exec 9>"$CACHE/lock/$1"
	flock -n 9 || { say 'waiting for another run of this recipe'; flock 9; }
}

keep()
{
	local name=$1 id=$2 target=$2

	if [ -n "$recipe_instead" ]; then
		target=$name-$recipe_instead
		ln -sfn "$target" "$CACHE/store/$id.instead"
	fi
	[ -d "$CACHE/store/$target" ] || mv -T "$recipe_work/out" "$CACHE/store/$target"
	printf '%s\n' "$target"
}

# found LINK PRODUCT TARGET: the thing is in the store.
found()
{
	point "$1" "store/$3${2#.}"
	tell "cached: $CACHE/$1"
}

recipe()
{
	local name=$1 link=$2 product=$3 make=$4 id target

	shift 4
	recipe_name=$name
	id=$name-$(key_of "$name" "$@")
	if target=$(stored "$id"); then
		found "$link" "$product" "$target"
		return
	fi
	hold_lock "$name"
	if target=$(stored "$id"); then
		found "$link" "$product" "$target"
		return
	fi
	scratch "$name"
	mkdir "$recipe_work/out"
	"$make" "$recipe_work/out" "$recipe_work"
	target=$(keep "$name" "$id")
	point "$link" "store/$target${product#.}"
	tell "made in $SECONDS s: $CACHE/$link ($(du -shL "$CACHE/$link" | cut -f1))"
}

# ---- Debian -----------------------------------------------------------------

# The address this machine's own apt takes Debian from, unless BRAMBLE_DEBIAN_MIRROR says another.
debian_mirror()
{
	local mirror=${BRAMBLE_DEBIAN_MIRROR:-}

	# shellcheck disable=SC2016  # apt's own placeholders
	[ -n "$mirror" ] || mirror=$(apt-get indextargets --format '$(REPO_URI)' \
		'Created-By: Packages' 'Component: main' 2>/dev/null | grep -m1 '/debian/*$' || true)
	[ -n "$mirror" ] || die 'this machine knows no Debian mirror: set BRAMBLE_DEBIAN_MIRROR to one' 69
	printf '%s\n' "${mirror%/}"
}

debian_security()
{
	printf '%s\n' "${BRAMBLE_DEBIAN_SECURITY_MIRROR:-$(debian_mirror)-security}"
}

# debian_sources SUITE: lines for sources.list, `main` only, the security updates last.
debian_sources()
{
	local signed="[signed-by=$KEYRING]" mirror

	mirror=$(debian_mirror)
	printf 'deb %s %s %s main\n' "$signed" "$mirror" "$1"
	[ "$1" = bullseye ] || printf 'deb %s %s %s-updates main\n' "$signed" "$mirror" "$1"
	printf 'deb %s %s %s-security main\n' "$signed" "$(debian_security)" "$1"
}

# How this machine's apt reaches the world (proxies, checks of dates), in the syntax of apt.conf.
host_acquire()
{
	apt-config dump | grep -E '^Acquire::(http|https|Check-Valid-Until|Check-Date)[: ].*"[^"]+";$' || true
}

# apt_private DIR ARCH SUITE: an apt of its own in DIR that knows only SUITE for ARCH. Nothing of the
# host's apt or dpkg is read or changed; no root. Later calls: `APT_CONFIG=DIR/apt.conf apt-get ...`.
apt_private()
{
	local dir=$1 arch=$2 suite=$3

	[ -r "$KEYRING" ] || die "no $KEYRING: install debian-archive-keyring" 69
	mkdir -p "$dir"/etc/apt/{apt.conf.d,preferences.d} "$dir"/var/lib/apt/lists/partial \
		"$dir"/var/cache/apt/archives/partial "$dir"/var/lib/dpkg
	: >"$dir/var/lib/dpkg/status"
	debian_sources "$suite" >"$dir/etc/apt/sources.list"
	{
		cat <<-END
			Dir "$dir";
			Dir::State "$dir/var/lib/apt";
			Dir::State::status "$dir/var/lib/dpkg/status";
			Dir::Cache "$dir/var/cache/apt";
			Dir::Etc "$dir/etc/apt";
			APT::Architecture "$arch";
			APT::Architectures { "$arch"; };
			APT::Install-Recommends "false";
			APT::Sandbox::User "root";
			Acquire::Languages "none";
			Acquire::Retries "3";
		END
		host_acquire
	} >"$dir/apt.conf"
	apt_update "$dir" "$suite"
}

apt_update()
{
	APT_CONFIG=$1/apt.conf apt-get -qq -o APT::Update::Error-Mode=any update >"$1/log" 2>&1 && return
	sed -i '/-security main$/d' "$1/etc/apt/sources.list"
	APT_CONFIG=$1/apt.conf apt-get -qq -o APT::Update::Error-Mode=any update >"$1/log" 2>&1 &&
		tell "the security index of $2 cannot be read: going on without it" && return
	tail -n 5 "$1/log" >&2
	return 1
}

# apt_fetch DIR PACKAGE...: downloads into the current folder; apt checks signature and hash.
apt_fetch()
{
	local dir=$1

	shift
	APT_CONFIG=$dir/apt.conf apt-get -qq download "$@"
}

triplet()
{
	case $1 in
	amd64) echo x86_64-linux-gnu ;;
	arm64) echo aarch64-linux-gnu ;;
	armhf) echo arm-linux-gnueabihf ;;
	esac
}
