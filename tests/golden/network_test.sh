#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# network { mode }: cards whose addresses the network gives. No root, no network.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/golden/fixture.sh
. "$(dirname "$0")/fixture.sh"

command -v mcopy >/dev/null || skip_all "mtools is not installed"
export BRAMBLE_CACHE=$scratch/cache
agent=${BRAMBLE_BUILD:-$top/build}/bramble-agent
fixture
cd "$scratch" || exit 1
cp c.conf static.conf

mode() { # FILE MODE
  sed -e "s/network {.*/network { mode = \"$2\" }/" -e 's/ address = "[^"]*"//' static.conf >"$1"
}
mode c.conf linklocal
out=$("$bramble" check c.conf 2>&1)
ok $? "check takes mode linklocal" "$out"
like "$out" 'n1 +data +link-local' "and says where the nodes are"
out=$("$bramble" build c.conf 2>&1)
ok $? "the images are built" "$out"
i=c.images/n2.img
like "$(card_cat $i /etc/systemd/network/10-bramble.network)" 'LinkLocalAddressing=yes' "the interface chooses its address"
conf=$(card_cat $i /etc/bramble/node.conf)
like "$conf" 'member "n1" \{ id = 1 roles = \{"data"\} \}' "node.conf names members without addresses"
like "$(card_cat $i /opt/neo4j/conf/neo4j.conf)" 'ha.initial_hosts=127.0.0.1:5001,' "Neo4j's hosts wait for them"
like "$(card_cat $i /etc/bramble/proxy.conf)" 'member "n3" \{ id = 7 http = "192.0.2.7:7474"' "so do the proxy's members"
id=$(sed -n 's/^cluster.*id = "\([0-9a-f]\{16\}\).*/\1/p' <<<"$conf")
service=$(card_cat $i /etc/avahi/services/bramble.service)
like "$service" "<txt-record>c=$id</txt-record>" "avahi's file tells the cluster"
like "$service" '<txt-record>n=n2</txt-record>' "and the node"
[[ $service != *"$(card_cat $i /etc/bramble/cluster.secret)"* ]]
ok $? "and no secret"
out=$("$bramble" verify $i 2>&1)
ok $? "verify finds the card whole" "$out"

txt=$(mcopy -i "$i@@4M" ::bramble.txt -)
like "$txt" 'cluster golden, node n2' "p1 has a bramble.txt"
mkdir -p said/boot && tr -d '\r' <<<"$txt" | sed 's/^# \([a-z_]* = \)/\1/' >said/boot/bramble.txt
mkdir -p said/etc/bramble said/etc/NetworkManager/system-connections
printf 'n2\n' | tee said/etc/hostname said/etc/hosts >said/etc/NetworkManager/system-connections/bramble.nmconnection
out=$("$agent" --root said settings 2>&1)
is "$out" "bramble-agent: said/boot/bramble.txt: wifi_password: holds no Wi-Fi passphrase: 8 to 63 characters, or 64 hexadecimal digits" \
  "its examples are right but for the password, which is none"

# What the agent reads of it.
mkdir -p card/etc/bramble card/run/bramble card/opt/neo4j/conf
for f in etc/bramble/node.conf etc/bramble/cluster.secret etc/bramble/proxy.conf opt/neo4j/conf/neo4j.conf; do
  card_cat $i /$f >card/$f
done
chmod 600 card/etc/bramble/cluster.secret
out=$("$agent" --root card check 2>&1)
ok $? "its agent takes node.conf" "$out"
printf 'node "n%d" { address = "169.254.1.%d" }\n' 1 1 2 2 >card/run/bramble/addresses
"$agent" --root card hosts
ok $? "bramble-agent hosts"
like "$(cat card/opt/neo4j/conf/neo4j.conf)" 'ha.host.data=169.254.1.2:6001' "puts in the node's own address"
printf '#!/bin/sh\necho "$*" >>%s/restarts\n' "$scratch" >systemctl
chmod +x systemctl
for _ in 1 2; do "$agent" --root card --service-manager ./systemctl proxy; done
like "$(cat card/etc/bramble/proxy.conf)" 'member "n1" \{ id = 1 http = "169.254.1.1:7474"' \
  "bramble-agent proxy puts in the members'"
is "$(cat restarts)" "reload-or-try-restart --no-block bramble-proxy.service" "and has the proxy reload once"
flock card/etc/bramble timeout 2 "$agent" --root card --service-manager ./systemctl proxy
is "$?" 124 "but not while another generation's is put in its place"
"${BRAMBLE_BUILD:-$top/build}/bramble-proxy" -c card/etc/bramble/proxy.conf >proxy.log 2>&1
ok $? "which takes it" "$(cat proxy.log)"

mode c.conf dhcp
"$bramble" build c.conf >build.log 2>&1
ok $? "mode dhcp" "$(cat build.log)"
like "$(card_cat $i /etc/systemd/network/10-bramble.network)" 'DHCP=ipv4' "asks a server"

# --- what is refused
sed 's/network {/network { mode = "dhcp"/' static.conf >c.conf
fails 3 'subnet and gateway are for mode "static"' "a subnet with dhcp" "$bramble" check c.conf
sed 's/network {.*/network { mode = "dhcp" }/' static.conf >c.conf
fails 3 'address is for mode "static"' "an address with dhcp" "$bramble" check c.conf
mode c.conf magic
fails 3 'none of static, dhcp, linklocal' "another mode" "$bramble" check c.conf
mode c.conf dhcp
mkdir over && echo "\${node.address}" >over/file
sed -i 's|node "n1"|overlay "over" { template = true }\n  node "n1"|' c.conf
fails 3 'the network gives addresses' "an overlay that needs addresses" "$bramble" build c.conf
done_testing
