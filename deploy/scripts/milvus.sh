#!/usr/bin/env bash
# Installs, starts and stops a standalone Milvus server out of its Python package, without containers.
# Meant for the demo and the tests: free ports, all data in one directory, several may run at a time.
# Milvus listens on every interface and can't be told otherwise: not for machines that others can reach.
#
#   milvus.sh install       make the virtual environment; does nothing when it is there
#   milvus.sh start [DIR]   start a server with its data in DIR (default: a new temporary directory),
#                           wait until it is ready, print "address=HOST:PORT" and "dir=DIR"
#   milvus.sh stop DIR      end the server of DIR; its data stays
#   milvus.sh status DIR    print "running HOST:PORT", or "stopped" with exit code 3
#
# Environment: SAGASU_CACHE (default ~/.cache/sagasu) holds the virtual environment;
# MILVUS_READY_SECONDS (default 120) bounds the wait for readiness.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=versions.env
. "$here/versions.env"

cache=${SAGASU_CACHE:-$HOME/.cache/sagasu}
venv=$cache/milvus
stamp=$venv/.installed-$MILVUS_VERSION
server=$venv/server-$MILVUS_VERSION

die() {
  echo "milvus.sh: $*" >&2
  exit 1
}

# unpack extracts the server's binary and libraries once; all instances run the same copy.
unpack() {
  "$venv/bin/python" - "$server" <<'PY'
import sys
import milvus

milvus._initialize_data_files(sys.argv[1])
PY
}

install() {
  [ -f "$stamp" ] && return 0
  command -v python3 >/dev/null || die "python3 is missing; install it with: apt-get install python3 python3-venv"
  command -v flock >/dev/null || die "flock is missing; install it with: apt-get install util-linux"
  python3 -c 'import venv, ensurepip' 2>/dev/null ||
    die "python3 can't make virtual environments; install that with: apt-get install python3-venv python3-pip"
  mkdir -p "$cache"
  (
    flock 9
    [ -f "$stamp" ] && exit 0
    echo "milvus.sh: installing Milvus $MILVUS_VERSION into $venv" >&2
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check \
      "setuptools==$MILVUS_SETUPTOOLS_VERSION" "milvus==$MILVUS_VERSION" >&2
    unpack
    touch "$stamp"
  ) 9>"$cache/milvus.lock"
}

# configure writes the server's configuration into DIR, with free ports for the proxy and every inner
# service, and prints the proxy's port and that of the health check. The embedded etcd takes its ports
# from a file of its own only.
configure() {
  "$venv/bin/python" - "$1" <<'PY'
import os
import socket
import sys
import milvus

config = milvus.MilvusServerConfig(data_dir=sys.argv[1])
names = [n for n in config.configurable_items if n.endswith("_port")] + ["metrics_port", "etcd_peer_port"]
sockets = [socket.socket() for _ in names]
for s in sockets:
    s.bind(("127.0.0.1", 0))
ports = {n: s.getsockname()[1] for n, s in zip(names, sockets)}
for s in sockets:
    s.close()
config.update(**ports)
# Loopback is what the inner services register, so that they don't talk over an outer interface.
for role in ("rootCoord", "proxy", "queryCoord", "queryNode", "indexNode", "dataCoord", "dataNode"):
    config.set(role + ".ip", "127.0.0.1")
# The server crashes when it is told to end, without giving up its leases: the next start waits for them.
config.set("common.session.ttl", 10)
config.resolve()
client, peer = ("http://127.0.0.1:%d" % ports[n] for n in ("etcd_port", "etcd_peer_port"))
with open(os.path.join(sys.argv[1], "configs", "etcd.yaml"), "w") as f:
    f.write("listen-client-urls: %s\nadvertise-client-urls: %s\n" % (client, client))
    f.write("listen-peer-urls: %s\ninitial-advertise-peer-urls: %s\n" % (peer, peer))
    f.write("initial-cluster: default=%s\n" % peer)
print(ports["proxy_port"], ports["metrics_port"])
PY
}

# signal sends DIR's server a signal: its process group, or, if it is so young that it has none yet,
# its process. It fails if there is neither.
signal() {
  local pid
  [ -f "$2/pid" ] || return 1
  pid=$(cat "$2/pid")
  kill "-$1" -- "-$pid" 2>/dev/null || kill "-$1" "$pid" 2>/dev/null
}

# alive reports whether DIR's server has a process left.
alive() {
  signal 0 "$1"
}

# wait_ready polls the health check until it says OK, the server ends or the time is over.
wait_ready() {
  local dir=$1 port=$2 deadline=$((SECONDS + ${MILVUS_READY_SECONDS:-120}))
  while alive "$dir" && [ "$SECONDS" -lt "$deadline" ]; do
    if "$venv/bin/python" - "$port" 2>/dev/null <<'PY'; then
import sys
import urllib.request

url = "http://127.0.0.1:%s/healthz" % sys.argv[1]
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
sys.exit(b"OK" not in opener.open(url, timeout=5).read())
PY
      return 0
    fi
    sleep 0.2
  done
  return 1
}

start() {
  local dir=${1:-} ports
  install
  [ -n "$dir" ] || dir=$(mktemp -d "${TMPDIR:-/tmp}/sagasu-milvus.XXXXXX")
  mkdir -p "$dir/logs"
  dir=$(cd "$dir" && pwd)
  if alive "$dir"; then
    die "a server runs on $dir already, at $(cat "$dir/address")"
  fi
  ports=$(configure "$dir")
  read -r proxy metrics <<<"$ports"
  # A session of its own gives the server and its children one process group, to be ended as a whole.
  (
    cd "$dir"
    exec env DEPLOY_MODE=STANDALONE ETCD_CONFIG_PATH="$dir/configs/etcd.yaml" METRICS_PORT="$metrics" \
      MILVUS_RUN_DIR="$dir/run" LD_LIBRARY_PATH="$server/bin" setsid "$server/bin/milvus" run standalone
  ) >"$dir/logs/server.log" 2>&1 </dev/null &
  echo $! >"$dir/pid"
  echo "127.0.0.1:$proxy" >"$dir/address"
  if ! wait_ready "$dir" "$metrics"; then
    tail -n 20 "$dir/logs/server.log" >&2
    stop "$dir"
    die "the server on $dir did not become ready; its log is $dir/logs/server.log"
  fi
  echo "address=127.0.0.1:$proxy"
  echo "dir=$dir"
}

stop() {
  local dir=${1:?"milvus.sh stop DIR"} name
  for name in TERM KILL; do
    for _ in $(seq 50); do
      if ! alive "$dir"; then
        rm -f "$dir/pid"
        return 0
      fi
      signal "$name" "$dir" || true
      sleep 0.1
    done
  done
  die "the server of $dir, process group $(cat "$dir/pid"), does not end"
}

status() {
  local dir=${1:?"milvus.sh status DIR"}
  if alive "$dir"; then
    echo "running $(cat "$dir/address")"
  else
    echo "stopped"
    exit 3
  fi
}

case "${1:-}" in
install) install ;;
start) start "${2:-}" ;;
stop) stop "${2:-}" ;;
status) status "${2:-}" ;;
*)
  sed -n '2,13s/^# \{0,1\}//p' "$0" >&2
  exit 2
  ;;
esac
