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

say() {
  echo "redis.sh: $*" >&2
}

die() {
  say "$@"
  exit 1
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

# alive reports whether the server of the directory runs. The command line is compared because the number in an old
# pid file may meanwhile belong to another process.
alive() {
  local pid
  pid=$(cat "$1/pid" 2>/dev/null) || return 1
  grep -qs redis-server "/proc/$pid/cmdline"
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
  local dir=$1 port=$2 deadline=$((SECONDS + ${REDIS_READY_SECONDS:-10}))
  shift 2
  # shellcheck disable=SC2016 # the inner shell expands them
  setsid bash -c '
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
  ' redis-launch "$dir" "${REDIS_OWNER_PID:-}" \
    redis-server --port "$port" --bind 127.0.0.1 --dir "$dir" --save "" --appendonly no --daemonize no "$@" \
    >"$dir/server.log" 2>&1 </dev/null &
  local child=$!
  while [ "$SECONDS" -lt "$deadline" ] && kill -0 "$child" 2>/dev/null; do
    if alive "$dir" && answers "$port"; then
      return 0
    fi
    sleep 0.02
  done
  return 1
}

start() {
  local dir=${1:-} port=${2:-0} tries=1
  [ $# -gt 2 ] && shift 2 || shift $#
  install
  [ -n "$dir" ] || dir=$(mktemp -d "${TMPDIR:-/tmp}/sagasu-redis.XXXXXX")
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd)
  if alive "$dir"; then
    die "a server of $dir runs already, at $(cat "$dir/address")"
  fi
  [ "$port" != 0 ] || tries=20
  for _ in $(seq "$tries"); do
    local at=$port
    # Below the range from which the system gives out ports, where nobody's client sits by chance.
    [ "$at" != 0 ] || at=$((12000 + (RANDOM * 32768 + RANDOM) % 20000))
    rm -f "$dir/pid"
    if launch "$dir" "$at" "$@"; then
      echo "127.0.0.1:$at" >"$dir/address"
      echo "address=127.0.0.1:$at"
      echo "dir=$dir"
      return 0
    fi
    grep -qs "Address already in use" "$dir/server.log" || break
  done
  tail -n 20 "$dir/server.log" >&2
  stop "$dir"
  die "the server of $dir did not become ready; its log is $dir/server.log"
}

stop() {
  local dir=${1:?"redis.sh stop DIR"} signal
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
  local dir=${1:?"redis.sh status DIR"}
  if alive "$dir"; then
    echo "running $(cat "$dir/address")"
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
  sed -n '2,16s/^# \{0,1\}//p' "$0" >&2
  exit 2
  ;;
esac
