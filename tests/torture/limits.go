package main

import "time"

const (
	// maxRate bounds what one process of load can start in time.
	maxRate = 5000
	// maxAtOnce bounds requests under way, of searches and writes each; what comes above it is not sent, and counted.
	maxAtOnce = 4000
	// searchTimeout is more than a node takes for a search in the worst case, writeTimeout than for a write: a node
	// that doesn't answer by then has failed.
	searchTimeout = 10 * time.Second
	writeTimeout  = 35 * time.Second
	// greenTimeout bounds how long a cluster may take to be whole after a fault is over.
	greenTimeout = 90 * time.Second
	// stopTimeout bounds a node's orderly end.
	stopTimeout = 30 * time.Second
	// settleTimeout bounds waiting for replicas to be alike when nothing is written any more.
	settleTimeout = 60 * time.Second
	// pauseGoal is what the pause of acknowledged writes should not exceed.
	pauseGoal = 5 * time.Second
	// anchors are documents that nobody changes: every search for one must find it.
	anchors = 200
	// hotKeys are written by hotClients at once, each every hotEvery.
	hotKeys, hotClients = 4, 3
	hotEvery            = 150 * time.Millisecond
	// judgeTimeout bounds porcupine, per hot key.
	judgeTimeout = time.Minute
	// corpusFound of corpusDocuments can be found; the others have corpusFiller words, enough that each of three shards
	// writes files. corpusBatch are written at once.
	corpusFound, corpusDocuments, corpusFiller, corpusBatch = 4000, 20_000, 1000, 500
	// Of each of corpusQueries searches the first corpusTop hits are known; corpusSizes sizes beyond that are asked for,
	// by corpusRate searches a second.
	corpusQueries, corpusTop, corpusSizes = 100, 10, 100
	corpusRate                            = 20
	// checkOneIn writes is searched for right after its acknowledgement.
	checkOneIn = 4
	// sampleEvery is how often some keys are read while the load runs, sampleKeys how many.
	sampleEvery = 2 * time.Second
	sampleKeys  = 40
	// verifiers read keys side by side at the end.
	verifiers = 16
	// scanPage is how many documents one search of the final scan may find: the most a search gives.
	scanPage = 10_000
	// shownErrors is how many failures are printed of each fault, shownFaults of how many faults. Those are of one sort
	// that begin with the same sortBytes.
	shownErrors, shownFaults = 4, 12
	sortBytes                = 24
)
