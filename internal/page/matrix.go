package page

import "time"

// Matrix is what a watch sees of its targets.
type Matrix struct {
	Targets []Target // in an order that stays
}

// Target is what is watched, and the addresses that it has now.
type Target struct {
	URL       string
	Problem   string // why its name has no addresses; "" if that is not so
	Addresses []Address
}

// Address is one address of a target.
type Address struct {
	Addr     string
	Up       bool
	Sent     uint64
	Received uint64
	Lost     uint64

	// Round-trip times; 0 if none was measured.
	Last time.Duration
	P50  time.Duration
	P99  time.Duration
	Max  time.Duration

	Class   string    // of the last error; "" if there was none
	Failed  time.Time // when that was
	History []Bucket  // the last ten minutes, oldest first; buckets may be missing
}

// Bucket is what came of the probes that left within a few seconds.
type Bucket struct {
	At   time.Time     // when it began
	Span time.Duration // how long it is
	Sent uint64
	Lost uint64

	// Round-trip times of those that came back; 0 if none did.
	Min time.Duration
	Avg time.Duration
	Max time.Duration
}
