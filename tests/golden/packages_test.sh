#!/bin/bash
# Packages and Java archives: what dpkg itself says of the result, and what is refused. No network;
# some checks ask dpkg and skip without it.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/golden/fixture.sh
. "$(dirname "$0")/fixture.sh"

command -v mcopy >/dev/null || skip_all "mtools is not installed"
command -v dpkg-deb >/dev/null || skip_all "dpkg is not installed"
export BRAMBLE_CACHE=$scratch/cache
fixture 2>/dev/null
cd "$scratch" || exit 1

# deb NAME VERSION [FIELD...]: pkg/ is its tree (with DEBIAN/ for scripts); debs/NAME.deb the result.
deb() {
  local name=$1 version=$2 f
  shift 2
  mkdir -p pkg/DEBIAN debs
  printf '%s\n' "Package: $name" "Version: $version" 'Maintainer: nobody <nobody@example.org>' \
    'Description: stand-in' >pkg/DEBIAN/control
  case "$*" in *Architecture:*) ;; *) echo 'Architecture: amd64' >>pkg/DEBIAN/control ;; esac
  for f; do echo "$f" >>pkg/DEBIAN/control; done
  chmod 0755 pkg/DEBIAN/p* 2>/dev/null
  dpkg-deb --nocheck --root-owner-group -Zgzip -b pkg "debs/$name.deb" >/dev/null
  rm -rf pkg
}
with() { # LIST: packages = {LIST}
  sed "s,root_size,packages = {$1} &," c.conf >v.conf
}
refused() { # REGEX NAME
  fails 4 "$1" "check: $2" "$bramble" check v.conf
}
taken() { # NAME
  "$bramble" check v.conf >/dev/null 2>log
  ok $? "check: $1" "$(cat log)"
}

# --- a set that dpkg accepts
mkdir -p pkg/usr/bin pkg/etc/app pkg/lib/systemd/system pkg/DEBIAN
echo hello >pkg/usr/bin/app && echo conf >pkg/etc/app/a.conf && echo other >pkg/etc/app/b.conf
printf '[Unit]\n[Service]\nExecStart=/usr/bin/app\n[Install]\nWantedBy=multi-user.target\nAlias=my.service\n' \
  >pkg/lib/systemd/system/app.service
printf '/etc/app/a.conf\n/etc/app/b.conf\n' >pkg/DEBIAN/conffiles
(cd pkg && md5sum usr/bin/app lib/systemd/system/app.service >DEBIAN/md5sums)
cat >pkg/DEBIAN/postinst <<'EOF'
#!/bin/sh
# postinst of app
set -e
case "$1" in
    configure|abort-upgrade)
    ;;
    *)
        echo "postinst called with unknown argument \`$1'" >&2
        exit 1
    ;;
esac
# Automatically added by dh_installsystemd/13.11.4
if [ "$1" = "configure" ] ; then
	if deb-systemd-helper --quiet was-enabled 'app.service'; then
		deb-systemd-helper enable 'app.service' >/dev/null || true
	fi
fi
# End automatically added section
exit 0
EOF
deb app 1:1.0-1 'Depends: libapp (>= 2.0~rc1), base-files (>= 11) | nothing, virtual-thing'
mkdir -p pkg/usr/lib && echo lib >pkg/usr/lib/libapp.so.2
mkdir -p pkg/DEBIAN && (cd pkg && md5sum usr/lib/libapp.so.2 >DEBIAN/md5sums)
deb libapp 2.0 'Multi-Arch: same' 'Provides: virtual-thing (= 3)' 'Breaks: base-files (<< 11)'
mkdir -p etc && echo mine >a.conf
debugfs -w -R 'mkdir /etc/app' "base.img?offset=$((139264 * 512))" >/dev/null 2>&1
debugfs -w -R 'write a.conf /etc/app/a.conf' "base.img?offset=$((139264 * 512))" >/dev/null 2>&1
with '"debs"'
"$bramble" build v.conf >/dev/null 2>log
ok $? "two packages come onto every card" "$(cat log)"
for n in 1 4; do
  is "$(card_cat v.images/n$n.img /usr/bin/app)" hello "n$n has its files"
  log=$(fsck_partition v.images/n$n.img 2)
  ok $? "and is clean" "$log"
done
i=v.images/n4.img
is "$(card_cat $i /etc/app/a.conf)" mine "a conffile that is there stays"
is "$(card_cat $i /etc/app/b.conf)" other "one that is not comes"
like "$(card_stat $i /etc/systemd/system/multi-user.target.wants/app.service)" symlink "the unit is enabled"
like "$(card_stat $i /etc/systemd/system/my.service)" symlink "with its alias"
like "$(card_stat $i /var/lib/dpkg/info/app.postinst)" 'Mode:  0755' "its scripts are kept for dpkg"
partition $i 2
mkdir root && debugfs -R 'rdump / root' "$i?offset=$part_start" >/dev/null 2>&1
audit=$(dpkg --root="$scratch/root" --audit app libapp 2>/dev/null)
is "$audit" "" "dpkg --audit finds nothing"
is "$(dpkg-query --admindir=root/var/lib/dpkg -W -f '${Package} ${Version} ${Status}\n' app libapp 2>/dev/null | sort)" \
  $'app 1:1.0-1 install ok installed\nlibapp 2.0 install ok installed' "dpkg takes them for installed"
is "$(dpkg-query --admindir=root/var/lib/dpkg -W -f '${Conffiles}' app 2>/dev/null)" \
  " /etc/app/a.conf $(printf 'conf\n' | md5sum | cut -c1-32)
 /etc/app/b.conf $(md5sum <root/etc/app/b.conf | cut -c1-32)" "the conffiles' sums are those shipped"
is "$(dpkg --root="$scratch/root" --verify app libapp 2>/dev/null)" "??5?????? c /etc/app/a.conf" \
  "dpkg --verify finds the one that was kept"
is "$(dpkg-query --admindir=root/var/lib/dpkg -S /usr/lib/libapp.so.2 2>/dev/null)" "libapp:amd64: /usr/lib/libapp.so.2" \
  "dpkg knows whose a file is"

# --- the same by dpkg itself
if [[ $(id -u) -eq 0 ]]; then
  cp -r base/root oracle && mkdir -p oracle/var/lib/dpkg/{updates,info,triggers}
  for d in app libapp; do # without its script, which needs a system to run in
    dpkg-deb -R debs/$d.deb plain && rm -f plain/DEBIAN/postinst
    dpkg-deb --root-owner-group -Zgzip -b plain oracle-$d.deb >/dev/null && rm -r plain
  done
  dpkg --root="$scratch/oracle" --force-script-chrootless --force-depends --force-bad-path --log=/dev/null \
    -i oracle-libapp.deb oracle-app.deb >oracle.log 2>&1
  ok $? "dpkg installs the same packages" "$(cat oracle.log)"
  is "$(cd root/var/lib/dpkg/info && cat app.list 'libapp:amd64.list')" \
    "$(cd oracle/var/lib/dpkg/info && cat app.list 'libapp:amd64.list')" "with the same lists of files"
  for p in app libapp; do
    fields='${Package}|${Version}|${Architecture}|${Status}|${Depends}|${Provides}|${Conffiles}'
    is "$(dpkg-query --admindir=root/var/lib/dpkg -W -f "$fields" $p 2>/dev/null)" \
      "$(dpkg-query --admindir=oracle/var/lib/dpkg -W -f "$fields" $p 2>/dev/null)" "$p: dpkg's own entry says the same"
  done
else
  skip "dpkg installs the same packages" "needs root"
fi

# --- refused
rm debs/*
deb a 1 'Depends: b (>= 2), c | d (= 1:1), base-files (>> 12)'
with '"debs"'
refused 'packages are missing: b \(>= 2\) for a, c or d \(= 1:1\) for a, base-files \(>> 12\) for a; add' "dependencies"
deb b 2~rc1
refused 'missing: b \(>= 2\)' "a version before a tilde"
deb b 2 'Provides: c' && deb a 1 'Depends: b (>= 2), c | d (= 1:1)'
taken "a package that provides another"
deb a 1 'Depends: b (>= 2), c (>= 1)'
refused 'missing: c \(>= 1\)' "a Provides without a version for a version"
deb a 1 'Conflicts: base-files'
refused 'package a conflicts with base-files 12 of the base image' "a conflict with the base"
deb a 1 'Breaks: b (<< 2)'
taken "a Breaks of an older version"
deb a 1 'Breaks: b (<= 2)'
refused 'package a conflicts with b 2' "a Breaks within the set"
deb a 1 'Depends: b (~ 2)'
refused 'cannot be read' "a relation that is none"
deb a 1 'Architecture: arm64'
refused 'is not for amd64' "another architecture"
deb a 1 'Architecture: all'
taken "one for all"
cp debs/a.deb debs/a2.deb
refused 'package a is there twice' "a package twice"
rm debs/a2.deb
for s in 'rm -rf /' 'adduser x' 'echo "$(reboot)"'; do
  mkdir -p pkg/DEBIAN && printf '#!/bin/sh\nset -e\n%s\n' "$s" >pkg/DEBIAN/preinst
  deb a 1
  refused 'package a has a preinst that bramble does not know' "a script with $s"
done
mkdir -p pkg/DEBIAN && printf '#!/bin/sh\n# Automatically added by dh_novel/1\nx\n# End automatically added section\n' >pkg/DEBIAN/postinst
deb a 1
refused 'dh_novel' "a snippet that is new"
mkdir -p pkg/etc && echo x >pkg/etc/hostname
deb a 1
fails 4 "another package's" "build: a file that is there" "$bramble" build v.conf
rm debs/*
with '"debs"'
refused 'holds no .deb' "an empty folder"
with '"nothing.deb"'
refused 'no such file' "a missing package"
head -c 1000 /dev/urandom >noise.deb
with '"noise.deb"'
refused 'noise.deb' "noise"

# --- Java archives
jre() { # TOP RELEASE-LINES [PROGRAM]: jdk.tar.gz of that layout
  rm -rf "${1:?}" && mkdir -p "$1/bin" "$1/lib"
  printf '%b' "$2" >"$1/release"
  cp "${3:-$(readlink -f /bin/sh)}" "$1/bin/java"
  ln -sf ../lib "$1/bin/lib"
  tar -czf jdk.tar.gz "$1"
  sed 's,java = "java",java = "jdk.tar.gz",' c.conf >v.conf
}
good='IMPLEMENTOR="Eclipse Adoptium"\nJAVA_VERSION="17.0.13"\nOS_ARCH="x86_64"\nOS_NAME="Linux"\nLIBC="gnu"\n'
jre jdk-17.0.13+11-jre "$good"
like "$("$bramble" check v.conf 2>&1)" 'Java 17' "check: a JRE archive"
"$bramble" build --sbom cyclonedx v.conf >/dev/null 2>log
ok $? "is built" "$(cat log)"
like "$(cat v.images/sbom.cdx.json)" "pkg:generic/openjdk@17.0.13[?]checksum=sha256:$(sha256sum <jdk.tar.gz | cut -c1-64)" \
  "the SBOM has it"
like "$(card_stat v.images/n1.img /opt/java/bin/java)" 'Mode:  0755' "into /opt/java"
like "$(card_cat v.images/n1.img /usr/lib/systemd/system/neo4j.service.d/10-java.conf)" \
  'JAVA_HOME=/opt/java' "where Neo4j's unit finds it"
for form in xz:Jcf zst:--zstd\ -cf; do
  # shellcheck disable=SC2086 # "--zstd -cf" is two words
  tar ${form#*:} jdk.tar.${form%%:*} jdk-17.0.13+11-jre 2>/dev/null || tar -Jcf jdk.tar.xz jdk-17.0.13+11-jre
  sed "s,java = \"java\",java = \"jdk.tar.${form%%:*}\"," c.conf >v.conf
  taken "as .tar.${form%%:*}"
done
python3 -c 'import shutil; shutil.make_archive("jdk", "zip", ".", "jdk-17.0.13+11-jre")'
sed 's,java = "java",java = "jdk.zip",' c.conf >v.conf
taken "as .zip"
jre zulu8 'JAVA_VERSION="1.8.0_432"\nOS_ARCH="amd64"\nOS_NAME="Linux"\n'
like "$("$bramble" check v.conf 2>&1)" 'Java 8' "check: Zulu's 1.8 is 8"
jre j "${good/Linux/Darwin}"
refused 'is Java for Darwin' "Java for a Mac"
jre j "${good/gnu/musl}"
refused 'built for musl' "musl by release"
{ cat "$(readlink -f /bin/sh)"; } | sed 's,/lib64/ld-linux-x86-64.so.2,/lib/ld-musl-x86_64.so.1\x0,' >musl
jre j "${good/LIBC=*/}" musl
refused 'built for musl' "musl by its program"
jre j "${good/x86_64/aarch64}"
refused 'release says arm64, its program is amd64' "a release that does not fit its program"
printf '\x7fELF\x02\x01\x01%057d' 0 | tr 0 '\0' >elf64
printf '\xb7\0' | dd of=elf64 bs=1 seek=18 conv=notrunc status=none
jre j "${good/x86_64/aarch64}" elf64
refused 'is Java for arm64, but the base image is amd64' "another machine's"
jre j "$good" /etc/hostname
refused 'no program for any card' "a program that is none"
jre j 'x="y"\n'
refused 'names no JAVA_VERSION' "a release without a version"
rm j/release && tar -czf jdk.tar.gz j
refused 'holds no release' "no release"
rm -r j/bin && echo >j/release && tar -czf jdk.tar.gz j
refused 'holds no bin/java' "no program"

# --- Neo4j archives
neo() { # TOP KERNEL
  rm -rf n && mkdir n && cp -r neo4j/neo4j-enterprise-3.5.9 "n/$1"
  rm "n/$1"/lib/*.jar && echo >"n/$1/lib/neo4j-kernel-api-1.jar" && echo >"n/$1/lib/neo4j-kernel-$2.jar"
  tar -C n "${3:--czf}" "neo.${4:-tar.gz}" "$1"
  sed "s,neo4j.tar.gz,neo.${4:-tar.gz}," c.conf >v.conf
}
neo neo4j-enterprise-3.5.9 3.5.9 -cJf tar.xz
taken "Neo4j as .tar.xz"
neo neo4j-enterprise-3.5.9 3.5.8
refused 'says version 3.5.9, but its kernel is 3.5.8' "a kernel of another version"
neo neo4j-community-3.5.9 3.5.9
refused 'is the community edition, which knows no clusters' "Community for three nodes"
neo neo4j-3.5.9 3.5.9
refused 'is not neo4j-enterprise-VERSION or neo4j-community-VERSION' "another top folder"
done_testing
