package query

import (
	"time"

	"sagasu/api"
)

const (
	// maxDenseCandidates bounds what is asked of the dense leg: Milvus gives no more than 16,384 hits.
	maxDenseCandidates = 16_384
	// spareVectors are asked of the vectors of all shards beyond the window, to make up for those that are not of
	// their document's present version.
	spareVectors = 32
	// maxFilterIDs bounds the documents that a filter may select which only the shards understand: Milvus gets their
	// ids.
	maxFilterIDs = 10_000
	// spareHits are asked for beyond the page in the modes of one leg, to refill a page from which
	// documents were deleted between search and fetch.
	spareHits = 16
	// maxRefills bounds the rounds of fetching that refill a page.
	maxRefills = 8
	// maxCollapseWindow bounds the window that a search with collapsed hits grows to for a full page.
	maxCollapseWindow = api.MaxFusionWindow
	// maxSuspects bounds the queries remembered because they made a shard panic.
	maxSuspects = 1024
	// panicsAllowed is the number of panics after which a query is refused.
	panicsAllowed = 2
	// legShare is the part of a search's time that its legs have; the rest is for the page.
	legShare = 0.9
	// statisticsShare is the part of the sparse leg's time that the round for statistics has, so that a
	// shard that hangs does not keep the others from being searched.
	statisticsShare = 0.5
	// statisticsAge is the default of Config.StatisticsAge, which the design promises to users.
	statisticsAge = time.Second
	// statisticsBytes is the default of Config.StatisticsBytes: some 70,000 terms of 8 shards.
	statisticsBytes = 32 << 20

	// settle is the default of Config.Settle: what an answer is made of, statistics among it, is at most as old.
	settle = statisticsAge
	// settleVectors is the default of Config.SettleVectors: Milvus may show what was written with a grace time, 5 s
	// by its defaults.
	settleVectors = 6 * time.Second
	// positionShare is the part of a search's time in which the shards tell their positions, else it runs without.
	positionShare = 0.05
	// joinShare is the part of a search's time that an equal one under way may have used up to be joined: who joins
	// also shares its end.
	joinShare = 0.25
	// maxStill bounds the indexes whose positions are remembered.
	maxStill = 4096
	// maxKeeping bounds the answers that are being kept; keepTimeout the time for one.
	maxKeeping  = 64
	keepTimeout = time.Second
	// maxAnswerBytes bounds the answers that are kept. Pages as large are not asked for twice.
	maxAnswerBytes = 512 << 10
	// answerOverhead and hitOverhead are about what an answer and a hit take as bytes beside their documents.
	answerOverhead, hitOverhead = 128, 96
)
