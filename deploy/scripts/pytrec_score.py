"""Scores a run with pytrec_eval: judgements and rankings in as JSON, measures of each query out.

trec_eval orders a run by score and breaks ties by document id; the order given here is to count, so
every rank gets a score of its own. recip_rank knows no cut, so it is taken of the first ten alone.
"""

import json
import sys

import pytrec_eval


def scored(ranking):
    return {document: float(len(ranking) - i) for i, document in enumerate(ranking)}


def main():
    given = json.load(sys.stdin)
    qrels, run = given["qrels"], given["run"]
    whole = pytrec_eval.RelevanceEvaluator(qrels, {"ndcg_cut.10", "recall.100"}).evaluate(
        {query: scored(ranking) for query, ranking in run.items()}
    )
    first = pytrec_eval.RelevanceEvaluator(qrels, {"recip_rank"}).evaluate(
        {query: scored(ranking[:10]) for query, ranking in run.items()}
    )
    json.dump({query: {**whole[query], **first[query]} for query in whole}, sys.stdout)


if __name__ == "__main__":
    main()
