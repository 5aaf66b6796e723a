#!/bin/bash
# Fills the inputs folder with what a rehearsal on this machine needs: the amd64 base image, Java
# for it, and Neo4j. `images/inputs.sh pi` adds what the Raspberry Pi images need, `pi2` what those for the
# 32-bit Raspberry Pi 2 need, `article` the article's Neo4j 2.3.1 and its Java, `profiles` the servers of
# tests/neo4j. Each recipe is cached; see images/README.md.
set -euo pipefail
cd "$(dirname "$0")"

rehearsal() {
  ./neo4j/bundle.sh 3.5.0-beta03
  ./java/debs.sh 17 amd64
  ./base/bookworm.sh amd64
}
pi() {
  ./neo4j/bundle.sh 3.5.0-beta03
  ./java/debs.sh 17 arm64
  ./base/bookworm.sh arm64
}
pi2() {
  ./neo4j/bundle.sh 3.5.0-beta03
  ./java/debs.sh 17 armhf
  ./base/bookworm.sh armhf
}
article() {
  ./neo4j/bundle.sh 2.3.1
  ./java/debs.sh 11 amd64
  ./base/bookworm.sh amd64
}

# 3.2.7 has a recipe too, but starts on Java 8 only, which Debian 12 has not (docs/NEO4J.md).
profiles() {
  local version
  for version in 2.3.1 3.1.4 3.4.10 3.5.0-beta03 4.4.48 5.1.0 5.26.30 2026.08.1; do
    ./neo4j/bundle.sh "$version"
  done
  ./java/debs.sh 11 amd64
  ./java/debs.sh 17 amd64
}

for set in "${@:-rehearsal}"; do
  case $set in
    rehearsal | pi | pi2 | article | profiles) "$set" ;;
    *)
      echo "inputs.sh: \"$set\" is none of rehearsal, pi, pi2, article, profiles" >&2
      exit 2
      ;;
  esac
done
