// Package oplog writes the log of a process that must not wait for its log.
//
// A caller formats its line, puts it into a bounded queue and goes on; one
// goroutine writes. If nobody reads, the queue fills and new lines are dropped
// and counted. Before that, the rate of each kind of line is limited, so that
// strangers cannot fill the log; what is left out is counted, too.
package oplog
