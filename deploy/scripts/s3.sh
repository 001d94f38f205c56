#!/usr/bin/env bash
# Builds, starts and stops an S3 server (the Go module versitygw) over a directory. Meant for the tests: loopback only, the
# access key "sagasu", the secret key "sagasu-secret", and one bucket, "sagasu".
#
#   s3.sh install                 build the server; does nothing when it is there
#   s3.sh start [DIR [PORT]]      start a server that keeps its objects below DIR (default: a new temporary directory) on
#                                 PORT (default, or 0: a free one), wait until it answers, print "endpoint=URL",
#                                 "bucket=sagasu" and "dir=DIR"; an object is the file DIR/buckets/sagasu/NAME
#   s3.sh stop DIR                end the server of DIR
#   s3.sh status DIR              print "running" and the endpoint, or "stopped" with exit code 3
#
# Environment: SAGASU_CACHE (default ~/.cache/sagasu) holds the program; S3_READY_SECONDS (default 20) bounds the wait for
# readiness; S3_OWNER_PID names a process with which the server ends, however that process ended.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=versions.env
. "$here/versions.env"

cache=${SAGASU_CACHE:-$HOME/.cache/sagasu}
program=$cache/versitygw-$VERSITYGW_VERSION/versitygw

die() {
  echo "s3.sh: $*" >&2
  exit 1
}

install() {
  [ -x "$program" ] && return 0
  command -v go >/dev/null || die "Go is needed to build versitygw"
  mkdir -p "$cache"
  # Several may want to at the same time: one builds, the others wait.
  (
    flock 9
    [ -x "$program" ] && exit 0
    echo "s3.sh: building versitygw $VERSITYGW_VERSION" >&2
    build=$(mktemp -d "$cache/versitygw-build.XXXXXX")
    (cd "$build" && GOFLAGS= GOBIN=$build go install "github.com/versity/versitygw/cmd/versitygw@v$VERSITYGW_VERSION" >&2)
    mkdir -p "$(dirname "$program")"
    mv "$build/versitygw" "$program"
    rm -rf "$build"
  ) 9>"$cache/versitygw.lock"
  [ -x "$program" ] || die "versitygw $VERSITYGW_VERSION could not be built"
}

# alive reports whether the server of the directory runs. The command line is compared because the number in an old pid
# file may meanwhile belong to another process.
alive() {
  local pid
  pid=$(cat "$1/pid" 2>/dev/null) || return 1
  grep -qs versitygw "/proc/$pid/cmdline"
}

# answers reports whether a server on the port speaks HTTP.
answers() {
  local reply
  (
    exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
    printf 'GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' >&3
    read -r -t 2 reply <&3 && [[ $reply == HTTP/* ]]
  ) 2>/dev/null
}

# launch starts a server and waits until it answers; it fails if the port is another's.
launch() {
  local dir=$1 port=$2 deadline=$((SECONDS + ${S3_READY_SECONDS:-20}))
  # shellcheck disable=SC2016 # the inner shell expands them
  ROOT_ACCESS_KEY=sagasu ROOT_SECRET_KEY=sagasu-secret setsid bash -c '
    dir=$1 owner=$2
    shift 2
    echo $$ >"$dir/pid"
    if [ -n "$owner" ]; then
      server=$$
      (while kill -0 "$server"; do
        kill -0 "$owner" || kill -KILL "$server"
        sleep 1
      done) >/dev/null 2>&1 &
    fi
    exec "$@"
  ' s3-launch "$dir" "${S3_OWNER_PID:-}" \
    "$program" --port "127.0.0.1:$port" --quiet --keep-alive posix "$dir/buckets" >"$dir/server.log" 2>&1 </dev/null &
  local child=$!
  while [ "$SECONDS" -lt "$deadline" ] && kill -0 "$child" 2>/dev/null; do
    if alive "$dir" && answers "$port"; then
      return 0
    fi
    sleep 0.05
  done
  return 1
}

start() {
  local dir=${1:-} port=${2:-0} tries=1 at
  install
  [ -n "$dir" ] || dir=$(mktemp -d "${TMPDIR:-/tmp}/sagasu-s3.XXXXXX")
  mkdir -p "$dir/buckets/sagasu"
  dir=$(cd "$dir" && pwd)
  if alive "$dir"; then
    die "a server of $dir runs already, at $(cat "$dir/endpoint")"
  fi
  [ "$port" != 0 ] || tries=20
  for _ in $(seq "$tries"); do
    at=$port
    # Below the range from which the system gives out ports, where nobody's client sits by chance.
    [ "$at" != 0 ] || at=$((12000 + (RANDOM * 32768 + RANDOM) % 20000))
    rm -f "$dir/pid"
    if launch "$dir" "$at"; then
      echo "http://127.0.0.1:$at" >"$dir/endpoint"
      echo "endpoint=http://127.0.0.1:$at"
      echo "bucket=sagasu"
      echo "dir=$dir"
      return 0
    fi
    grep -qsi "address already in use" "$dir/server.log" || break
  done
  tail -n 20 "$dir/server.log" >&2
  stop "$dir"
  die "the server of $dir did not become ready; its log is $dir/server.log"
}

stop() {
  local dir=${1:?"s3.sh stop DIR"} signal
  for signal in TERM KILL; do
    for _ in $(seq 50); do
      if ! alive "$dir"; then
        rm -f "$dir/pid"
        return 0
      fi
      kill "-$signal" "$(cat "$dir/pid")" 2>/dev/null || true
      # One that was stopped ends when it goes on.
      kill -CONT "$(cat "$dir/pid")" 2>/dev/null || true
      sleep 0.02
    done
  done
  die "the server of $dir, process $(cat "$dir/pid"), does not end"
}

status() {
  local dir=${1:?"s3.sh status DIR"}
  if alive "$dir"; then
    echo "running $(cat "$dir/endpoint")"
  else
    echo "stopped"
    exit 3
  fi
}

command=${1:-}
[ $# -gt 0 ] && shift
case "$command" in
install) install ;;
start) start "$@" ;;
stop) stop "${1:-}" ;;
status) status "${1:-}" ;;
*)
  sed -n '2,14s/^# \{0,1\}//p' "$0" >&2
  exit 2
  ;;
esac
