// Command torture runs a cluster of real processes under load and faults, and checks every acknowledged write. Its
// last line reads "N faults, N searches, N failed, N acknowledged, N lost, seed N"; it exits with 1 if a search
// failed, a write was lost, or anything else was not as it must be.
//
// The load is open: requests start when their time has come, whatever became of those before, so that a pause costs
// what it would cost users. A key is written by one request at a time, which makes it certain what the key may hold;
// the hot keys are written by several clients at once, and their history is judged by porcupine.
package main
