"""bm25s with its numba backend behind the protocol of bench/peers/README.md."""

import json
import logging
import os
import sys
import time

import bm25s
import numpy as np
from bm25s.numba.retrieve_utils import _retrieve_internal_jitted_serial as retrieve

import peer


def build(corpus, directory):
    vocabulary, ids, selected = {}, [], {}
    for number, shares, tokens in peer.documents(corpus):
        ids.append([vocabulary.setdefault(t, len(vocabulary)) for t in tokens.split()])
        for share in shares.split():
            selected.setdefault(share, []).append(int(number))
    engine = bm25s.BM25(method="lucene", k1=1.2, b=0.75, backend="numba")
    engine.index((ids, vocabulary), create_empty_token=False, show_progress=False)
    engine.save(directory)
    with open(os.path.join(directory, "selected.json"), "w", encoding="ascii") as out:
        json.dump(selected, out)
    return len(ids)


class Searcher:
    def __init__(self, directory, questions):
        if any(q.kind not in ("or", "term") or q.count or q.k == 0 for q in questions):
            sys.exit("disjunctions without count only")
        engine = bm25s.BM25.load(directory, mmap=True)
        with open(os.path.join(directory, "selected.json"), encoding="ascii") as file:
            selected = json.load(file)
        scores = engine.scores
        self.lists = [np.asarray(scores[name]) for name in ("data", "indptr", "indices")]
        self.docs = int(scores["num_docs"])
        self.masks = {None: None}
        for share, numbers in selected.items():
            mask = np.zeros(self.docs, np.float32)
            mask[numbers] = 1
            self.masks[share] = mask
        self.calls = []
        for q in questions:
            ids = [engine.vocab_dict[t] for t in q.terms if t in engine.vocab_dict]
            self.calls.append((np.array(ids, np.int32), np.array([0, len(ids)], np.int32), min(q.k, self.docs),
                               self.masks[q.share]))

    def search(self, call):
        ids, pointers, k, mask = call
        data, indptr, indices = self.lists
        return retrieve(ids, pointers, k, True, np.dtype("float32"), np.dtype("int32"), data, indptr, indices,
                        self.docs, None, mask)

    def times(self):
        took = []
        for call in self.calls:
            start = time.perf_counter_ns()
            self.search(call)
            took.append(time.perf_counter_ns() - start)
        return took

    def answers(self):
        for call in self.calls:
            scores, numbers = self.search(call)
            # Without enough matches, documents without a score fill the list.
            yield -1, [(n, s) for n, s in zip(numbers[0], scores[0]) if s > 0]


logging.disable()
peer.main("bm25s " + bm25s.__version__, build, Searcher)
