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
# shellcheck source=server.sh
. "$here/server.sh"

# shellcheck disable=SC2034 # read by server.sh
{
  name=s3.sh process=versitygw place=endpoint pause=0.02
  signals=(TERM KILL)
}

cache=${SAGASU_CACHE:-$HOME/.cache/sagasu}
program=$cache/versitygw-$VERSITYGW_VERSION/versitygw

install() {
  [ -x "$program" ] && return 0
  command -v go >/dev/null || die "Go is needed to build versitygw"
  mkdir -p "$cache"
  # Several may want to at the same time: one builds, the others wait.
  (
    flock 9
    [ -x "$program" ] && exit 0
    say "building versitygw $VERSITYGW_VERSION"
    build=$(mktemp -d "$cache/versitygw-build.XXXXXX")
    (cd "$build" && GOFLAGS= GOBIN=$build go install "github.com/versity/versitygw/cmd/versitygw@v$VERSITYGW_VERSION" >&2)
    mkdir -p "$(dirname "$program")"
    mv "$build/versitygw" "$program"
    rm -rf "$build"
  ) 9>"$cache/versitygw.lock"
  [ -x "$program" ] || die "versitygw $VERSITYGW_VERSION could not be built"
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
  local dir=$1 port=$2
  ROOT_ACCESS_KEY=sagasu ROOT_SECRET_KEY=sagasu-secret run "$dir" "${S3_OWNER_PID:-}" KILL \
    "$program" --port "127.0.0.1:$port" --quiet --keep-alive posix "$dir/buckets"
  await "$dir" "${S3_READY_SECONDS:-20}" answers "$port"
}

tell() {
  echo "http://127.0.0.1:$2" >"$1/endpoint"
  echo "endpoint=http://127.0.0.1:$2"
  echo "bucket=sagasu"
}

ended() { :; }

start() {
  local dir=${1:-} port=${2:-0}
  install
  [ -n "$dir" ] || dir=$(mktemp -d "${TMPDIR:-/tmp}/sagasu-s3.XXXXXX")
  mkdir -p "$dir/buckets/sagasu"
  dir=$(cd "$dir" && pwd)
  unused "$dir"
  serve "$dir" "$port"
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
