// Package duel holds one echo server against another on one machine: the same
// load from the same client, the server on one processor and the client on
// another, in short rounds that take turns. What it reports is ratios; rates
// belong to the machine and the minute.
//
// It runs on Linux only: it pins with taskset(1) and reads proc_stat(5).
package duel
