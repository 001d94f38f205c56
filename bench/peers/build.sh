#!/usr/bin/env bash
# Builds the engines that bench/peers measures into bin/peers; what is there and newer than its sources stays.
# Needs Go, cargo, Maven, CPython 3.11 (PISA has wheels up to it) and a JDK of 21 or newer (JAVA_HOME, or the newest
# below /usr/lib/jvm).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
out=$PWD/bin/peers
mkdir -p "$out"

need() { command -v "$1" >/dev/null || { echo "peers: $1 is missing; install $2" >&2; exit 1; }; }
need go "Go 1.26 or newer"
need cargo "Rust (rustup, or Debian's cargo)"
need mvn "Maven (Debian's maven)"
need python3 "CPython 3.11"

# A JDK of 21 or newer: Lucene 10 asks for it.
java_home() {
	local home release
	for home in "${JAVA_HOME:-}" $(ls -d /usr/lib/jvm/* 2>/dev/null | sort -rV); do
		release=$home/release
		[ -x "$home/bin/javac" ] && [ -f "$release" ] || continue
		[ "$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$release")" -ge 21 ] && { echo "$home"; return; }
	done
	echo "peers: no JDK of 21 or newer found; set JAVA_HOME" >&2
	exit 1
}
jdk=$(java_home)
ln -sfn "$jdk/bin/java" "$out/java"

GOEXPERIMENT=simd go build -trimpath -pgo cmd/sagasu/search.pgo -o "$out/sagasu-peer" ./bench/peers/sagasu
(cd bench/peers/gopeer && go build -trimpath -o "$out/go-peer" .)
if [ ! -x "$out/peer-tantivy" ] || [ -n "$(find bench/peers/tantivy -newer "$out/peer-tantivy" -type f)" ]; then
	CARGO_TARGET_DIR="$out/tantivy-target" cargo build --release --locked --manifest-path bench/peers/tantivy/Cargo.toml
	cp "$out/tantivy-target/release/peer-tantivy" "$out/peer-tantivy"
fi
if [ ! -d "$out/lucene/lib" ] || [ bench/peers/lucene/pom.xml -nt "$out/lucene/lib" ]; then
	JAVA_HOME=$jdk mvn -q -B -f bench/peers/lucene/pom.xml dependency:copy-dependencies -DoutputDirectory="$out/lucene/lib"
	touch "$out/lucene/lib"
fi
mkdir -p "$out/lucene/classes"
"$jdk/bin/javac" -cp "$out/lucene/lib/*" -d "$out/lucene/classes" bench/peers/lucene/src/Peer.java

# Engines that are driven from Python, each with what it needs and no more.
venv() {
	local dir=$out/$1 stamp=$out/$1/packages
	shift
	[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$*" ] && return
	rm -rf "$dir"
	python3 -m venv "$dir"
	# Without dependencies: all are named, at one version.
	"$dir/bin/pip" -q install --no-deps "$@"
	echo "$*" >"$stamp"
}
venv pisa pyterrier-pisa==0.4.9 tbb==2020.3.254 numpy==2.2.6
venv bm25s bm25s==0.3.16 numpy==2.2.6 numba==0.61.2 llvmlite==0.44.0 scipy==1.15.3
