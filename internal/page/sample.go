package page

import "time"

// Sample is how a process is doing at one moment. Counts of what has happened only
// grow; what is now may do as it likes.
type Sample struct {
	Started   time.Time // when it began to serve
	Draining  bool
	Listeners []Listener
	Traffic   *Traffic // of an echo, else nil
	Agent     *Agent   // of an agent, else nil
}

// Listener is an address that is served.
type Listener struct {
	URL    string
	Engine string // which serves it; "" if there is no choice of engines
}

// Traffic is what an echo has done so far.
type Traffic struct {
	Active    uint64 // streams open now
	MaxActive uint64 // streams that may be; 0: as many as come
	Held      uint64 // bytes that buffers hold now
	MaxHeld   uint64 // bytes that they may; 0: as many as it takes

	Accepted     uint64 // streams taken in, refused ones included
	BytesIn      uint64 // received on streams
	BytesOut     uint64 // sent back on streams
	Discarded    uint64 // bytes received, and lost with a reset
	DatagramsIn  uint64
	DatagramsOut uint64

	// Each list in an order that stays, those of which there were none included.
	Closes     []Count // streams ended, by cause
	Refused    []Count // streams reset on arrival, by reason
	Accepts    []Count // failures of accept, by reason
	Handshakes []Count // of TLS, by result
	Drops      []Count // datagrams not answered, by reason

	Loops []Loop // none where an engine has none
}

// Count is how often something has happened.
type Count struct {
	Name string
	N    uint64
}

// Loop is one event loop.
type Loop struct {
	Engine string
	Turns  uint64 // times it looked for events
	Active uint64 // streams it serves now
}

// Agent is what the far end of checks has done so far.
type Agent struct {
	Active    uint64    // scenarios that go on
	MaxActive uint64    // that may; 0: as many as come
	Ends      []Count   // scenarios that are over, by result, in an order that stays
	Sessions  []Session // those that go on and those that were over last, the newest first
}

// Session is a scenario that is acted out, or was.
type Session struct {
	ID       string
	Scenario string
	Client   string // its address
	Started  time.Time
	Took     time.Duration // until now, or until it was over
	Received uint64        // bytes
	Sent     uint64        // bytes
	End      string        // "" while it goes on
}

// Peer is one stream of those that moved most, or have waited longest.
type Peer struct {
	ID       uint64
	Addr     string // "" on a unix socket
	Network  string
	BytesIn  uint64
	BytesOut uint64
	Owed     uint64        // bytes received and not sent back yet
	Waiting  time.Duration // how long the peer has taken nothing of what it is owed; 0 if it is owed nothing
}
