"""PISA, by the extension module of pyterrier-pisa, behind the protocol of bench/peers/README.md.

The extension is loaded without the Python package around it, which would bring half a machine-learning stack.
PISA_ALGORITHM names the algorithm.
"""

import ctypes
import importlib.util
import os
import sys
import time
from collections import Counter
from glob import glob

import numpy as np

import peer

K1, B = 1.2, 0.75


def extension():
    # The wheel of tbb puts its library where no loader looks.
    ctypes.CDLL(os.path.join(sys.prefix, "lib", "libtbb.so.2"), ctypes.RTLD_GLOBAL)
    (path,) = glob(os.path.join(sys.prefix, "lib", "python*", "site-packages", "pyterrier_pisa", "_pisathon*.so"))
    spec = importlib.util.spec_from_file_location("_pisathon", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


pisa = extension()


def prepare(context, directory):
    pisa.prepare_index(context, directory, "block_simdbp", "bm25", "", quantize=0, stop_fname="", bm25_k1=K1, bm25_b=B)


def build(corpus, directory):
    plain = os.path.join(directory, "plain")
    docs = 0
    with open(plain, "w", encoding="ascii") as out:
        for number, _, tokens in peer.documents(corpus):
            out.write(f"{number} {tokens}\n")
            docs += 1
    pisa.index(plain, directory, "", 100_000, 1)
    os.remove(plain)
    prepare(pisa.RetrievalContext(), directory)
    # The uncompressed lists and the forward index serve building alone.
    for name in ("inv.docs", "inv.freqs", "fwd"):
        path = os.path.join(directory, name)
        if os.path.exists(path):
            os.remove(path)
    return docs


class Asked:
    """Queries that note when each is asked for, and when the one after the last is."""

    def __init__(self, queries):
        self.queries, self.at = queries, []

    def __len__(self):
        return len(self.queries)

    def __iter__(self):
        # Nothing is asked first, which pays for what a call costs once.
        yield len(self.queries), {}
        for query in self.queries:
            self.at.append(time.perf_counter_ns())
            yield query
        self.at.append(time.perf_counter_ns())


class Searcher:
    def __init__(self, directory, questions):
        with open(os.path.join(directory, "fwd.terms"), encoding="ascii") as lines:
            known = {line.rstrip("\n") for line in lines}
        self.algorithm = os.environ["PISA_ALGORITHM"]
        self.k = questions[0].k
        if any(q.k != self.k or q.count or q.share or q.kind == "phrase" for q in questions):
            sys.exit("one k, no counts, filters or phrases")
        self.queries = []
        for at, q in enumerate(questions):
            terms = {t: float(n) for t, n in Counter(q.terms).items() if t in known}
            # PISA leaves out what it doesn't know, in a conjunction too, where nothing matches then.
            if q.kind == "and" and len(terms) < len(set(q.terms)):
                terms = {}
            self.queries.append((at, terms))
        self.context = pisa.RetrievalContext()
        prepare(self.context, directory)
        size = len(questions) * self.k
        self.at, self.ranks = np.empty(size, np.int32), np.empty(size, np.int32)
        self.numbers, self.scores = np.empty(size, object), np.empty(size, np.float32)

    def times(self):
        # One call answers all. What the library does for a query lies between its asking for that and for the next.
        asked = Asked(self.queries)
        self.retrieve(asked)
        return [after - before for before, after in zip(asked.at, asked.at[1:])]

    def retrieve(self, queries):
        return pisa.retrieve(
            self.context, self.algorithm, queries, k=self.k, threads=1, query_weighted=1, pretokenised=True,
            result_qidxs=self.at, result_docnos=self.numbers, result_ranks=self.ranks, result_scores=self.scores)

    def answers(self):
        size = self.retrieve(self.queries)
        hits = [[] for _ in self.queries]
        for i in range(size):
            hits[self.at[i]].append((self.numbers[i], self.scores[i]))
        return [(-1, found) for found in hits]


peer.main("pyterrier-pisa 0.4.9", build, Searcher)
