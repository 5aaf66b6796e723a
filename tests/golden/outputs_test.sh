#!/bin/bash
# What bramble build makes besides the images: compressed ones, block maps that bmaptool takes and that
# suffice for a card full of noise, manifest.json, os_list.json, SBOMs. No root, no network.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/golden/fixture.sh
. "$(dirname "$0")/fixture.sh"

command -v mcopy >/dev/null || skip_all "mtools is not installed"
export BRAMBLE_CACHE=$scratch/cache
fixture 2>/dev/null
cd "$scratch" || exit 1
sed -i 's/root_size = "128MiB"/root_size = "64MiB" data_size = "64MiB"/; /node "n[23]"/d' c.conf
images=$scratch/c.images

list() { (cd "$images" && echo *); }
sums() { # what manifest.json says of files beside it is true: prints what is not
  python3 - "$images" <<'PY'
import hashlib, json, os, sys
top = sys.argv[1]
m = json.load(open(top + "/manifest.json"))
listed = set()
def check(e, name):
    listed.add(name)
    path = os.path.join(top, name)
    if os.path.getsize(path) != e["size"]:
        print(name, "size")
    if hashlib.sha256(open(path, "rb").read()).hexdigest() != e["sha256"]:
        print(name, "sha256")
for n in m["nodes"]:
    check(n, n["image"])
    for f in n.get("files", []):
        check(f, f["file"])
for f in m["files"]:
    check(f, f["file"])
# .NODE.recipe is build's own note for --explain.
files = {f for f in os.listdir(top) if not f.endswith(".recipe")}
print(*sorted(files - listed - {"manifest.json"}))
PY
}
of() { # PYTHON-EXPRESSION over manifest m
  python3 -c "import json; m = json.load(open('$images/manifest.json')); print($1)"
}

# --- plain
"$bramble" build c.conf >/dev/null 2>log
is "$(list)" "manifest.json n1.img n4.img" "a plain build makes images and manifest.json"
is "$(of 'm["neo4j"], m["java"], m["release"]["name"], m["bramble"]')" \
  "3.5.9 17 bookworm $("$bramble" --version | cut -d' ' -f2)" "which names versions"
is "$(of '[(i["role"], i["sha256"]) for i in m["inputs"] if i["role"] in ("base", "neo4j")]')" \
  "[('base', '$(sha256sum <base.img | cut -d' ' -f1)'), ('neo4j', '$(sha256sum <neo4j.tar.gz | cut -d' ' -f1)')]" \
  "and inputs with their sums"
is "$(of '[(i["package"], i["version"], i["architecture"]) for i in m["inputs"] if i["role"] == "java"]')" \
  "[('openjdk-17-jre-headless', '17.0.1', 'amd64')]" "and packages with their versions"
is "$(of 'm["nodes"][0]["size"]')" "$(stat -c %s "$images/n1.img")" "and images with their sizes"

mkdir -p hello/DEBIAN hello/usr/share/hello motd/etc
printf 'Package: hello\nVersion: 2.10-3\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: a test\n' \
  >hello/DEBIAN/control
dpkg-deb --root-owner-group -b hello hello.deb >/dev/null
echo welcome >motd/etc/motd
sed 's/proxy {/packages = {"hello.deb"}\n  overlay "motd" {}\n  &/' c.conf >more.conf
cp -a c.state more.state
"$bramble" build --sbom spdx more.conf >/dev/null 2>log
ok $? "with a package and an overlay" "$(cat log)"
images=$scratch/more.images
is "$(of '[(i["role"], i["file"], i["sha256"]) for i in m["inputs"] if i["role"] in ("package", "overlay")]')" \
  "[('package', 'hello.deb', '$(sha256sum <hello.deb | cut -d' ' -f1)'), ('overlay', 'motd/etc/motd', '$(sha256sum <motd/etc/motd | cut -d' ' -f1)')]" \
  "they are named too"
like "$(cat more.images/sbom.spdx.json)" 'hello@2.10-3' "the SBOM has the package"
images=$scratch/c.images

# --- everything
"$bramble" build --compress xz --bmap --sbom spdx c.conf >/dev/null 2>log
ok $? "xz, bmap, SPDX" "$(cat log)"
is "$(sums)" "" "manifest.json lists all files with their true sizes and sums"
for n in 1 4; do
  is "$(xz -dc "$images/n$n.img.xz" | sha256sum)" "$(sha256sum <"$images/n$n.img")" "n$n.img.xz is n$n.img"
done
is "$(stat -c '%a' "$images"/n?.img.xz | xargs)" "600 600" "compressed images hold the secrets too"
like "$(xz -lvv "$images/n1.img.xz")" 'Blocks: +([2-9]|[0-9]{2,})' "several blocks: decoders may use all processors"
"$bramble" build --compress zst --sbom cyclonedx --sums c.conf >/dev/null 2>log
ok $? "zst, CycloneDX" "$(cat log)"
is "$(zstd -dc "$images/n1.img.zst" | sha256sum)" "$(sha256sum <"$images/n1.img")" "n1.img.zst is n1.img"
is "$(list)" \
  "manifest.json n1.img n1.img.zst n4.img n4.img.zst os_list.json sbom.cdx.json" "what is not made again is gone"
is "$(sums)" "" "manifest.json is right again"
fails 2 'compress: "rar" is neither xz nor zst' "an unknown compression" "$bramble" build --compress rar c.conf
fails 2 'sbom: "" is neither spdx nor cyclonedx' "an unknown SBOM" "$bramble" build --sbom= c.conf

# --- block maps
"$bramble" build --bmap --sums --url https://example.org/cards c.conf >/dev/null 2>log
ok $? "bmap and sums" "$(cat log)"
is "$(sums)" "" "manifest.json names the maps"
cat >apply.py <<'PY'
# apply.py BMAP IMAGE CARD: what lies in mapped blocks goes onto a card of noise; independent of bramble
import random, sys, xml.etree.ElementTree as xml
tree = xml.parse(sys.argv[1])
size = int(tree.find("ImageSize").text)
r = random.Random(1)
noise = r.randbytes(1 << 20)
with open(sys.argv[3], "wb") as card, open(sys.argv[2], "rb") as image:
    for at in range(0, size, len(noise)):
        card.write(noise[:size - at])
    for e in tree.find("BlockMap"):
        first, _, last = e.text.strip().partition("-")
        image.seek(int(first) * 4096)
        card.seek(int(first) * 4096)
        card.write(image.read((int(last or first) - int(first) + 1) * 4096))
PY
for n in 1 4; do
  python3 apply.py "$images/n$n.img.bmap" "$images/n$n.img" card
  log=$(fsck_partition card 2)
  ok $? "n$n on a card full of noise: p2 is clean" "$log"
  log=$(fsck_partition card 3)
  ok $? "n$n on a card full of noise: p3 is clean" "$log"
  like "$("$bramble" verify card)" ' 0 failed' "n$n on a card full of noise: verify finds nothing"
  for p in /etc/bramble/node.conf /usr/lib/bramble/bramble-agent /etc/fstab; do
    cmp -s <(card_cat card $p) <(card_cat "$images/n$n.img" $p)
    ok $? "n$n on a card full of noise: $p"
  done
done
cmp -s <(card_cat card /bramble.marker 3) <(card_cat "$images/n4.img" /bramble.marker 3)
ok $? "and the marker on p3"
if command -v bmaptool >/dev/null; then
  log=$(bmaptool copy --bmap "$images/n1.img.bmap" "$images/n1.img" copied.img 2>&1)
  ok $? "bmaptool takes the map" "$log"
  cmp -s copied.img "$images/n1.img"
  ok $? "and copies all that is not zero"
  python3 - "$images/n1.img.bmap" <<'PY' >other.bmap
import re, sys
text = open(sys.argv[1]).read()
print(re.sub(r'chksum="(.)', lambda m: 'chksum="' + ("1" if m[1] == "0" else "0"), text, 1), end="")
PY
  fails 1 'checksum|mismatch' "a map with a wrong sum is refused by bmaptool" \
    bmaptool copy --bmap other.bmap "$images/n1.img" copied.img
else
  skip "bmaptool takes the map" "bmaptool is not installed"
fi
[[ $(du -B1 "$images/n1.img" | cut -f1) -lt $(stat -c %s "$images/n1.img") ]] &&
  [[ $(sed -n 's,.*<MappedBlocksCount> \([0-9]*\) .*,\1,p' "$images/n1.img.bmap") -lt $(($(stat -c %s "$images/n1.img") / 8192)) ]]
ok $? "the map is less than half of the image"

# --- os_list.json: what rpi-imager's doc/json-schema/os-list-schema.json asks for
python3 - "$images" <<'PY' >log 2>&1
import hashlib, json, re, sys
top = sys.argv[1]
d = json.load(open(top + "/os_list.json"))
assert set(d) <= {"imager", "os_list"}, "additionalProperties is false"
text = {"name", "description", "icon", "url", "extract_sha256", "release_date"}
group = d["os_list"][0]
assert all(isinstance(group[k], str) for k in ("name", "description", "icon")), group
assert "secret" in group["description"]
assert len(group["subitems"]) == 2
for e in group["subitems"]:
    for k in text:
        assert isinstance(e[k], str) and e[k], k
    for k in ("extract_size", "image_download_size"):
        assert isinstance(e[k], int) and e[k] > 0, k
    assert isinstance(e["devices"], list)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", e["release_date"])
    assert e["init_format"] == "none", "Imager would put its own user over ours"
    assert e["url"].startswith("https://example.org/cards/n"), e["url"]
    image = open(top + "/" + e["url"].rsplit("/", 1)[1], "rb").read()
    assert len(image) == e["extract_size"] == e["image_download_size"]
    assert hashlib.sha256(image).hexdigest() == e["extract_sha256"]
    assert e["bmap_url"] == e["url"] + ".bmap"
PY
ok $? "os_list.json is what Imager's schema asks for" "$(cat log)"
mkdir 'a b' && "$bramble" build --sums --out 'a b' c.conf >/dev/null 2>log
like "$(cat 'a b/os_list.json')" '"url": "file:///[^ "]*/a%20b/n1.img"' "without --url images are files here"

# --- SBOMs
cat >sbom.py <<'PY'
import json, re, sys
d = json.load(open(sys.argv[1]))
if "spdxVersion" in d:
    assert d["spdxVersion"] == "SPDX-2.3" and d["dataLicense"] == "CC0-1.0"
    assert d["SPDXID"] == "SPDXRef-DOCUMENT" and re.match(r"[a-z]+:", d["documentNamespace"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", d["creationInfo"]["created"])
    assert all(re.match("Tool: .+-.+", c) for c in d["creationInfo"]["creators"])
    ids = [p["SPDXID"] for p in d["packages"]]
    assert len(ids) == len(set(ids)) and all(re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", i) for i in ids)
    for p in d["packages"]:
        assert p["name"] and p["downloadLocation"] and p["filesAnalyzed"] is False
    for r in d["relationships"]:
        assert {r["spdxElementId"], r["relatedSpdxElement"]} <= set(ids) | {d["SPDXID"]}
    found = {(p["name"], p["versionInfo"]) for p in d["packages"]}
    urls = [r["referenceLocator"] for p in d["packages"] for r in p.get("externalRefs", [])]
else:
    assert d["bomFormat"] == "CycloneDX" and d["specVersion"] == "1.5" and d["version"] == 1
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", d["serialNumber"])
    refs = [c["bom-ref"] for c in d["components"]]
    assert len(refs) == len(set(refs)) and d["dependencies"][0]["dependsOn"] == refs
    kinds = {"application", "library", "operating-system", "firmware", "file"}
    assert all(c["type"] in kinds and c["name"] and c["version"] for c in d["components"])
    found = {(c["name"], c["version"]) for c in d["components"]}
    urls = [c["purl"] for c in d["components"] if "purl" in c]
assert {("neo4j", "3.5.9"), ("openjdk-17-jre-headless", "17.0.1"), ("base-files", "12")} <= found, found
assert any(u.startswith("pkg:deb/") and "openjdk-17-jre-headless@17.0.1?arch=amd64" in u for u in urls), urls
assert "removed" not in {n for n, _ in found}
PY
for s in spdx cyclonedx; do
  "$bramble" build --sbom $s c.conf >/dev/null 2>&1
  python3 sbom.py "$images"/sbom.*.json >log 2>&1
  ok $? "the SBOM in $s" "$(cat log)"
done

# --- trouble
if [[ $(id -u) -eq 0 ]] && mkdir small && mount -t tmpfs -o size=70m none small 2>/dev/null; then
  "$bramble" build --out small/images c.conf >/dev/null 2>&1
  before=$(sha256sum small/images/*)
  head -c $((70000000 - $(du -sB1 small | cut -f1))) /dev/zero >small/filler 2>/dev/null
  fails 1 'No space left' "a full disk" "$bramble" build --compress zst --out small/images c.conf
  is "$(sha256sum small/images/*)" "$before" "leaves what was there"
  umount small
else
  skip "a full disk" "needs root for a small filesystem"
fi
"$bramble" build --compress xz c.conf >/dev/null 2>&1 &
pid=$!
for _ in $(seq 200); do
  [[ -e $images/.build/n1.img.xz ]] && break
  sleep 0.02
done
before=$(sha256sum "$images"/*)
kill -INT $pid
wait $pid
status=$?
[[ $status -eq 130 || $status -eq 0 ]]
ok $? "an interrupted compression" "status $status"
[[ $status -eq 0 || $(sha256sum "$images"/*) == "$before" ]] && [[ ! -e $images/.build ]]
ok $? "leaves the old images and nothing else"
done_testing
