#!/usr/bin/env bash
# Runs every fuzz target of the repository for a while, one after the other.
#
#   fuzz.sh [DURATION]   DURATION is per target, in go's notation (default 30s)
#
# A crasher is written to testdata/fuzz beside its test; commit it with the fix, and it is a test for ever.
set -euo pipefail

duration=${1:-30s}
cd "$(dirname "${BASH_SOURCE[0]}")/.."

grep -rHoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' . | sort |
  while IFS=: read -r file declaration; do
    target=${declaration#func }
    package=$(dirname "$file")
    echo "== $package $target"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "$duration" "$package" </dev/null
  done
