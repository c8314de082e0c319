package engine

// Cause is why a stream ended. Exactly one is counted for each.
type Cause uint8

const (
	// Finished: the peer finished and had all of it back. The only clean end.
	Finished Cause = iota
	// PeerReset: the peer reset the connection or vanished behind an error
	// that says so (ECONNRESET, EPIPE).
	PeerReset
	// PeerLost: the kernel gave the peer up (ETIMEDOUT, EHOSTUNREACH …).
	PeerLost
	// Stalled: the peer took none of what it was owed for the stall timeout.
	Stalled
	// Idle: the peer was silent for the idle timeout.
	Idle
	// Drained: the stream had not finished when the drain's time was up.
	Drained
	// Broken: the kernel refused what the stream needed (ENOMEM and the like).
	Broken
	numCauses
)

// Refusal is why a connection that the kernel had accepted was reset at once.
type Refusal uint8

const (
	// RefusedPerIP: the address has its share of connections already.
	RefusedPerIP Refusal = iota
	// RefusedFD: the descriptor is beyond what the engine can wait for
	// (Caps.MaxFD).
	RefusedFD
	// RefusedPoller: the kernel would not watch the descriptor (ENOSPC, ENOMEM).
	RefusedPoller
	// RefusedMemory: there was no memory to serve it with.
	RefusedMemory
	numRefusals
)

// AcceptTrouble is a class of errors of accept(2), none of which ends a
// listener.
type AcceptTrouble uint8

const (
	// AcceptAborted: that one connection was lost while it was queued.
	AcceptAborted AcceptTrouble = iota
	// AcceptNoDescriptors: EMFILE or ENFILE; the listener rested.
	AcceptNoDescriptors
	// AcceptNoMemory: ENOBUFS or ENOMEM; the listener rested.
	AcceptNoMemory
	// AcceptFull: the limit on connections was reached; the listener rested.
	AcceptFull
	// AcceptOther: an errno that nobody foresaw; the listener rested.
	AcceptOther
	numAcceptTroubles
)

var (
	causeNames = [numCauses]string{
		Finished: "finished", PeerReset: "peer-reset", PeerLost: "peer-lost", Stalled: "stalled",
		Idle: "idle", Drained: "drained", Broken: "broken",
	}
	refusalNames = [numRefusals]string{
		RefusedPerIP: "per-ip", RefusedFD: "fd-limit", RefusedPoller: "poller", RefusedMemory: "memory",
	}
	acceptNames = [numAcceptTroubles]string{
		AcceptAborted: "aborted", AcceptNoDescriptors: "no-descriptors", AcceptNoMemory: "no-memory",
		AcceptFull: "full", AcceptOther: "other",
	}
)

func (c Cause) String() string         { return causeNames[c] }
func (r Refusal) String() string       { return refusalNames[r] }
func (a AcceptTrouble) String() string { return acceptNames[a] }
