#!/bin/sh
# Neo4j's own administration commands (set-initial-password, dump, load, memrec, ...).
exec "$(dirname "$(readlink -f "$0")")/neo4j" admin "$@"
