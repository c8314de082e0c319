package engine

import (
	"syscall"

	"echod/internal/errno"
)

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
	// Truncated: the peer's TLS ended by a FIN without close_notify, so nobody
	// knows whether it had finished (RFC 8446, section 6.1).
	Truncated
	// Garbled: after the handshake the peer sent what is no TLS, or an alert.
	Garbled
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
	// RefusedHandshake: TLS did not come about; Stats.Handshakes tells why.
	RefusedHandshake
	numRefusals
)

// Handshake is how a TLS handshake ended. A stream on which it ended well is
// served; any other is RefusedHandshake, or Drained.
type Handshake uint8

const (
	// HandshakeOK: the stream is secure, and the client is who it must be.
	HandshakeOK Handshake = iota
	// HandshakeFailed: what came was no TLS, or none that both sides speak, or
	// the client would not have our certificate.
	HandshakeFailed
	// HandshakeRefused: the client showed no certificate, or none that we trust.
	HandshakeRefused
	// HandshakeTimeout: it took longer than Config.HandshakeTimeout, or was
	// silent for the idle timeout.
	HandshakeTimeout
	// HandshakeLost: the client went away meanwhile, as a probe does that only
	// wants to know whether the port is open.
	HandshakeLost
	// HandshakeDrained: the drain's time was up.
	HandshakeDrained
	numHandshakes
)

// ClassifyEnd returns why a stream ended on which a read or a write failed with
// number. It never returns Finished: an error is no clean end.
func ClassifyEnd(number syscall.Errno) Cause {
	switch errno.POSIX(number) {
	case syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED, syscall.ENOTCONN:
		return PeerReset
	case syscall.ETIMEDOUT, syscall.EHOSTUNREACH, syscall.EHOSTDOWN, syscall.ENETUNREACH,
		syscall.ENETDOWN, syscall.ENETRESET, syscall.ECONNREFUSED, syscall.EPROTO, syscall.ENOPROTOOPT:
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
