#!/usr/bin/env bash
# Scores runs with pytrec_eval, the reference that bench/quality is tested against.
#
#   pytrec.sh install   make the virtual environment; does nothing when it is there
#   pytrec.sh score     read {"qrels": {query: {document: grade}}, "run": {query: [document, ...]}} from
#                       standard input, print the measures of each query as JSON
#
# Environment: SAGASU_CACHE (default ~/.cache/sagasu) holds the virtual environment.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=versions.env
. "$here/versions.env"

cache=${SAGASU_CACHE:-$HOME/.cache/sagasu}
venv=$cache/pytrec
stamp=$venv/.installed-$PYTREC_EVAL_VERSION-$PYTREC_NUMPY_VERSION

die() {
  echo "pytrec.sh: $*" >&2
  exit 1
}

install() {
  [ -f "$stamp" ] && return 0
  command -v python3 >/dev/null || die "python3 is missing; install it with: apt-get install python3 python3-venv"
  command -v flock >/dev/null || die "flock is missing; install it with: apt-get install util-linux"
  python3 -c 'import venv, ensurepip' 2>/dev/null ||
    die "python3 can't make virtual environments; install that with: apt-get install python3-venv"
  mkdir -p "$cache"
  (
    flock 9
    [ -f "$stamp" ] && exit 0
    echo "pytrec.sh: installing pytrec_eval $PYTREC_EVAL_VERSION into $venv" >&2
    rm -rf "$venv"
    python3 -m venv "$venv"
    # Without dependencies, because of those only numpy is imported; the other is scipy, ten times as big.
    "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
      "pytrec_eval-terrier==$PYTREC_EVAL_VERSION" \
      "numpy==$PYTREC_NUMPY_VERSION; python_version >= '3.11'" \
      "numpy==$PYTREC_NUMPY_VERSION_PYTHON310; python_version < '3.11'" >&2
    "$venv/bin/python" -c 'import pytrec_eval'
    touch "$stamp"
  ) 9>"$cache/pytrec.lock"
}

case "${1:-}" in
install) install ;;
score)
  install
  exec "$venv/bin/python" "$here/pytrec_score.py"
  ;;
*)
  sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
  exit 2
  ;;
esac
