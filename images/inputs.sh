#!/bin/bash
# Fills the inputs folder with what a rehearsal on this machine needs: the amd64 base image, Java
# for it, and Neo4j. `images/inputs.sh pi` adds what the Raspberry Pi images need, `images/inputs.sh
# article` the article's Neo4j 2.3.1 and its Java. Each recipe is cached; see images/README.md.
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
article() {
  ./neo4j/bundle.sh 2.3.1
  ./java/debs.sh 11 amd64
  ./base/bookworm.sh amd64
}

for set in "${@:-rehearsal}"; do
  case $set in
    rehearsal | pi | article) "$set" ;;
    *)
      echo "inputs.sh: \"$set\" is none of rehearsal, pi, article" >&2
      exit 2
      ;;
  esac
done
