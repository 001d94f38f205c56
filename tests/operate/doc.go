// Command operate changes a running cluster of real processes under load, as operators do, and hurts it meanwhile: it
// kills the source, the target and the leader of a move at each of its steps, rebalances, and restarts nodes by a
// signal. Every search must be answered in whole, and every write that was acknowledged must be there at the end, once.
//
//	go run ./tests/operate -kills 1                      each role at each step, once
//	go run ./tests/operate -kills 0 -rebalances 10       ten full rebalances
//	go run ./tests/operate -kills 0 -moves 3 -throttle 2097152 -documents 60000    how well a throttle is obeyed
//	go run ./tests/operate -kills 0 -restarts 6          restarts by SIGTERM
package main
