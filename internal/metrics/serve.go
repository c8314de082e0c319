package metrics

import (
	"fmt"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"echod/internal/accept"
	"echod/internal/echo"
	"echod/internal/engine"
	"echod/internal/server"
)

// Serve collects the metrics of a service. Snapshot is called from any goroutine,
// several at once.
func Serve(snapshot func() server.Snapshot) prometheus.Collector {
	return collector[server.Snapshot]{snapshot, []metric[server.Snapshot]{
		gauge("echod_start_time_seconds", "When the listeners were bound, in Unix time.", nil,
			func(s *server.Snapshot, emit emit) { emit(float64(s.Started.UnixMilli()) / 1e3) }),
		gauge("echod_draining", "1 from the beginning of a drain, else 0.", nil,
			func(s *server.Snapshot, emit emit) { emit(truth(s.Draining)) }),
		gauge("echod_max_connections", "Limit on open connections, for all engines together.", nil,
			func(s *server.Snapshot, emit emit) { emit(float64(s.Limits.MaxConns)) }),
		gauge("echod_max_held_bytes", "Limit on user memory in buffers, for all engines together, in bytes.", nil,
			func(s *server.Snapshot, emit emit) { emit(float64(s.Limits.MaxMemory)) }),

		gauge("echod_connections_active", "Open connections.", byEngine(),
			forEngine(func(s *engine.Stats) uint64 { return s.Active })),
		counter("echod_connections_accepted_total", "Accepted connections, including those that were then refused.", byEngine(),
			forEngine(func(s *engine.Stats) uint64 { return s.Accepted })),
		counter("echod_connections_refused_total", "Connections reset right after accept, by reason.", byEngine("reason"),
			forEach[engine.Refusal](func(s *engine.Stats) []uint64 { return s.Refused[:] })),
		counter("echod_closes_total", "Closed connections, by cause. All causes except finished are resets.", byEngine("cause"),
			forEach[engine.Cause](func(s *engine.Stats) []uint64 { return s.Closes[:] })),
		counter("echod_accept_errors_total", "Errors of accept(2) and pauses of listeners, by reason.", byEngine("reason"),
			forEach[accept.Reason](func(s *engine.Stats) []uint64 { return s.Accepts[:] })),
		counter("echod_tls_handshakes_total", "Ended TLS handshakes, by result.", byEngine("result"),
			forEach[engine.Handshake](func(s *engine.Stats) []uint64 { return s.Handshakes[:] })),
		counter("echod_bytes_total", "Bytes received (in) and sent back (out) on streams.", byEngine("direction"),
			inAndOut(func(s *engine.Stats) (in, out uint64) { return s.BytesIn, s.BytesOut })),
		counter("echod_discarded_bytes_total", "Bytes received and then discarded by a reset.", byEngine(),
			forEngine(func(s *engine.Stats) uint64 { return s.Discarded })),
		gauge("echod_held_bytes", "User memory in buffers, in bytes.", byEngine(),
			forEngine(func(s *engine.Stats) uint64 { return s.Held })),

		counter("echod_datagrams_total", "Datagrams received (in) and answered (out).", byEngine("direction"),
			inAndOut(func(s *engine.Stats) (in, out uint64) { return s.DatagramsIn, s.DatagramsOut })),
		counter("echod_datagrams_dropped_total", "Datagrams not answered, by reason.", byEngine("reason"),
			func(s *server.Snapshot, emit emit) {
				forEach[echo.Drop](func(s *engine.Stats) []uint64 { return s.Drops[:] })(s, func(v float64, labels ...string) {
					if labels[1] != echo.Answer.String() { // which is no drop
						emit(v, labels...)
					}
				})
			}),
		counter("echod_datagram_receive_errors_total", "Failed reads of datagram sockets.", byEngine(),
			forEngine(func(s *engine.Stats) uint64 { return s.DatagramErrors })),

		counter("echod_loop_turns_total", "Times that an event loop polled.", byEngine("loop"),
			forLoop(func(l *engine.LoopStats) uint64 { return l.Turns })),
		gauge("echod_loop_connections", "Connections of an event loop.", byEngine("loop"),
			forLoop(func(l *engine.LoopStats) uint64 { return l.Active })),
	}}
}

// byEngine returns the label engine, and other labels after it.
func byEngine(others ...string) []string { return append([]string{"engine"}, others...) }

// forEngine reads one number of each engine.
func forEngine(of func(*engine.Stats) uint64) func(*server.Snapshot, emit) {
	return func(s *server.Snapshot, emit emit) {
		for _, e := range s.Engines {
			emit(float64(of(&e.Stats)), e.Engine)
		}
	}
}

// inAndOut reads a number for each direction.
func inAndOut(of func(*engine.Stats) (in, out uint64)) func(*server.Snapshot, emit) {
	return func(s *server.Snapshot, emit emit) {
		for _, e := range s.Engines {
			in, out := of(&e.Stats)
			emit(float64(in), e.Engine, "in")
			emit(float64(out), e.Engine, "out")
		}
	}
}

// forEach reads each number of an array. K is the type of its index, whose names are
// the values of the second label.
func forEach[K interface {
	~uint8
	fmt.Stringer
}](of func(*engine.Stats) []uint64) func(*server.Snapshot, emit) {
	return func(s *server.Snapshot, emit emit) {
		for _, e := range s.Engines {
			for i, n := range of(&e.Stats) {
				emit(float64(n), e.Engine, K(i).String())
			}
		}
	}
}

// forLoop reads one number of each event loop.
func forLoop(of func(*engine.LoopStats) uint64) func(*server.Snapshot, emit) {
	return func(s *server.Snapshot, emit emit) {
		for _, e := range s.Engines {
			for i, l := range e.Stats.Loops {
				emit(float64(of(&l)), e.Engine, strconv.Itoa(i))
			}
		}
	}
}
