#!/bin/bash
# tls { mode = "own" | "files" }: who makes the proxies' certificate, where it lies, when it is made
# again, and what is refused. No root, no network.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/golden/fixture.sh
. "$(dirname "$0")/fixture.sh"

command -v mcopy >/dev/null || skip_all "mtools is not installed"
export BRAMBLE_CACHE=$scratch/cache
fixture
images=$scratch/c.images state=$scratch/c.state
cd "$scratch" || exit 1
cp c.conf plain.conf

conf() { # what stands in the cluster's section
  sed "s|  proxy {|  $1\n&|" plain.conf >c.conf
}
build() {
  "$bramble" build c.conf >/dev/null 2>build.log
}
builds() { # NAME
  build
  ok $? "$1" "$(cat build.log)"
}
refused() { # REGEX NAME TLS
  conf "$3"
  fails 3 "$1" "$2" "$bramble" build c.conf
}
trusted() { # NAME...: is the certificate on n4 good for each of them?
  local name kind
  card_cat "$images/n4.img" /etc/bramble/tls.crt >card.crt
  for name; do
    kind=hostname
    [[ $name == *[a-z]* ]] || kind=ip
    openssl verify -CAfile "$state/ca.crt" -purpose sslserver -verify_"$kind" "$name" card.crt >/dev/null 2>&1 ||
      return
  done
}

builds "without tls"
[[ ! -e $state/ca.crt && $(card_stat "$images/n4.img" /etc/bramble/tls.crt) == *"not found"* ]]
ok $? "there is no certificate"

conf 'tls { mode = "own" names = {"db.example.org", "10.9.0.99"} }'
builds "with an authority of the cluster's own"
is "$(stat -c %a "$state"/{ca,tls}.{crt,key} | sort -u)" 600 "the state folder keeps it"
like "$(openssl x509 -in "$state/ca.crt" -noout -subject -ext basicConstraints)" 'bramble cluster golden.*CA:TRUE' \
  "it is an authority"
trusted n4 n4.local n2 10.9.0.14 10.9.0.12 db.example.org 10.9.0.99
ok $? "the certificate stands for the proxies' names and addresses and those that are asked for"
trusted n1 2>/dev/null
[[ $? -ne 0 ]]
ok $? "and for no others"
for n in 2 4; do
  crt=$(card_stat "$images/n$n.img" /etc/bramble/tls.crt) key=$(card_stat "$images/n$n.img" /etc/bramble/tls.key)
  like "$crt" 'Mode:  0644' "n$n: everybody may read the certificate"
  like "$key" 'Mode:  0600' "the key may not"
  like "$key" 'User:  7480' "but the proxy"
  like "$(card_cat "$images/n$n.img" /etc/bramble/proxy.conf)" \
    'tls \{ certificate = "/etc/bramble/tls.crt" key = "/etc/bramble/tls.key" \}' "proxy.conf names them"
done
for n in 1 3; do
  like "$(card_stat "$images/n$n.img" /etc/bramble/tls.key)" 'not found' "n$n, no proxy, has no key"
done
grep -qaF "$(sed -n 2p "$state/ca.key")" "$images"/n?.img
[[ $? -eq 1 ]]
ok $? "the authority's key is on no card"
"$bramble" verify --cluster c.conf >verify.log 2>&1
ok $? "verify finds the cards right" "$(cat verify.log)"
"$bramble" inspect "$images/n4.img" --config >inspect.log 2>&1 || "$bramble" inspect "$images/n4.img" >inspect.log 2>&1
! grep -qF "$(sed -n 2p "$state/tls.key")" inspect.log
ok $? "inspect shows no key"

sums=$(sha256sum "$images"/n?.img "$state"/*.{crt,key})
builds "another build"
is "$(sha256sum "$images"/n?.img "$state"/*.{crt,key})" "$sums" "makes the same, byte for byte"

# --- made again
ca=$(sha256sum <"$state/ca.crt") key=$(sha256sum <"$state/tls.key")
kept() { # NAME
  is "$(sha256sum <"$state/ca.crt")$(sha256sum <"$state/tls.key")" "$ca$key" "$1"
}
conf 'tls { mode = "own" names = {"new.example.org"} }'
builds "another name"
trusted n4 new.example.org
ok $? "is in the certificate"
kept "authority and key stay"
like "$(cat build.log)" "certificate is new, and ends in 8[0-9]* days" "it is told"
cp "$state/tls.crt" good.crt
openssl x509 -in good.crt -days 200 -CA "$state/ca.crt" -CAkey "$state/ca.key" -CAcreateserial -out "$state/tls.crt" 2>/dev/null ||
  openssl x509 -x509toreq -in good.crt -signkey "$state/tls.key" 2>/dev/null |
  openssl x509 -req -days 200 -CA "$state/ca.crt" -CAkey "$state/ca.key" -CAcreateserial -copy_extensions copyall \
    -out "$state/tls.crt" 2>/dev/null
rm -f "$state"/*.srl
openssl x509 -in "$state/tls.crt" -noout -checkend $((250 * 86400)) >/dev/null
[[ $? -eq 1 ]]
ok $? "one that has less than a third of its time left"
builds "and a build"
openssl x509 -in "$state/tls.crt" -noout -checkend $((800 * 86400)) >/dev/null
ok $? "renew it"
kept "with the same key"

# --- what is lost or damaged
mv "$state/ca.key" ca.key
fails 3 'ca.key is gone: without it' "an authority without its key" "$bramble" build c.conf
mv ca.key "$state/"
cp "$state/tls.key" tls.key
head -c 80 tls.key >"$state/tls.key"
fails 3 'tls.key: no key in PEM' "half a key" "$bramble" build c.conf
rm "$state/tls.key"
builds "a lost key of the proxies"
trusted n4
ok $? "is replaced, and the certificate with it"
kept_ca=$(sha256sum <"$state/ca.crt")
is "$kept_ca" "$ca" "the authority stays"

# --- cluster.conf
refused 'mode "on" is none of off, own, files' "a mode there is not" 'tls { mode = "on" }'
refused 'names: "x,IP:1.2.3.4" is neither' "a name with something behind it" 'tls { mode = "own" names = {"x,IP:1.2.3.4"} }'
refused 'days = 0 is not 2 to 3650' "no days" 'tls { mode = "own" days = 0 }'
refused 'key is missing' "a certificate without a key" 'tls { mode = "files" certificate = "my.crt" }'
refused 'are for mode = "files"' "files nobody looks at" 'tls { certificate = "my.crt" key = "my.key" }'

# --- the user's own
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=my -days 9 -keyout my.key -out my.crt 2>/dev/null
chmod 600 my.key
files='tls { mode = "files" certificate = "my.crt" key = "my.key" }'
conf "$files"
builds "a certificate of the user's own"
is "$(card_cat "$images/n4.img" /etc/bramble/tls.crt)$(card_cat "$images/n4.img" /etc/bramble/tls.key)" \
  "$(cat my.crt)$(cat my.key)" "is on the card, with its key"
like "$(cat build.log)" "certificate ends in [89] days" "that it ends soon is told"
cp my.crt my.alone
cat my.key >>my.crt
refused 'my.crt: holds a private key too' "a certificate with its key, which everybody could read" "$files"
cp my.alone my.crt
chmod 644 my.key
refused 'tls: key = .*others may read it' "a key for everybody" "$files"
chmod 600 my.key
cp my.key my.good
cp "$state/tls.key" my.key
refused 'my.crt: is not the certificate of' "the key of another" "$files"
openssl pkey -in my.good -aes128 -passout pass:x -out my.key
refused 'no key in PEM that needs no password' "a key with a password" "$files"
cp my.good my.key
openssl req -new -key my.key -subj /CN=my | openssl x509 -req -signkey my.key -days 0 -out my.crt 2>/dev/null
sleep 1 # it ends in the second it was made in
refused 'has ended' "a certificate that has ended" "$files"
rm my.crt
conf "$files"
fails 4 'certificate = "my.crt": no such file' "a certificate that is not there" "$bramble" build c.conf
[[ ! -e $images/.build ]]
ok $? "nothing half-made is left"
done_testing
