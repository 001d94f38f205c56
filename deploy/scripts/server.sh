# shellcheck shell=bash
# What the scripts have in common that start a server of a directory: its process id is in DIR/pid, its log in
# DIR/server.log, its address in DIR/$place. Sourced by them, after they have set
#
#   name      of the script, for messages
#   process   what the server's command line has in it
#   place     the file with the address: address, or endpoint
#   signals   to end it with, the gentle ones first
#   pause     seconds between two looks at whether it has ended
#
# and with functions of theirs: install, launch DIR PORT [OPTION...] (start it and wait until it answers), tell DIR PORT
# (note and print where it is), and ended DIR (wait for what it leaves behind).

say() {
  echo "$name: $*" >&2
}

die() {
  say "$@"
  exit 1
}

# alive reports whether the server of the directory runs. The command line is compared because the number in an old
# pid file may meanwhile belong to another process.
alive() {
  local pid
  pid=$(cat "$1/pid" 2>/dev/null) || return 1
  grep -qs "$process" "/proc/$pid/cmdline"
}

# unused dies if the server of the directory runs.
unused() {
  if alive "$1"; then
    die "a server of $1 runs already, at $(cat "$1/$place")"
  fi
}

# run starts a command that leads a session of its own, and ends with the process $2, if that is one, by the signal $3.
run() {
  local dir=$1 owner=$2 signal=$3
  shift 3
  # shellcheck disable=SC2016 # the inner shell expands them
  setsid bash -c '
    dir=$1 owner=$2 signal=$3
    shift 3
    echo $$ >"$dir/pid"
    if [ -n "$owner" ]; then
      server=$$
      (while kill -0 "$server"; do
        kill -0 "$owner" || kill "-$signal" "$server"
        sleep 1
      done) >/dev/null 2>&1 &
    fi
    cd "$dir"
    exec "$@"
  ' "$name-launch" "$dir" "$owner" "$signal" "$@" >"$dir/server.log" 2>&1 </dev/null &
}

# await waits at most $2 seconds for the command that was started last to be alive in the directory $1 and for the rest
# of the arguments, a command, to succeed.
await() {
  local child=$! dir=$1 deadline=$((SECONDS + $2))
  shift 2
  while [ "$SECONDS" -lt "$deadline" ] && kill -0 "$child" 2>/dev/null; do
    if alive "$dir" && "$@"; then
      return 0
    fi
    sleep "$pause"
  done
  return 1
}

# serve starts the server of a directory on a port, 0 for a free one, and says where it is.
serve() {
  local dir=$1 port=$2 tries=1 at
  shift 2
  [ "$port" != 0 ] || tries=20
  for _ in $(seq "$tries"); do
    at=$port
    # Below the range from which the system gives out ports, where nobody's client sits by chance.
    [ "$at" != 0 ] || at=$((12000 + (RANDOM * 32768 + RANDOM) % 20000))
    rm -f "$dir/pid"
    if launch "$dir" "$at" "$@"; then
      tell "$dir" "$at"
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
  local dir=${1:?"$name stop DIR"} signal
  for signal in "${signals[@]}"; do
    for _ in $(seq 50); do
      if ! alive "$dir"; then
        ended "$dir"
        rm -f "$dir/pid"
        return 0
      fi
      kill "-$signal" "$(cat "$dir/pid")" 2>/dev/null || true
      # One that was stopped ends when it goes on.
      kill -CONT "$(cat "$dir/pid")" 2>/dev/null || true
      sleep "$pause"
    done
  done
  die "the server of $dir, process $(cat "$dir/pid"), does not end"
}

status() {
  local dir=${1:?"$name status DIR"}
  if alive "$dir"; then
    echo "running $(cat "$dir/$place")"
  else
    echo "stopped"
    exit 3
  fi
}
