#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Installs the drivers of the matrix, each version in a folder of its own in the cache, outside the
# tree: js-VERSION by npm, py-VERSION by pip in a venv. Run again, it only looks. Exit 75: npm, Python
# or the registries cannot be had.
set -uo pipefail
cache=${BRAMBLE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bramble}/drivers
js=(1.7.7 4.0.2 4.4.11 5.28.1 6.3.0)
py=(1.7.6 4.4.12 5.28.1 6.0.2)
mkdir -p "$cache" || exit
for tool in npm python3; do
  command -v $tool >/dev/null || {
    echo "get.sh: there is no $tool" >&2
    exit 75
  }
done

# A folder appears under its name only when it is complete.
install() { # NAME COMMAND...
  local name=$1 new=$cache/.$1.$$
  shift
  [[ -d $cache/$name ]] && return
  "$@" "$new" >"$cache/$name.log" 2>&1 && mv "$new" "$cache/$name" && return
  echo "$name: not installed, see $cache/$name.log" >&2
  rm -rf "$new"
  return 75
}
js_driver() { # VERSION FOLDER
  mkdir -p "$2" && npm install --prefix "$2" --no-audit --no-fund "neo4j-driver@$1"
}
# A venv holds its own path: it is made where it stays.
py_driver() { # VERSION FOLDER
  local home=$cache/venv-py-$1
  rm -rf "$home"
  python3 -m venv "$home" && "$home/bin/pip" install "neo4j==$1" setuptools pytz && ln -s "${home##*/}" "$2"
}

bad=0
for v in "${js[@]}"; do install "js-$v" js_driver "$v" || bad=75; done
for v in "${py[@]}"; do install "py-$v" py_driver "$v" || bad=75; done
exit $bad
