package echotest

import (
	"testing"
	"time"
)

// ProxyFault is one way in which a proxy is broken. The proxy is honest in every other
// way.
type ProxyFault struct {
	Name        string // e.g. "drops-fin"
	Description string // e.g. "does not forward a FIN"
	Network     string // the scheme of the proxy's URL: "tcp", "udp" or, if it ends TLS, "tls"
	Path        Path   // how the proxy differs from an honest one
	Detection   Detection
}

// NewProxy starts an honest proxy on loopback: a relay as [NewRelay] starts it, with an
// honest path. It holds at most 64 KiB of each direction of a stream.
func NewProxy(t testing.TB, upstream string) *Server {
	t.Helper()
	return NewRelay(t, Path{}, upstream)
}

// NewBrokenProxy starts a proxy as [NewProxy] does, which has the fault f.
func NewBrokenProxy(t testing.TB, f ProxyFault, upstream string) *Server {
	t.Helper()
	return NewRelay(t, f.Path, upstream)
}

func streamProxyFault(name, description string, path Path) ProxyFault {
	return ProxyFault{Name: name, Description: description, Network: "tcp", Path: path}
}

func datagramProxyFault(name, description string, faults ...PathFault) ProxyFault {
	return ProxyFault{Name: name, Description: description, Network: "udp", Path: Path{Faults: faults}}
}

// pathWith returns a path without a delay that has these faults.
func pathWith(faults ...PathFault) Path { return Path{Faults: faults} }

// ClosesBothOnFIN closes both directions at the FIN of one and drops what it has not
// forwarded yet.
func ClosesBothOnFIN() ProxyFault {
	return streamProxyFault("closes-both-on-fin", "closes both directions at the FIN of one and drops what it has not forwarded yet", Path{
		// The delay makes sure that the last answer is not forwarded yet.
		ToClient: Way{Delay: 50 * time.Millisecond, Window: 1 << 20},
		Faults:   []PathFault{{On: OnFIN, Do: Close}},
	})
}

// DropsFIN does not forward a FIN.
func DropsFIN() ProxyFault {
	return streamProxyFault("drops-fin", "does not forward a FIN", pathWith(PathFault{On: OnFIN, Do: Drop}))
}

// TurnsFINIntoReset forwards a FIN as a reset.
func TurnsFINIntoReset() ProxyFault {
	return streamProxyFault("turns-fin-into-reset", "forwards a FIN as a reset", pathWith(PathFault{On: OnFIN, Do: Reset}))
}

// TurnsResetIntoFIN forwards a reset as a FIN.
func TurnsResetIntoFIN() ProxyFault {
	return streamProxyFault("turns-reset-into-fin", "forwards a reset as a FIN", pathWith(PathFault{On: OnReset, Do: Close}))
}

// LeaksCloseWait does not close its connection to the server when the server has sent
// its FIN first. The connection stays in CLOSE-WAIT.
func LeaksCloseWait() ProxyFault {
	return streamProxyFault("leaks-close-wait", "does not close its connection to the server when the server has sent its FIN first",
		pathWith(PathFault{On: OnFIN, Direction: ToServer, Second: true, Do: Hang}))
}

// ClosesHalfClosed closes both directions some time after the FIN of one.
func ClosesHalfClosed(after time.Duration) ProxyFault {
	return streamProxyFault("closes-half-closed", "closes both directions "+after.String()+" after the FIN of one",
		pathWith(PathFault{On: OnFIN, After: after, Do: Close}))
}

// ForgetsHalfClosed forwards nothing more and sends no FIN or reset some time after the
// FIN of one side, as a NAT does with a short timeout for half-closed connections. A relay
// does not see TCP keepalive, so keepalive does not help.
func ForgetsHalfClosed(after time.Duration) ProxyFault {
	return streamProxyFault("forgets-half-closed", "forwards nothing more and sends no FIN or reset "+after.String()+" after the FIN of one side",
		pathWith(PathFault{On: OnFIN, After: after, Do: Hang}))
}

// AcceptsBeforeConnecting accepts a client before it connects to the server, and resets
// if nothing listens there.
func AcceptsBeforeConnecting() ProxyFault {
	return streamProxyFault("accepts-before-connecting", "accepts a client before it connects to the server, and resets if nothing listens there",
		Path{AcceptsFirst: true})
}

// ClosesIdle closes a connection that was idle for some time.
func ClosesIdle(after time.Duration) ProxyFault {
	return streamProxyFault("closes-idle", "closes a connection that was idle for "+after.String(),
		pathWith(PathFault{On: OnIdle, After: after, Do: Close}))
}

// ResetsIdle resets a connection that was idle for some time.
func ResetsIdle(after time.Duration) ProxyFault {
	return streamProxyFault("resets-idle", "resets a connection that was idle for "+after.String(),
		pathWith(PathFault{On: OnIdle, After: after, Do: Reset}))
}

// ForgetsIdle forwards nothing more and sends no FIN or reset after a connection was
// idle for some time, as a NAT does.
func ForgetsIdle(after time.Duration) ProxyFault {
	return streamProxyFault("forgets-idle", "forwards nothing more and sends no FIN or reset after a connection was idle for "+after.String(),
		pathWith(PathFault{On: OnIdle, After: after, Do: Hang}))
}

// StoresUntilFIN forwards nothing to the server before the client's FIN. It stores up
// to 1 MiB, and forwards when more comes.
func StoresUntilFIN() ProxyFault {
	return streamProxyFault("stores-until-fin", "forwards nothing to the server before the client's FIN",
		Path{ToServer: Way{StoresUntilFIN: true, Window: 1 << 20}})
}

// DropsLargeChunks forwards nothing more after it has received more than 1400 bytes at
// once, as a path with an MTU black hole does (RFC 2923).
func DropsLargeChunks() ProxyFault {
	return streamProxyFault("drops-large-chunks", "forwards nothing more after it has received more than 1400 bytes at once",
		pathWith(PathFault{MinSize: 1401, Do: Hang}))
}

// ChangesByte changes the byte at offset 5000 of what the server sends.
func ChangesByte() ProxyFault {
	return streamProxyFault("changes-byte", "changes the byte at offset 5000 of what the server sends",
		pathWith(PathFault{Direction: ToClient, Offset: intact, Do: ChangeByte}))
}

// DropsUnreadBytes drops at the server's FIN what it has not forwarded yet, if the
// client has once read nothing for 250 ms.
func DropsUnreadBytes() ProxyFault {
	return streamProxyFault("drops-unread-bytes", "drops at the server's FIN what it has not forwarded yet, if the client has once read nothing for 250 ms", Path{
		// The small buffer: the proxy cannot drop what is in the kernel.
		ToClient: Way{Delay: 100 * time.Millisecond, Window: 1 << 20, SendBuffer: 16 << 10},
		Faults:   []PathFault{{On: OnFIN, Direction: ToClient, After: 250 * time.Millisecond, Do: DiscardIfStuck}},
	})
}

// ReadsAheadWithoutLimit reads on from the server while the client does not read. It
// stops at 256 MiB for each connection, to protect the test.
func ReadsAheadWithoutLimit() ProxyFault {
	return streamProxyFault("reads-ahead-without-limit", "reads on from the server while the client does not read",
		Path{ToClient: Way{Window: 256 << 20}})
}

// ReadsAheadSlowly receives 1000 KiB/s without limit while the client does not read. It
// stops at 256 MiB for each connection, to protect the test.
func ReadsAheadSlowly() ProxyFault {
	return streamProxyFault("reads-ahead-slowly", "receives 1000 KiB/s without limit while the client does not read",
		Path{ToServer: Way{Rate: 1000 << 10}, ToClient: Way{Window: 256 << 20}})
}

// LeaksSlotsOnReset has 50 slots, and does not free that of a connection that was reset.
func LeaksSlotsOnReset() ProxyFault {
	return streamProxyFault("leaks-slots-on-reset", "has 50 slots, and does not free that of a connection that was reset",
		Path{MaxConns: 50, LeaksOnReset: true})
}

// HoldsSmallMessages holds messages of less than 1460 bytes for 40 ms, in each
// direction. No rule fails: stream/chunking passes with a note.
func HoldsSmallMessages() ProxyFault {
	return streamProxyFault("holds-small-messages", "holds messages of less than 1460 bytes for 40 ms",
		pathWith(PathFault{MaxSize: 1459, Do: Delay, After: 40 * time.Millisecond}))
}

// DropsUrgentData drops urgent data, as a proxy does without SO_OOBINLINE.
func DropsUrgentData() ProxyFault {
	return streamProxyFault("drops-urgent-data", "drops urgent data", Path{DropsUrgent: true})
}

// ChangesOddSizesWhenBusy changes a byte of a chunk of odd size while the other direction is
// busy. Its path takes a millisecond to the server: without a delay, a chunk has left the
// proxy before the next one arrives.
func ChangesOddSizesWhenBusy() ProxyFault {
	return streamProxyFault("changes-odd-sizes-when-busy", "changes a byte of a chunk of odd size while the other direction is busy", Path{
		ToServer: Way{Delay: time.Millisecond},
		Faults:   []PathFault{{Direction: ToClient, OddSize: true, WhileBusy: true, Do: ChangeByte}},
	})
}

// ChangesRareByte changes one byte in 256 MiB.
func ChangesRareByte() ProxyFault {
	return streamProxyFault("changes-rare-byte", "changes one byte in 256 MiB",
		pathWith(PathFault{Direction: ToClient, EveryBytes: 256 << 20, Do: ChangeByte}))
}

// HasBadServer changes a byte on every fourth connection, as a balancer does that has
// one bad server out of four.
func HasBadServer() ProxyFault {
	return streamProxyFault("has-bad-server", "changes a byte on every fourth connection",
		pathWith(PathFault{Conns: EveryNth(4), Direction: ToClient, Offset: 100, Do: ChangeByte}))
}

// DropsFINOnOneServer does not forward a FIN on every twentieth connection, as a balancer does
// that has one bad server out of twenty.
func DropsFINOnOneServer() ProxyFault {
	return streamProxyFault("drops-fin-on-one-server", "does not forward a FIN on every twentieth connection",
		pathWith(PathFault{Conns: EveryNth(20), On: OnFIN, Do: Drop}))
}

// LimitsConnections resets a client if there are already ten others.
func LimitsConnections() ProxyFault {
	return streamProxyFault("limits-connections", "resets a client if there are already ten others", Path{MaxConns: 10})
}

// QueuesConnections leaves a client in the backlog if there are already ten others.
func QueuesConnections() ProxyFault {
	return streamProxyFault("queues-connections", "leaves a client in the backlog if there are already ten others",
		Path{MaxConns: 10, Queues: true})
}

// SendsLateBanner sends a greeting to a client that has sent nothing in the 1.5 s since it
// connected.
func SendsLateBanner() ProxyFault {
	return streamProxyFault("sends-late-banner", "sends a greeting to a client that has sent nothing in the 1.5 s since it connected",
		pathWith(PathFault{On: OnConnect, After: 1500 * time.Millisecond, Silent: true, Do: SendBanner}))
}

// AnswersOK sends "OK" in place of what the server sends.
func AnswersOK() ProxyFault {
	return streamProxyFault("answers-ok", "sends \"OK\" in place of what the server sends",
		pathWith(PathFault{Direction: ToClient, Do: AnswerOK}))
}

// AnswersOKToDatagrams sends "OK" in place of each datagram of the server.
func AnswersOKToDatagrams() ProxyFault {
	return datagramProxyFault("answers-ok-to-datagrams", "sends \"OK\" in place of each datagram of the server",
		PathFault{Direction: ToClient, Do: AnswerOK})
}

// DropsLargeDatagrams drops answers of more than 1472 bytes, as a path does that drops
// fragments.
func DropsLargeDatagrams() ProxyFault {
	return datagramProxyFault("drops-large-datagrams", "drops answers of more than 1472 bytes",
		PathFault{Direction: ToClient, MinSize: 1473, Do: Drop})
}

// DropsDatagrams drops every third answer to a client.
func DropsDatagrams() ProxyFault {
	return datagramProxyFault("drops-datagrams", "drops every third answer to a client",
		PathFault{Direction: ToClient, Chunks: EveryNth(3), Do: Drop})
}

// DuplicatesDatagrams sends every third answer to a client twice.
func DuplicatesDatagrams() ProxyFault {
	return datagramProxyFault("duplicates-datagrams", "sends every third answer to a client twice",
		PathFault{Direction: ToClient, Chunks: EveryNth(3), Do: Duplicate})
}

// ReordersDatagrams sends every third answer to a client after the next one.
func ReordersDatagrams() ProxyFault {
	return datagramProxyFault("reorders-datagrams", "sends every third answer to a client after the next one",
		PathFault{Direction: ToClient, Chunks: EveryNth(3), Do: Reorder})
}

// ChangesSourcePort sends answers from another port than the client sent to.
func ChangesSourcePort() ProxyFault {
	return datagramProxyFault("changes-source-port", "sends answers from another port than the client sent to",
		PathFault{Direction: ToClient, Do: FromAnotherPort})
}

// ForgetsMapping drops the server's datagrams to a client that was silent for some
// time, as a NAT does.
func ForgetsMapping(after time.Duration) ProxyFault {
	return datagramProxyFault("forgets-mapping", "drops the server's datagrams to a client that was silent for "+after.String(),
		PathFault{On: OnIdle, After: after, Do: Close})
}
