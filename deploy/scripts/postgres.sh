#!/usr/bin/env bash
# Installs, starts and stops a PostgreSQL server (Debian's package). Meant for the demo and the tests: loopback only, one
# superuser "sagasu" with the password "sagasu", and nothing that a power failure must not lose.
#
#   postgres.sh install                          install the server; does nothing when it is there
#   postgres.sh start [DIR [PORT [OPTION...]]]   start a server with its data in DIR (default: a new temporary directory)
#                                                on PORT (default, or 0: a free one), wait until it answers, print
#                                                "address=HOST:PORT", "dir=DIR" and "dsn=..."; options are NAME=VALUE
#                                                of postgresql.conf
#   postgres.sh standby OF [DIR [PORT [OPTION...]]]
#                                                the same for one that follows the running server of OF
#   postgres.sh promote DIR                      make a standby take writes
#   postgres.sh stop DIR                         end the server of DIR; its data stays
#   postgres.sh status DIR                       print "running" and the address, or "stopped" with exit code 3
#
# Since the server refuses root, root runs it as the user postgres. Environment: POSTGRES_READY_SECONDS (default 30)
# bounds the wait for readiness; POSTGRES_OWNER_PID names a process with which the server ends, however that one ended.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=versions.env
. "$here/versions.env"
# shellcheck source=server.sh
. "$here/server.sh"

bin=/usr/lib/postgresql/$POSTGRES_MAJOR_VERSION/bin
# shellcheck disable=SC2034 # read by server.sh
{
  name=postgres.sh process=$bin/postgres place=address pause=0.05
  # INT ends without waiting for clients, QUIT without writing what is in memory.
  signals=(INT QUIT KILL)
}
as=()
if [ "$(id -u)" = 0 ]; then
  as=(setpriv --reuid=postgres --regid=postgres --clear-groups --)
fi

install() {
  [ -x "$bin/postgres" ] && return 0
  local package=postgresql-$POSTGRES_MAJOR_VERSION
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    die "PostgreSQL $POSTGRES_MAJOR_VERSION is missing; install it with: sudo apt-get install $package"
  fi
  say "installing $package"
  # Several may want to at the same time; dpkg waits for its lock. The package must not start a server of its own.
  local apt=(apt-get -o DPkg::Lock::Timeout=120 install -y -qq --no-install-recommends "$package")
  RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive "${apt[@]}" >&2 ||
    { apt-get update -qq >&2 && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive "${apt[@]}" >&2; }
  [ -x "$bin/postgres" ] || die "the packages here have no PostgreSQL $POSTGRES_MAJOR_VERSION"
}

# label names the server of a directory in the titles of its processes, which have room for 63 bytes.
label() {
  echo "sagasu-$(cksum <<<"$1" | tr ' ' '-')"
}

# children gives the processes that hold on to the data after their parent was killed.
children() {
  pgrep -f "^postgres: $(label "$1"):" || true
}

make_dir() {
  local dir=$1
  [ -n "$dir" ] || dir=$(mktemp -d "${TMPDIR:-/tmp}/sagasu-postgres.XXXXXX")
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd)
  unused "$dir"
  # The server's user must get there, past directories that mktemp makes for their owner only.
  [ ${#as[@]} = 0 ] || chown postgres: "$dir"
  "${as[@]}" test -w "$dir" || die "the user postgres can't write to $dir"
  echo "$dir"
}

initialize() {
  local dir=$1
  [ -f "$dir/data/PG_VERSION" ] && return 0
  echo sagasu | "${as[@]}" tee "$dir/password" >/dev/null
  (cd "$dir" && "${as[@]}" "$bin/initdb" -D "$dir/data" -U sagasu --pwfile="$dir/password" -A scram-sha-256 -E UTF8 \
    --locale=C --no-sync) >"$dir/initdb.log" 2>&1 || { tail -n 20 "$dir/initdb.log" >&2; die "initdb failed in $dir"; }
}

# launch starts a server and waits until it answers; it fails if the port is another's.
launch() {
  local dir=$1 port=$2 option
  local options=(-c "cluster_name=$(label "$dir")" -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off)
  shift 2
  for option in "$@"; do
    options+=(-c "$option")
  done
  # Nobody runs on the data; that of a server that was killed would keep the next one from starting for as long as
  # another process has its number.
  rm -f "$dir/data/postmaster.pid"
  run "$dir" "${POSTGRES_OWNER_PID:-}" QUIT \
    "${as[@]}" "$bin/postgres" -D "$dir/data" -p "$port" "${options[@]}"
  await "$dir" "${POSTGRES_READY_SECONDS:-30}" "$bin/pg_isready" -q -h 127.0.0.1 -p "$port" -t 2
}

tell() {
  echo "127.0.0.1:$2" >"$1/address"
  echo "address=127.0.0.1:$2"
  echo "dsn=postgres://sagasu:sagasu@127.0.0.1:$2/postgres"
}

# ended waits for the children of a killed server, which end by themselves once they notice.
ended() {
  for _ in $(seq 200); do
    [ -n "$(children "$1")" ] || break
    sleep 0.05
  done
}

start() {
  local dir port=${2:-0}
  install
  dir=$(make_dir "${1:-}")
  [ $# -gt 2 ] && shift 2 || shift $#
  initialize "$dir"
  serve "$dir" "$port" "$@"
}

standby() {
  local of=${1:?"postgres.sh standby OF [DIR]"} dir port=${3:-0} address
  install
  alive "$of" || die "no server of $of runs"
  address=$(cat "$of/address")
  dir=$(make_dir "${2:-}")
  [ $# -gt 3 ] && shift 3 || shift $#
  if [ ! -f "$dir/data/PG_VERSION" ]; then
    (cd "$dir" && "${as[@]}" "$bin/pg_basebackup" --no-sync -c fast -X stream -R -D "$dir/data" \
      -d "postgres://sagasu:sagasu@$address/postgres") >&2 || die "no copy of $of came to $dir"
  fi
  serve "$dir" "$port" "$@"
}

promote() {
  local dir=${1:?"postgres.sh promote DIR"}
  (cd "$dir" && "${as[@]}" "$bin/pg_ctl" promote -D "$dir/data" -w -s) >&2
}

command=${1:-}
[ $# -gt 0 ] && shift
case "$command" in
install) install ;;
start) start "$@" ;;
standby) standby "$@" ;;
promote) promote "${1:-}" ;;
stop) stop "${1:-}" ;;
status) status "${1:-}" ;;
*)
  sed -n '2,21s/^# \{0,1\}//p' "$0" >&2
  exit 2
  ;;
esac
