package metrics

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"echod/internal/accept"
	"echod/internal/echo"
	"echod/internal/engine"
	"echod/internal/server"
)

var (
	startTime = gauge("echod_start_time_seconds", "When the listeners were bound, in Unix time.")
	draining  = gauge("echod_draining", "1 from the first moment of a drain, else 0.")
	mostConns = gauge("echod_max_connections", "Connections that may be open at once, of all engines together.")
	mostHeld  = gauge("echod_max_held_bytes", "User memory that buffers may take, of all engines together, in bytes.")

	active    = gauge("echod_connections_active", "Connections open now.", "engine")
	accepted  = counter("echod_connections_accepted_total", "Connections taken in, those that were then refused included.", "engine")
	refused   = counter("echod_connections_refused_total", "Connections reset on arrival, by reason.", "engine", "reason")
	closes    = counter("echod_closes_total", "Connections ended, by cause; all but finished are resets.", "engine", "cause")
	failures  = counter("echod_accept_failures_total", "Failures of accept(2), by reason.", "engine", "reason")
	bytes     = counter("echod_bytes_total", "Bytes of streams received (in) and sent back (out).", "engine", "direction")
	discarded = counter("echod_discarded_bytes_total", "Bytes received and lost with a reset.", "engine")
	held      = gauge("echod_held_bytes", "User memory in buffers now, in bytes.", "engine")

	datagrams = counter("echod_datagrams_total", "Datagrams received (in) and answered (out).", "engine", "direction")
	dropped   = counter("echod_datagrams_dropped_total", "Datagrams not answered, by reason.", "engine", "reason")

	unread = counter("echod_datagram_receive_errors_total", "Reads of a datagram socket that failed.", "engine")

	loopTurns  = counter("echod_loop_turns_total", "Times that a loop looked for events.", "engine", "loop")
	loopActive = gauge("echod_loop_connections", "Connections that a loop serves now.", "engine", "loop")

	handshakes = counter("echod_tls_handshakes_total", "TLS handshakes ended, by result.", "engine", "result")
)

// service collects from snapshots of a service.
type service struct{ snapshot func() server.Snapshot }

// Serve collects how a service is doing. snapshot may be called from any
// goroutine, several at once.
func Serve(snapshot func() server.Snapshot) prometheus.Collector { return service{snapshot} }

func (s service) Describe(to chan<- *prometheus.Desc) {
	describe(to, []family{startTime, draining, mostConns, mostHeld, active, accepted, refused, closes, failures, bytes, discarded, held,
		datagrams, dropped, unread, loopTurns, loopActive, handshakes})
}

// Collect takes one snapshot, so that the figures of a scrape belong together.
func (s service) Collect(to chan<- prometheus.Metric) {
	snap := s.snapshot()
	tell(to, startTime, float64(snap.Started.UnixMilli())/1e3)
	tell(to, draining, truth(snap.Draining))
	tell(to, mostConns, snap.Limits.MaxConns)
	tell(to, mostHeld, snap.Limits.MaxMemory)
	for _, e := range snap.Engines {
		streams(to, e.Engine, &e.Stats)
		packets(to, e.Engine, &e.Stats)
		for i, l := range e.Stats.Loops {
			loop := strconv.Itoa(i)
			tell(to, loopTurns, l.Turns, e.Engine, loop)
			tell(to, loopActive, l.Active, e.Engine, loop)
		}
	}
}

func streams(to chan<- prometheus.Metric, name string, s *engine.Stats) {
	tell(to, active, s.Active, name)
	tell(to, accepted, s.Accepted, name)
	tell(to, bytes, s.BytesIn, name, "in")
	tell(to, bytes, s.BytesOut, name, "out")
	tell(to, discarded, s.Discarded, name)
	tell(to, held, s.Held, name)
	for i, n := range s.Refused {
		tell(to, refused, n, name, engine.Refusal(i).String())
	}
	for i, n := range s.Closes {
		tell(to, closes, n, name, engine.Cause(i).String())
	}
	for i, n := range s.Accepts {
		tell(to, failures, n, name, accept.Reason(i).String())
	}
	for i, n := range s.Handshakes {
		tell(to, handshakes, n, name, engine.Handshake(i).String())
	}
}

func packets(to chan<- prometheus.Metric, name string, s *engine.Stats) {
	tell(to, datagrams, s.DatagramsIn, name, "in")
	tell(to, datagrams, s.DatagramsOut, name, "out")
	tell(to, unread, s.DatagramErrors, name)
	for i, n := range s.Drops {
		if drop := echo.Drop(i); drop != echo.Answer {
			tell(to, dropped, n, name, drop.String())
		}
	}
}
