#!/bin/bash
# Formatting, static analysis, shell scripts, function and file length, no NSS in static programs.
# Prints TAP; each tool that is missing is a skip with its name.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
n=0 bad=0

check() { # NAME TOOL COMMAND...
  local name=$1 tool=$2 out
  shift 2
  n=$((n + 1))
  if ! command -v "$tool" >/dev/null; then
    echo "ok $n - $name # SKIP $tool is not installed"
  elif out=$("$@" 2>&1); then
    echo "ok $n - $name"
  else
    echo "not ok $n - $name"
    printf '%s\n' "$out" | sed 's/^/# /' | head -n 40
    bad=1
  fi
}

mapfile -t c_files < <(git ls-files '*.c' '*.h')
mapfile -t program_files < <(git ls-files common builder proxy node-agent | grep -E '\.[ch]$')
mapfile -t shell_files < <(git ls-files ':!tests/fuzz/corpus' | xargs -d '\n' grep -lE '^#!/bin/(ba)?sh' --)

format() { clang-format-14 --dry-run --Werror "${c_files[@]}"; }
analysis() {
  cppcheck -q --std=c11 --enable=warning,portability --inline-suppr --error-exitcode=1 \
    --suppress=missingIncludeSystem -D_GNU_SOURCE -DBRAMBLE_VERSION='"lint"' -Icommon -Ibuilder -Iproxy \
    -Inode-agent common builder proxy node-agent
}
shell() { shellcheck -x -S warning "${shell_files[@]}"; }

# Functions over 100 lines and files over 800 only ever grow: they fail here.
lengths() {
  local f lines rc=0
  while read -r lines f; do
    [[ $f != total && $lines -gt 800 ]] && echo "$f: $lines lines" && rc=1
  done < <(wc -l "${program_files[@]}")
  ctags -x --c-kinds=f --fields=+ne -o - --output-format=json \
    "${program_files[@]}" |
    python3 -c '
import json, sys
rc = 0
for line in sys.stdin:
    t = json.loads(line)
    n = t.get("end", t["line"]) - t["line"] + 1
    if n > 100:
        print("%s: %s has %d lines" % (t["path"], t["name"], n))
        rc = 1
sys.exit(rc)' || rc=1
  return $rc
}

# glibc loads NSS plug-ins at run time, which a static program cannot do safely. (common/static/no_nss.c
# stands in for the outermost of these functions.)
no_nss() {
  local f rc=0
  for f in build/a*/bramble-proxy.full build/a*/bramble-agent.full; do
    [[ -f $f ]] || { echo "$f is not built"; return 1; }
    if nm "$f" | grep -E ' [Tt] (gaih_inet.*|gethostbyname_r|getpwnam_r|getgrnam_r|__nss_database_get)$'; then
      echo "$f uses NSS"
      rc=1
    fi
  done
  return $rc
}

# The tables for unwinding are left out: there is nothing that reads them. (ARM's are others, and stay.)
no_frames() {
  local f rc=0
  for f in build/a*/bramble-proxy.full build/a*/bramble-agent.full; do
    if nm "$f" | grep ' T __register_frame_info$'; then
      echo "$f has an unwinder, and no tables for it"
      rc=1
    fi
  done
  return $rc
}

# Nor iconv or locales: one more path to them, and all of it is linked. (common/static/no_wide.c)
no_wide() {
  local f rc=0
  for f in build/a*/bramble-proxy.full build/a*/bramble-agent.full; do
    if nm "$f" | grep -E ' [Tt] (__gconv_open|_nl_find_locale|__vfwprintf_internal)$'; then
      echo "$f has iconv"
      rc=1
    fi
  done
  return $rc
}

# Nothing that jessie's kernels (3.18 and later) lack and glibc only hands the error of. statx is asked for
# what nobody needs (node-agent/stale.h); memfd_create and renameat2 are old enough.
no_young_calls() {
  local found
  found=$(find build/a*/obj -name '*.o' -print0 | xargs -0 nm -Au) || return 1
  ! grep -E ' U (close_range|copy_file_range|epoll_pwait2|execveat|mlock2|pidfd_[a-z_]+|process_m[a-z]+|syscall)$' <<<"$found"
}

relro() {
  local f rc=0
  for f in build/a*/bramble-proxy build/a*/bramble-agent; do
    readelf -lW "$f" | grep GNU_RELRO >/dev/null || { echo "$f has no GNU_RELRO"; rc=1; }
  done
  return $rc
}

# A Pi's agent is to have 1 MB (docs/BENCHMARKS.md): whoever needs more says so here.
agent_max=1000000
agent_size() {
  local size
  size=$(stat -c %s build/arm64/bramble-agent) || return 1
  [[ $size -le $agent_max ]] || { echo "build/arm64/bramble-agent has $size bytes"; return 1; }
}

check "C is formatted by clang-format 14" clang-format-14 format
check "cppcheck finds nothing" cppcheck analysis
check "shellcheck finds nothing" shellcheck shell
check "no function over 100 lines, no file over 800" ctags lengths
check "static programs use no NSS" nm no_nss
check "static programs read no tables that were left out" nm no_frames
check "static programs have no iconv" nm no_wide
check "static programs call nothing that jessie's kernel lacks" nm no_young_calls
check "what a static program has relocated is read-only" readelf relro
check "arm64's agent has no more than $agent_max bytes" stat agent_size
echo "1..$n"
exit $bad
