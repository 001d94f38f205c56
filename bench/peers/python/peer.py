"""The protocol of bench/peers/README.md for engines that are driven from Python."""

import json
import os
import sys
import time


class Question:
    """One query of a set."""

    def __init__(self, line):
        self.kind, k, count, share, terms = line.split("\t")
        self.k, self.count = int(k), count == "1"
        self.share = None if share == "-" else share
        self.terms = terms.split(" ")


def documents(corpus):
    """Gives number, shares and tokens of each document, as text."""
    with open(corpus, encoding="ascii") as lines:
        for line in lines:
            yield line.rstrip("\n").split("\t")


def main(version, build, serve):
    """build(corpus, dir) gives the number of documents; serve(dir, questions) an object with times and answers."""
    if len(sys.argv) != 4 or sys.argv[1] not in ("build", "run"):
        sys.exit("usage: build CORPUS DIR | run DIR QUERIES")
    # Libraries that chat on the standard output chat on the other one.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    if sys.argv[1] == "build":
        corpus, directory = sys.argv[2:]
        start = time.perf_counter()
        os.makedirs(directory)
        docs = build(corpus, directory)
        seconds = time.perf_counter() - start
        size = sum(os.path.getsize(os.path.join(at, f)) for at, _, files in os.walk(directory) for f in files)
        print(json.dumps({"docs": docs, "seconds": seconds, "bytes": size, "version": version}), file=out)
        return
    with open(sys.argv[3], encoding="ascii") as lines:
        questions = [Question(line.rstrip("\n")) for line in lines]
    searcher = serve(sys.argv[2], questions)
    for command in sys.stdin:
        if command == "pass\n":
            print(" ".join(map(str, searcher.times())), file=out)
        elif command == "check\n":
            for count, hits in searcher.answers():
                print(count, *(f"{number}:{score:.9g}" for number, score in hits), file=out)
            print("end", file=out)
        else:
            sys.exit(f"unknown command {command!r}")
        out.flush()
