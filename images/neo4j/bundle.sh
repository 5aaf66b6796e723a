#!/usr/bin/env bash
# A Neo4j server from Maven Central, packed as the official archive is.
#
#     images/neo4j/bundle.sh VERSION        ->  $CACHE/inputs/neo4j-EDITION-VERSION.tar.gz
#     images/neo4j/bundle.sh --pin VERSION  renews images/neo4j/VERSION.pins
#
# Inputs: org.neo4j.app:neo4j-server-enterprise, or neo4j-server from 4.0 on (Central has no later
# Enterprise), and what it depends on, every jar checked against its pinned sha256. Their licences are in TABLE:
# AGPL-3 for Enterprise (3.4 and 3.5 with the Commons Clause: they may not be sold), GPL-3 for Community.
# 2.3.1 and 3.5.0-beta03 are for clusters; the others let a test start what bramble renders for them.
# The libraries beside them are free software; JARS.txt inside names each jar's coordinates and licence.
# What is ours inside (bin/, conf/, the launcher class for 3.5) is marked so in README.txt.
# The same pins give the same bytes.

# shellcheck source=../lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
HERE=$IMAGES/neo4j

#       version       edition     family  main class                                          launcher  licence
TABLE='
	2.3.1         enterprise  2       org.neo4j.server.enterprise.EnterpriseBootstrapper  no        AGPL-3
	3.1.4         enterprise  3       org.neo4j.server.enterprise.EnterpriseEntryPoint    no        AGPL-3
	3.2.7         enterprise  3       org.neo4j.server.enterprise.EnterpriseEntryPoint    no        AGPL-3
	3.4.10        enterprise  3       bramble.Neo4jEnterprise                             3.4       AGPL-3 with the Commons Clause
	3.5.0-beta03  enterprise  3       bramble.Neo4jEnterprise                             3.5       AGPL-3 with the Commons Clause
	4.4.48        community   4       org.neo4j.server.CommunityEntryPoint                no        GPL-3
	5.1.0         community   5       org.neo4j.server.CommunityEntryPoint                no        GPL-3
	5.26.30       community   5       org.neo4j.server.CommunityEntryPoint                no        GPL-3
	2026.08.1     community   5       org.neo4j.server.Neo4jCommunity                     no        GPL-3
'
artifact_of() # EDITION
{
	case $1 in
	enterprise) echo neo4j-server-enterprise ;;
	community) echo neo4j-server ;;
	esac
}

pin=
if [ "${1:-}" = --pin ]; then
	pin=yes
	shift
fi
version=${1:?usage: bundle.sh [--pin] VERSION}
mapfile -t known < <(awk 'NF { print $1 }' <<<"$TABLE")
one_of "$version" "${known[@]}"
read -r _ edition family main launcher licence < <(grep -F "	$version " <<<"$TABLE")
artifact=$(artifact_of "$edition")
top=neo4j-$edition-$version
pins=$HERE/$version.pins

# One maven at a time: two would write the same files of its local repository.
maven()
{
	flock "$CACHE/lock/maven" mvn -q -B -ntp -f "$HERE/pom.xml" "-Dneo4j.version=$version" \
		"-Dneo4j.artifact=$artifact" "$@"
}

fetch_jars()
{
	local work=$1

	say 'fetching jars from Maven Central (1 min the first time)'
	quietly maven dependency:copy-dependencies dependency:list -DincludeScope=runtime \
		-Dmdep.copyPom=true -Dmdep.addParentPoms=true "-DoutputDirectory=$work/jars" "-DoutputFile=$work/list" ||
		die "Maven Central does not give $top" "$EX_UNAVAILABLE"
	mkdir -p "$work/poms"
	mv "$work/jars"/*.pom "$work/poms/"
}

pins_of_jars()
{
	(cd "$1/jars" && sha256sum -- *.jar)
}

check_pins()
{
	diff <(grep -v '^#' "$pins") <(pins_of_jars "$1") >&2 || die 'a jar does not have its pinned sha256'
}

# parent_of POM: the file name of its parent POM.
parent_of()
{
	sed -n '/<parent>/,/<\/parent>/p' "$1" | tr -d '\r\n' |
		sed -n 's|.*<artifactId>\s*\(\S*\)\s*</artifactId>.*<version>\s*\(\S*\)\s*</version>.*|\1-\2.pom|p'
}

# licence_of POM: the names in its <licenses>, or in those of the nearest parent that has any. What looks like a
# parent may be the POM itself: ten of them are enough.
licence_of()
{
	local dir=${1%/*} pom=${1##*/} names generations=10

	while [ -f "$dir/$pom" ] && [ $((generations--)) -gt 0 ]; do
		names=$(sed -n '/<licenses>/,/<\/licenses>/ s|.*<name>\(.*\)</name>.*|\1|p' "$dir/$pom" |
			tr -d '\r' | paste -sd/)
		[ -z "$names" ] || { printf '%s\n' "$names"; return; }
		pom=$(parent_of "$dir/$pom")
		[ -n "$pom" ] || break
	done
	echo 'not named in its POM'
}

# "file  group:artifact:version  licence" for every jar
list_jars()
{
	local work=$1 group artifact version file licence

	sed -n 's/^ *\([^ :]*:[^ :]*\):jar:\([^ ]*\):[a-z]*\( .*\)\?$/\1:\2/p' "$work/list" | sort |
		while IFS=: read -r group artifact version; do
			file=$artifact-${version#*:}
			[ "$version" = "${version#*:}" ] || file+=-${version%%:*}	# a classifier
			licence=$(licence_of "$work/poms/$artifact-${version#*:}.pom")
			printf '%s.jar\t%s:%s:%s\t%s\n' "$file" "$group" "$artifact" "${version#*:}" \
				"$licence"
		done
}

write_readme()
{
	cat <<-END
		$top, packed by bramble in the layout of the official archive.

		This is not an official Neo4j distribution. The jars in lib/ are Neo4j's and its dependencies',
		unchanged, from Maven Central; JARS.txt names the coordinates and the licence of each. Neo4j
		$edition $version is under $licence: see LICENSE.txt, LICENSES.txt and NOTICE.txt.

		Made by bramble: bin/, conf/$([ "$launcher" = no ] || echo ', lib/bramble-launcher.jar (the published jar has no class that starts the server)').
	END
}

install_script()
{
	sed "s/@MAIN@/$main/; s/@FAMILY@/$family/" "$HERE/neo4j.sh" >"$1/bin/neo4j"
	chmod 0755 "$1/bin/neo4j"
	if [ "$family" = 2 ]; then
		# A vote without a store is a program of its own, with memory of its own.
		sed "s/@MAIN@/org.neo4j.server.enterprise.StandaloneClusterClient/; s/@FAMILY@/$family/
			s/neo4j-wrapper\.conf/arbiter-wrapper.conf/; s/neo4j-service\.pid/neo4j-arbiter.pid/" \
			"$HERE/neo4j.sh" >"$1/bin/neo4j-arbiter"
		chmod 0755 "$1/bin/neo4j-arbiter"
	else
		install -m 0755 "$HERE/neo4j-admin.sh" "$1/bin/neo4j-admin"
	fi
}

install_licences()
{
	local dir=$1 name

	for name in LICENSE NOTICE LICENSES; do
		unzip -qp "$dir/lib/$artifact-$version.jar" "META-INF/$name.txt" \
			>"$dir/$name.txt" 2>/dev/null || rm -f "$dir/$name.txt"
	done
	for name in ha kernel; do
		[ -s "$dir/LICENSE.txt" ] || unzip -qp "$dir/lib/neo4j-$name-$version.jar" \
			META-INF/LICENSE.txt >"$dir/LICENSE.txt" 2>/dev/null || true
	done
}

build_launcher()
{
	local dir=$1 work=$2

	say 'compiling the launcher'
	quietly javac --release 8 -g:none -Xlint:-options -cp "$dir/lib/*" -d "$work/classes" \
		"$HERE/launcher-$launcher/bramble/Neo4jEnterprise.java"
	jar --create --file "$dir/lib/bramble-launcher.jar" --date=2024-11-19T00:00:00Z \
		-C "$work/classes" bramble
}

lay_out()
{
	local dir=$1 work=$2

	mkdir -p "$dir"/{bin,conf,plugins,data}
	case $family in
	2) mkdir -p "$dir/data/log" ;;
	*) mkdir -p "$dir"/{logs,run,import} ;;
	esac
	mv "$work/jars" "$dir/lib"
	cp "$HERE/conf-$family"/* "$dir/conf/"
	install_script "$dir"
	install_licences "$dir"
	list_jars "$work" >"$dir/JARS.txt"
	write_readme >"$dir/README.txt"
	[ "$launcher" = no ] || build_launcher "$dir" "$work"
}

make_bundle()
{
	local out=$1 work=$2

	fetch_jars "$work"
	check_pins "$work"
	lay_out "$work/$top" "$work"
	say 'packing'
	chmod -R u=rwX,go=rX "$work/$top"
	tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --format=gnu \
		-C "$work" -cf - "$top" | gzip -n -6 >"$out/$top.tar.gz"
}

renew_pins()
{
	recipe_name=$top
	hold_lock "$top-pins"
	scratch "$top-pins"
	fetch_jars "$recipe_work"
	{
		echo "# the jars of $top: sha256 name (bundle.sh --pin $version)"
		pins_of_jars "$recipe_work"
	} >"$recipe_work/pins"
	mv "$recipe_work/pins" "$pins"
	tell "$(grep -vc '^#' "$pins") jars: $pins"
}

need mvn javac jar unzip flock
if [ -n "$pin" ]; then
	renew_pins
	exit
fi
[ -r "$pins" ] || die "there are no pins: $pins (bundle.sh --pin $version makes them)"
mapfile -t ours < <(find "$HERE/launcher-$launcher" "$HERE/conf-$family" -type f 2>/dev/null | sort)
recipe "$top" "inputs/$top.tar.gz" "./$top.tar.gz" make_bundle "$HERE/bundle.sh" "$pins" \
	"$HERE/pom.xml" "$HERE/neo4j.sh" "$HERE/neo4j-admin.sh" "${ours[@]}"
