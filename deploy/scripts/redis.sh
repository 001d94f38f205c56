#!/usr/bin/env bash
# Installs, starts and stops a Redis server (Debian's package). Meant for the demo and the tests: loopback only,
# nothing is kept on disk.
#
#   redis.sh install                          install the server; does nothing when it is there
#   redis.sh start [DIR [PORT [OPTION...]]]   start a server that keeps its pid and log in DIR (default: a new
#                                             temporary directory) on PORT (default, or 0: a free one), wait until
#                                             it answers, print "address=HOST:PORT" and "dir=DIR"; options are
#                                             those of redis-server, such as --maxmemory 2mb
#   redis.sh stop DIR                         end the server of DIR
#   redis.sh status DIR                       print "running" and the address, or "stopped" with exit code 3
#
# Environment: REDIS_READY_SECONDS (default 10) bounds the wait for readiness; REDIS_OWNER_PID names a process with
# which the server ends, however that process ended.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=versions.env
. "$here/versions.env"
# shellcheck source=server.sh
. "$here/server.sh"

# shellcheck disable=SC2034 # read by server.sh
{
  name=redis.sh process=redis-server place=address pause=0.02
  signals=(TERM KILL)
}

# recent reports whether the installed server is of the wanted version or a later one.
recent() {
  local version
  version=$(redis-server --version 2>/dev/null | sed -n 's/.* v=\([0-9.]*\).*/\1/p')
  [ -n "$version" ] && printf '%s\n%s\n' "$REDIS_MINIMUM_VERSION" "$version" | sort -VC
}

install() {
  recent && return 0
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    die "Redis $REDIS_MINIMUM_VERSION or later is missing; install it with: sudo apt-get install redis-server"
  fi
  say "installing redis-server"
  # Several may want to at the same time; dpkg waits for its lock. The package must not start a server of its own.
  local apt=(apt-get -o DPkg::Lock::Timeout=120 install -y -qq --no-install-recommends redis-server)
  RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive "${apt[@]}" >&2 ||
    { apt-get update -qq >&2 && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive "${apt[@]}" >&2; }
  recent || die "the packages here have no Redis $REDIS_MINIMUM_VERSION or later"
}

# answers reports whether a server on the port speaks; NOAUTH is an answer too.
answers() {
  local reply
  (
    exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
    printf 'PING\r\n' >&3
    read -r -t 2 reply <&3 && [[ $reply == +PONG* || $reply == -NOAUTH* ]]
  ) 2>/dev/null
}

# launch starts a server and waits until it answers; it fails if the port is another's.
launch() {
  local dir=$1 port=$2
  shift 2
  run "$dir" "${REDIS_OWNER_PID:-}" KILL \
    redis-server --port "$port" --bind 127.0.0.1 --dir "$dir" --save "" --appendonly no --daemonize no "$@"
  await "$dir" "${REDIS_READY_SECONDS:-10}" answers "$port"
}

tell() {
  echo "127.0.0.1:$2" >"$1/address"
  echo "address=127.0.0.1:$2"
}

ended() { :; }

start() {
  local dir=${1:-} port=${2:-0}
  [ $# -gt 2 ] && shift 2 || shift $#
  install
  [ -n "$dir" ] || dir=$(mktemp -d "${TMPDIR:-/tmp}/sagasu-redis.XXXXXX")
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd)
  unused "$dir"
  serve "$dir" "$port" "$@"
}

command=${1:-}
[ $# -gt 0 ] && shift
case "$command" in
install) install ;;
start) start "$@" ;;
stop) stop "${1:-}" ;;
status) status "${1:-}" ;;
*)
  sed -n '2,16s/^# \{0,1\}//p' "$0" >&2
  exit 2
  ;;
esac
