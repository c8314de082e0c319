// Package watch asks many echo services for as long as it runs, and tells how
// each of them is doing. A name can stand for all addresses that it resolves to:
// they come and go with what the resolver answers.
//
// Which addresses are asked is in roster.go, and when an address counts as up or
// down in outage.go, both without I/O; the asking itself is package ping's.
package watch
