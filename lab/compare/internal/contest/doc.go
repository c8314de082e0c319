// Package contest lets echo servers take turns on one machine: the same load
// from the same client, the server on one processor and the client on another,
// in short rounds. What it reports is ratios; rates belong to the machine and
// the minute.
//
// A Match is one workload and the Contenders that meet in it, a Bench plays it,
// a Report keeps the raw samples, and tables and the picture are made from the
// report alone.
//
// It runs on Linux only: it pins with taskset(1) and reads proc_stat(5).
package contest
