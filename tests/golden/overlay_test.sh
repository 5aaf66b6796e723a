#!/bin/bash
# Overlays: what lands on which card, as whose, with which text; and what is refused. No root, no
# network.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/golden/fixture.sh
. "$(dirname "$0")/fixture.sh"

command -v mcopy >/dev/null || skip_all "mtools is not installed"
export BRAMBLE_CACHE=$scratch/cache
fixture 2>/dev/null
cd "$scratch" || exit 1

with() { # LINE...: c.conf with these sections, as v.conf
  sed '$d' c.conf >v.conf
  printf '%s\n' "$@" '}' >>v.conf
}
refused() { # REGEX NAME: check says so
  fails 3 "$1" "check: $2" "$bramble" check v.conf
}

# --- the article's files
cp -r "$top/examples/overlay" overlay
chmod -R u=rwX,go=rX overlay
sed -n '/^  overlay/,/^  }/p' "$top/examples/overlay.conf" >sections
{ sed '$d' c.conf; cat sections; echo '}'; } >v.conf
"$bramble" check v.conf >/dev/null 2>log
ok $? "check takes the example" "$(cat log)"
"$bramble" build v.conf >/dev/null 2>log
ok $? "and so does build" "$(cat log)"
i=v.images/n1.img
like "$(card_cat $i /opt/neo4j/conf/neo4j-wrapper.conf)" 'hostname=10.9.0.11' "a variable is filled in"
like "$(card_cat $i /opt/neo4j/conf/jmx.access)" 'monitor readonly' "jmx.access is there"
like "$(card_stat $i /opt/neo4j/conf/jmx.password)" 'Mode:  0400 .*User:  7474 +Group:  7474' \
  "jmx.password is Neo4j's alone"
like "$(card_cat $i /opt/neo4j/conf/arbiter-wrapper.conf)" '10.9.0.11:5001,10.9.0.12:5001,10.9.0.13:5001' \
  "a list of members"
like "$(card_cat $i /opt/neo4j/conf/logging.xml)" '\$\{user.home\}' "a plain \${ stays by \$\${"
like "$(card_stat v.images/n4.img /opt/neo4j/conf/jmx.access)" 'not found' "nothing of it is on the proxy"
for p in n1 n4; do
  log=$(fsck_partition v.images/$p.img 2)
  ok $? "$p's card is clean" "$log"
done

# --- owners, modes, order, links, kinds of text
mkdir -p one/etc/app one/usr/local/bin two/etc/app
printf '%s\n' '${node.name} ${node.id} ${node.roles} ${cluster.name} $HOME $$ $${x}' >one/etc/app/a.conf
printf '%s' '${proxies:server name host:7474\n}' >one/etc/app/list
printf 'a\0${node.name}' >one/etc/app/binary
printf '#!/bin/sh\necho ${node.name}\n' >one/usr/local/bin/tool && chmod 0775 one/usr/local/bin/tool
echo secret >one/etc/app/secret && chmod 0600 one/etc/app/secret
ln -s ../app/a.conf one/etc/app/link
ln -s /nowhere one/etc/app/dangling
echo first >one/etc/app/both && echo 'second on ${node.name}' >two/etc/app/both
echo file >one/etc/app/link2 && ln -s a.conf two/etc/app/link2
ln -s a.conf one/etc/app/file2 && echo file >two/etc/app/file2
with 'overlay "one" { owner = "pi" mode = "0640" }' 'overlay "two" { node = "n2" }'
"$bramble" build v.conf >/dev/null 2>log
ok $? "two overlays are built" "$(cat log)"
i=v.images/n2.img
is "$(card_cat $i /etc/app/a.conf)" 'n2 2 data,proxy golden $HOME $$ ${x}' "every kind of \$"
is "$(card_cat $i /etc/app/list)" $'server n2 10.9.0.12:7474\nserver n4 10.9.0.14:7474' "a list by lines"
is "$(card_cat $i /etc/app/binary | tr '\0' 0)" 'a0${node.name}' "a binary file is untouched"
is "$(card_cat $i /etc/app/both)" 'second on n2' "the last overlay wins"
is "$(card_cat v.images/n1.img /etc/app/both)" 'first' "on its node only"
like "$(card_stat $i /etc/app/a.conf)" 'Mode:  0640 .*User:  1000 +Group:  1000' "owner and mode"
like "$(card_stat $i /etc/app/secret)" 'Mode:  0600' "a secret stays one"
like "$(card_stat $i /etc/app/link)" 'Fast link dest: "../app/a.conf"' "a link stays one"
like "$(card_stat $i /etc/app/dangling)" 'Fast link dest: "/nowhere"' "one that leads nowhere too"
like "$(card_stat $i /etc/app/link2)" 'Fast link dest: "a.conf"' "a link takes a file's place"
is "$(card_cat $i /etc/app/file2)" file "a file takes a link's place"
is "$(card_cat $i /etc/app/a.conf)" 'n2 2 data,proxy golden $HOME $$ ${x}' "not that of what it led to"
log=$(fsck_partition $i 2)
ok $? "the card is clean" "$log"
with 'overlay "one" { owner = "1234:7" dest = "/opt/x" roles = {"proxy"} template = false }'
"$bramble" build v.conf >/dev/null 2>log
ok $? "an overlay with numbers for owners" "$(cat log)"
like "$(card_stat v.images/n4.img /opt/x/etc/app/a.conf)" 'Mode:  0644 .*User:  1234 +Group:     7' "below dest"
like "$(card_cat v.images/n4.img /opt/x/etc/app/a.conf)" '^\$\{node.name\}' "template = false leaves the text"
like "$(card_stat v.images/n4.img /opt/x/usr/local/bin/tool)" 'Mode:  0755' "programs stay programs"
like "$(card_stat v.images/n1.img /opt/x)" 'not found' "only where the role is"

# --- refused
tree() { # PATH [TEXT]: an overlay of one file
  rm -rf tree && mkdir -p "tree/$(dirname "$1")" && printf '%b' "${2:-x}" >"tree/$1"
  with 'overlay "tree" { }'
}
tree etc/a '1\n2 ${node.nme}\n'
refused 'tree/etc/a:2: no variable "node.nme"' "an unknown variable"
tree etc/a '${node.name'
refused 'a:1: "\$\{" without a "\}"' "a variable without an end"
tree etc/a '${members:}'
refused 'no form of a list' "a list without a form"
for f in etc/bramble/node.conf etc/bramble/cluster.secret etc/fstab boot/firmware/cmdline.txt \
  usr/lib/systemd/system/bramble-agent.service etc/systemd/system/neo4j.service etc/shadow \
  srv/bramble/bramble.marker opt/neo4j/conf/neo4j.conf opt/neo4j-3.5.9/conf/neo4j.conf \
  usr/lib/bramble/bramble-agent; do
  tree $f
  refused "/$f (is|would|goes|holds)" "$f"
done
tree usr/lib/systemd/system/neo4j.service.d/10-own.conf
"$bramble" check v.conf >/dev/null 2>log
ok $? "but a drop-in of a unit is taken" "$(cat log)"
tree detour/cmdline.txt
mkdir -p tree2 && ln -sf /boot/firmware tree2/detour
with 'overlay "tree2" { }' 'overlay "tree" { }'
fails 3 'detour/cmdline.txt is the boot partition' "build: a detour by a link" "$bramble" build v.conf
tree etc/x && rm tree/etc/x && mkfifo tree/etc/x
refused 'neither file, folder nor link' "a pipe"
tree $'etc/a\nb'
refused 'control characters' "a newline in a name"
tree etc/big && truncate -s 1T tree/etc/big
fails 4 'root_size' "build: a file of a tebibyte" "$bramble" build v.conf
tree etc/big && head -c 3000000 /dev/urandom >tree/etc/big
"$bramble" build v.conf >/dev/null 2>log
ok $? "a large file is built" "$(cat log)"
is "$(card_cat v.images/n1.img /etc/big | sha256sum)" "$(sha256sum <tree/etc/big)" "and is the same on the card"
tree etc/a && with 'overlay "tree" { owner = "nobody-here" }'
refused 'no user "nobody-here"' "an unknown user"
with 'overlay "tree" { owner = "pi:nogroup" }'
refused 'no group "nogroup"' "an unknown group"
for m in 999 07777 rw '' 4755; do
  with "overlay \"tree\" { mode = \"$m\" }"
  refused 'is no mode' "mode = \"$m\""
done
with 'overlay "tree" { dest = "/opt/../etc" }'
refused 'is no absolute path' "a dest that climbs"
with 'overlay "tree" { dest = "opt" }'
refused 'is no absolute path' "a relative dest"
with 'overlay "tree" { node = "n9" }'
refused 'node "n9" is none of this cluster' "a node that is not there"
with 'overlay "tree" { roles = {"king"} }'
refused 'role "king" is none of' "a role that is not there"
with 'overlay "nowhere" { }'
fails 4 'overlay = "nowhere": no such folder' "check: a folder that is not there" "$bramble" check v.conf
done_testing
