#!/bin/bash
# bramble fetch against a server of its own that does wrong what servers do wrong (fetch_server.py).
# No root; the network is loopback.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/golden/fixture.sh
. "$(dirname "$0")/fixture.sh"

command -v python3 >/dev/null || skip_all "python3 is not installed"
unset http_proxy https_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY
export BRAMBLE_INPUTS=$scratch/inputs BRAMBLE_CACHE=$scratch/cache
inputs=$BRAMBLE_INPUTS
served=$scratch/served
mkdir "$served" "$inputs"
head -c 3000000 /dev/urandom >"$served/data"
sum=$(sha256sum <"$served/data")
sum=${sum%% *}

openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 \
  -keyout "$scratch/key.pem" -out "$scratch/cert.pem" 2>/dev/null
coproc server { exec python3 "$top/tests/golden/fetch_server.py" "$served" "$scratch"; }
server_pid=$!
stop_server() { kill $server_pid; } 2>/dev/null
cleanup_hooks+=(stop_server)
read -r port tls_port <&"${server[0]}" || skip_all "no server on loopback"
site=http://127.0.0.1:$port

# --- the catalogue: each entry has a file of its own, served in the mode it is named after
entry() { # NAME URL [MORE-KEYS]
  printf '{"name": "%s", "urls": ["%s"], "sha256": "%s", "what": "test", "licence": "none"%s}' \
    "$1" "$2" "$sum" "${3:-}"
}
catalogue() { # ENTRY...
  local IFS=,
  printf '{"catalogue": 1, "entries": [%s]}' "$*"
}
size=', "size": 3000000'
entries=()
serve() { # NAME MODE [MORE-KEYS]
  ln -s data "$served/$1.bin"
  entries+=("$(entry "$1" "$site/$2/$1.bin" "${3:-}")")
}
for mode in ok norange cut mute short long lies unknown early newer mixed part corrupt stall gate busy moved loop \
  tofile absent; do
  serve $mode $mode "$size"
done
for mode in cut unknown lies short; do serve $mode-nosize $mode; done
serve killed gate "$size"
serve two gate "$size"
serve full ok "$size"
serve nosize ok
serve wrongsize ok ', "size": 2999999'
entries+=("{\"name\": \"second\", \"urls\": [\"$site/absent/x.bin\", \"$site/ok/ok.bin\"], \"file\": \"second.bin\",
  \"sha256\": \"$sum\", \"what\": \"test\", \"licence\": \"none\"}")
ln -s data "$served/far.bin"
entries+=("$(entry far https://user:secret@far.invalid/pub/far.bin "$size")")
for way in ok tls; do
  ln -s data "$served/$way-tls.bin"
  entries+=("$(entry $way-tls "https://127.0.0.1:$tls_port/${way/tls/moved-to-http}/$way-tls.bin" "$size")")
done
catalogue "${entries[@]}" >"$inputs/catalogue.json"

# --- what is asked again and again
fetch() { # what it says is in $out
  out=$(timeout 60 "$bramble" fetch "$@" 2>&1)
}
here() { # NAME TEXT
  cmp -s "$served/data" "$inputs/$1.bin" && [[ ! -e $inputs/.$1.bin.part && ! -e $inputs/.$1.bin.part.from ]]
  ok $? "$2" "$out
$(ls -A "$inputs")"
}
comes() { # NAME TEXT [REGEX]
  fetch "$1"
  like "$? $out" "^0 .*${3:-}" "$2"
  here "$1" "and it is the file"
}
stays_away() { # STATUS REGEX NAME TEXT
  fails "$1" "$2" "$4" timeout 60 "$bramble" fetch "$3"
  [[ ! -e $inputs/$3.bin ]]
  ok $? "and there is no file" "$(ls -A "$inputs")"
}
no_part() { # NAME
  [[ ! -e $inputs/.$1.bin.part && ! -e $inputs/.$1.bin.part.from ]]
  ok $? "nor a part of one"
}
asked() { grep -c "^/$1 " "$served/log"; }

# --- as it should be
like "$("$bramble" fetch)" 'raspios-lite-arm64-bookworm ' "without a name it lists"
comes ok "a download" "fetched, 3 MB, sha256 right"
comes ok "once more" "is there, sha256 right"
is "$(asked ok/ok.bin)" 1 "and nothing is fetched twice"
like "$("$bramble" fetch --list)" 'ok  *here ' "--list knows what is there"
comes moved "a redirect"
comes busy "a server that has no time at first"
comes second "the second address"
fetch far
like "$? $out" "^1 .*https://far.invalid/pub/far.bin: " "a host that is not there; no password is shown"
fetch --mirror "$site/mirror/" far
like "$? $out" "^0 " "the same from a mirror"
here far "and it is the file"
is "$(asked mirror/pub/far.bin)" 1 "under the mirror's own prefix"

# --- servers that break off, and those that do it in other ways
comes cut "a server that breaks off again and again"
like "$(cat "$served/log")" '/cut/cut.bin bytes=1000000- "v1"' "is asked for the rest, by its ETag"
comes cut-nosize "the same when nobody knows the size"
comes norange "a server that knows no ranges"
comes newer "another version of the file in between"
comes mixed "the same without telling" "its parts are not of one file"
comes part "a server that sends another part"
comes unknown "a server that announces no length"
comes unknown-nosize "the same when nobody knows the size"
comes early "the same, and it ends too early"
comes lies-nosize "a length that is a lie, and a 416 behind the end"
fetch --timeout 1 stall
like "$? $out" "^0 " "a server that falls asleep"
here stall "and it is the file"

stays_away 1 "absent.bin: .*404" absent "an address that is not there"
no_part absent
stays_away 1 "127.0.0.1:$port/mute" mute "a server that only breaks off"
stays_away 4 "has 1500000 bytes; the catalogue says 3000000" short "half of the file"
stays_away 4 "what came has sha256 .*; the catalogue says $sum" short-nosize "the same when nobody knows the size"
stays_away 4 "more than the 3000000 bytes" long "more than the file"
stays_away 4 "has 3001000 bytes" lies "a length that is a lie"
stays_away 4 "has 3000000 bytes; the catalogue says 2999999" wrongsize "a file of another size"
stays_away 4 "sha256 [0-9a-f]*; the catalogue says $sum; it was removed" corrupt "a wrong file"
no_part corrupt
stays_away 1 "[Mm]aximum .*redirects" loop "redirects without end"
stays_away 1 "Protocol .*file.* (not supported|disabled)" tofile "a redirect to this computer's own files"

# --- a name space of our own: other certificates, other disks
stays_away 1 "certificate" ok-tls "a certificate nobody knows"
own() { # SCRIPT: as "root" of it, its arguments behind
  timeout 60 unshare -rm bash -c "$@" 2>&1
}
if own true >/dev/null; then
  trust="mount --bind $scratch/cert.pem /etc/ssl/certs/ca-certificates.crt && exec $bramble fetch"
  out=$(own "$trust ok-tls")
  like "$? $out" "^0 " "a certificate the system knows"
  here ok-tls "and it is the file"
  fails 1 "Protocol .*http.* (not supported|disabled)" "no redirect from https to http" own "$trust tls-tls"

  mkdir "$scratch/small"
  on_small="mount -t tmpfs -o size=2m none $scratch/small && cp $inputs/catalogue.json $scratch/small &&
    export BRAMBLE_INPUTS=$scratch/small"
  fails 1 "no space: 3 MB are to come, 2 MB are free" "a disk without room" own "$on_small && $bramble fetch ok"
  fails 1 "^bramble: $scratch/small/.*no space left for more than 2 MB; they are kept" "the same when nobody knows the size" \
    own "$on_small && $bramble fetch unknown-nosize"
  out=$(own "$on_small && $bramble fetch unknown-nosize; mount -o remount,size=8m $scratch/small
    $bramble fetch unknown-nosize && cmp $served/data $scratch/small/unknown-nosize.bin")
  like "$? $out" "^0 .*going on after 2 MB" "with room it is gone on"
  fails 1 "Read-only file system" "a folder that may not be written" \
    own "$on_small && mount -o remount,ro $scratch/small && $bramble fetch ok"
else
  skip "other certificates, other disks" "no user namespaces here"
fi

# --- ended from outside, and gone on
wait_part() { # NAME BYTES
  for _ in $(seq 400); do
    [[ $(stat -c %s "$inputs/.$1.bin.part" 2>/dev/null || echo 0) -ge $2 ]] && return
    sleep 0.05
  done
  return 1
}
ended_by() { # SIGNAL NAME: fetches until there is a million bytes, then the signal; status in $status
  rm -f "$served/open"
  # Bash lets what runs in the background ignore SIGINT.
  python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$bramble" fetch "$2" >"$scratch/said" 2>&1 &
  local pid=$!
  wait_part "$2" 1000000
  kill "-$1" $pid
  wait $pid 2>/dev/null
  status=$?
}
goes_on() { # NAME
  like "$("$bramble" fetch --list)" "$1  *partly " "--list knows what is there partly"
  touch "$served/open"
  comes "$1" "it is gone on from there" "going on after 1 MB"
  like "$(cat "$served/log")" "/gate/$1.bin bytes=1000000-" "only the rest was asked for"
}
ended_by INT gate
like "$status $(cat "$scratch/said")" '^130 .*interrupted; 1 MB are kept, bramble fetch gate goes on' "Ctrl-C"
goes_on gate
ended_by KILL killed
is "$status" 137 "kill -9"
goes_on killed
rm -f "$served/open"
"$bramble" fetch two >"$scratch/said" 2>&1 &
wait_part two 1000000
fails 5 "another bramble is fetching it" "two at once" "$bramble" fetch two
touch "$served/open"
wait $!
is "$?" 0 "the first one is not disturbed"
here two "and it is the file"

# --- parts and files of all kinds that were there before
head -c 3500000 /dev/zero >"$inputs/.full.bin.part"
comes full "a part that is larger than the file"
rm "$inputs/full.bin"
head -c 1000000 /dev/zero >"$inputs/.full.bin.part"
comes full "a part of something else" "not of one file"
rm "$inputs/full.bin"
cp "$served/data" "$inputs/.full.bin.part"
before=$(wc -l <"$served/log")
comes full "all of it is there already"
is "$(wc -l <"$served/log")" "$before" "and nothing is asked for"
cp "$served/data" "$inputs/.nosize.bin.part"
comes nosize "the same when nobody knows the size: a 416"
rm "$inputs/nosize.bin"
head -c 3500000 /dev/zero >"$inputs/.nosize.bin.part"
comes nosize "a part behind the end: a 416" "not of one file"
echo mine >"$inputs/full.bin"
fails 4 "is there already with sha256 .*remove or rename it" "somebody's own file" "$bramble" fetch full
is "$(cat "$inputs/full.bin")" mine "it is left alone"
ln -s "$scratch/elsewhere" "$inputs/.short.bin.part"
fails 1 "short.bin.part" "a part that is a link is not followed" "$bramble" fetch short
[[ ! -e $scratch/elsewhere ]]
ok $? "and nothing is written there"

# --- the command line
fails 2 'no "nothing" in the catalogue; bramble fetch --list' "an unknown name" "$bramble" fetch ok nothing
fails 2 'near it: raspios-lite-arm64-bookworm; ' "a name that is nearly one" "$bramble" fetch raspios-arm64-bookworm
fails 2 'near it: neo4j-enterprise-3.5.35, neo4j-community-3.5.35; ' "or nearly two" "$bramble" fetch neo4j-3.5
fails 2 "no http:// or https://" "a mirror by another protocol" "$bramble" fetch --mirror "file://$served" ok
fails 2 "wants a number from 1 to 3600" "a timeout of nothing" "$bramble" fetch --timeout 0 ok

# --- cluster.conf names it
fixture 2>/dev/null
gzip -c "$scratch/base.img" >"$served/base.img.gz"
sum=$(sha256sum <"$served/base.img.gz")
sum=${sum%% *}
catalogue "$(entry my-base "$site/ok/base.img.gz")" >"$inputs/catalogue.json"
sed 's/base.img/my-base/' "$scratch/c.conf" >"$scratch/f.conf"
fails 4 'base = "my-base": it was not fetched yet; bramble fetch my-base downloads it' "a base that was not fetched" \
  "$bramble" check "$scratch/f.conf"
fetch my-base
"$bramble" check "$scratch/f.conf" >/dev/null 2>"$scratch/said"
ok $? "a base that was" "$(cat "$scratch/said")"
sed 's/java = "java"/java = "temurin-17-jre-arm64"/' "$scratch/c.conf" >"$scratch/j.conf"
fails 4 'java = "temurin-17-jre-arm64": it was not fetched yet' "a Java that was not" "$bramble" check "$scratch/j.conf"

# --- catalogues of one's own
refused() { # REGEX NAME TEXT
  printf '%s' "$3" >"$inputs/catalogue.json"
  fails 4 "catalogue.json.*$1" "$2" "$bramble" fetch --list
}
refused "no catalogue" "another JSON" '{"catalogue": 1}'
refused "version 2" "a newer catalogue" '{"catalogue": 2, "entries": []}'
refused "file:///etc/passwd" "a file: address" "$(catalogue "$(entry x file:///etc/passwd)")"
refused 'no name for its file' "a name that leaves the folder" \
  "$(catalogue "$(entry x http://a.b/c ', "file": "../x"')")"
refused 'no name for its file' "the catalogue's own name" "$(catalogue "$(entry x http://a.b/catalogue.json)")"
refused 'no name for its file' "an address without a file" "$(catalogue "$(entry x http://a.b/c/)")"
refused "there twice" "a name that is there twice" "$(catalogue "$(entry x http://a.b/c)" "$(entry x http://a.b/c)")"
refused "Unrecognized|left unpacked" "a key nobody knows" "$(catalogue "$(entry x http://a.b/c ', "sizes": 1')")"
refused "size -1" "a size below nothing" "$(catalogue "$(entry x http://a.b/c ', "size": -1')")"
sum=12
refused "sha256 is not 64" "a short sum" "$(catalogue "$(entry x http://a.b/c)")"
refused ":1: " "no JSON" '{"catalogue": 1, '
fails 4 'catalogue.json:1: ' "check tells it too" "$bramble" check "$scratch/f.conf"
done_testing
