package engine

import (
	"syscall"

	"echod/internal/errno"
)

// Cause is why a stream ended. Exactly one is counted for each stream.
type Cause uint8

const (
	// Finished: the peer half-closed and has received everything back. This is
	// the only clean end.
	Finished Cause = iota
	// PeerReset: the peer reset the connection (ECONNRESET, EPIPE).
	PeerReset
	// PeerLost: the kernel gave up the peer (ETIMEDOUT, EHOSTUNREACH …).
	PeerLost
	// Stalled: the peer took none of its owed bytes for the stall timeout.
	Stalled
	// Idle: the peer sent nothing for the idle timeout.
	Idle
	// Drained: the stream was still open when the drain timeout was over.
	Drained
	// Broken: a system call that the stream needs failed (ENOMEM and the like).
	Broken
	// Truncated: the TLS stream ended with a FIN and no close_notify, so it is
	// unknown whether the peer had sent everything (RFC 8446, section 6.1).
	Truncated
	// Garbled: after the handshake the peer sent an alert, or bytes that are not
	// valid TLS.
	Garbled
	numCauses
)

// Refusal is why a connection was reset right after accept.
type Refusal uint8

const (
	// RefusedPerIP: the address has Limits.MaxConnsPerIP connections already.
	RefusedPerIP Refusal = iota
	// RefusedFD: the descriptor is above Caps.MaxFD.
	RefusedFD
	// RefusedPoller: the kernel did not add the descriptor to the poller (ENOSPC,
	// ENOMEM).
	RefusedPoller
	// RefusedMemory: there was no memory to serve it with.
	RefusedMemory
	// RefusedHandshake: the TLS handshake failed. Stats.Handshakes counts why.
	RefusedHandshake
	numRefusals
)

// Handshake is how a TLS handshake ended. After HandshakeOK the stream is served.
// After any other it is reset and counted as RefusedHandshake, or as Drained.
type Handshake uint8

const (
	// HandshakeOK: the handshake has succeeded.
	HandshakeOK Handshake = iota
	// HandshakeFailed: the client sent bytes that are not TLS, supports no common
	// version or cipher suite, or rejected our certificate.
	HandshakeFailed
	// HandshakeRefused: the client sent no certificate, or one that is not trusted.
	HandshakeRefused
	// HandshakeTimeout: it took longer than Config.HandshakeTimeout, or the client
	// was silent for the idle timeout.
	HandshakeTimeout
	// HandshakeLost: the client closed the connection before the end of the
	// handshake, e.g. because it only probed whether the port is open.
	HandshakeLost
	// HandshakeDrained: the drain timeout was over.
	HandshakeDrained
	numHandshakes
)

// ClassifyEnd returns the cause of the end of a stream on which a read or a write
// failed with number. It never returns Finished: an error is not a clean end.
func ClassifyEnd(number syscall.Errno) Cause {
	switch errno.Classify(number) {
	case errno.Reset, errno.Closed:
		return PeerReset
	case errno.TimedOut, errno.Unreachable, errno.Refused, errno.Protocol:
		return PeerLost
	default:
		return Broken
	}
}

var (
	causeNames = [numCauses]string{
		Finished: "finished", PeerReset: "peer-reset", PeerLost: "peer-lost", Stalled: "stalled",
		Idle: "idle", Drained: "drained", Broken: "broken", Truncated: "truncated", Garbled: "garbled",
	}
	refusalNames = [numRefusals]string{
		RefusedPerIP: "per-ip", RefusedFD: "fd-limit", RefusedPoller: "poller", RefusedMemory: "memory",
		RefusedHandshake: "handshake",
	}
	handshakeNames = [numHandshakes]string{
		HandshakeOK: "ok", HandshakeFailed: "failed", HandshakeRefused: "refused", HandshakeTimeout: "timeout",
		HandshakeLost: "lost", HandshakeDrained: "drained",
	}
)

func (c Cause) String() string     { return causeNames[c] }
func (r Refusal) String() string   { return refusalNames[r] }
func (h Handshake) String() string { return handshakeNames[h] }
