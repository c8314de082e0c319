package enginetest

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"echod/internal/engine"
	"echod/internal/trace"
)

// RunTraced runs the traced cases on e with a trace of every connection: cases in which streams
// begin, wait for their peers and end in every way. Each must pass as it does without a trace,
// and its trace must agree with the counters of the engine.
func RunTraced(t *testing.T, e engine.Engine) {
	if !available(t, e) {
		return
	}
	for _, c := range allCases() {
		if c.traced {
			t.Run(c.name, func(t *testing.T) { c.runOn(t, e, true) })
		}
	}
}

// tracing is the trace of one server.
type tracing struct {
	recorder *trace.Recorder
	file     bytes.Buffer
}

// startTrace makes the server of cfg trace every connection.
func startTrace(cfg *engine.Config) *tracing {
	tr := &tracing{}
	tr.recorder = trace.New(trace.Config{Header: trace.Header{Program: "enginetest", Side: trace.Server}, Payload: 8, File: &tr.file, MaxFile: 1 << 30})
	cfg.Trace = tr.recorder
	return tr
}

// checkTrace checks the trace of a server after Shutdown.
func (s *server) checkTrace() {
	s.t.Helper()
	if s.tracing == nil {
		return
	}
	if err := s.tracing.recorder.Close(); err != nil {
		s.t.Fatalf("the trace: %v", err)
	}
	file, err := trace.Read(bytes.NewReader(s.tracing.file.Bytes()))
	if err != nil {
		s.t.Fatalf("the trace: %v", err)
	}
	lives, lost := map[int][]trace.Record{}, 0
	for _, r := range file.Records {
		if r.Op == trace.Lost {
			lost += r.N
			continue
		}
		lives[r.Conn] = append(lives[r.Conn], r)
	}
	if lost > 0 {
		s.t.Errorf("the trace has lost %d steps of %d: choose a smaller case", lost, len(file.Records))
		return
	}
	for n, life := range lives {
		s.checkLife(n, life)
	}
	s.checkDescriptors(lives)
	s.checkCounts(lives)
}

// checkLife checks the steps of one connection.
func (s *server) checkLife(number int, life []trace.Record) {
	s.t.Helper()
	if first := life[0]; first.Op != trace.Accept || first.Peer == "" || first.Engine != s.t.engine.Name() {
		s.t.Errorf("connection %d: got the first step %+v, want accept, with a peer and the engine", number, first)
	}
	if last := life[len(life)-1]; last.Op != trace.Close {
		s.t.Errorf("connection %d: got the last step %+v, want close", number, last)
	}
	for i, r := range life {
		if r.Op != trace.Other && r.Why == "" {
			s.t.Errorf("connection %d: step %d has no reason: %+v", number, i, r)
		}
		if i == 0 {
			continue
		}
		before := life[i-1]
		if r.Time < before.Time || r.Time+r.Took < before.Time+before.Took {
			s.t.Errorf("connection %d: step %d is before step %d:\n%+v\n%+v", number, i, i-1, r, before)
		}
		if r.Op == trace.Accept || before.Op == trace.Close {
			s.t.Errorf("connection %d: step %d, %s, follows %s", number, i, r.Op, before.Op)
		}
	}
}

// checkDescriptors checks that of two connections with the same descriptor the first was closed
// before the second was accepted.
func (s *server) checkDescriptors(lives map[int][]trace.Record) {
	s.t.Helper()
	closed := map[int]time.Duration{} // when the last connection on a descriptor began to close
	for n := 1; n <= len(lives); n++ {
		life := lives[n]
		if len(life) == 0 {
			s.t.Errorf("the trace has %d connections, and none with the number %d", len(lives), n)
			return
		}
		first, last := life[0], life[len(life)-1]
		if first.FD < 0 {
			continue // package net does not tell it
		}
		if at, used := closed[first.FD]; used && first.Time+first.Took < at {
			s.t.Errorf("connection %d was accepted on descriptor %d before that was closed", n, first.FD)
		}
		closed[first.FD] = last.Time
	}
}

// checkCounts compares the sums of the trace with the counters of the engine.
func (s *server) checkCounts(lives map[int][]trace.Record) {
	s.t.Helper()
	var in, out, finished, peerReset, secured, unsecured uint64
	unix := false
	for n, life := range lives {
		var received, refused = uint64(0), false
		for _, r := range life {
			switch moved := uint64(max(r.N, 0)); {
			case r.Op == trace.Receive:
				received += moved
			case r.Op == trace.Send:
				out += moved
			case r.Op == trace.Handshake && r.Errno == "":
				secured++
			case r.Op == trace.Handshake:
				unsecured++
				refused = true
			}
		}
		in += received
		unix = unix || life[0].Peer == trace.UnixPeer
		switch why := life[len(life)-1].Why; {
		case why == "a reset: no byte of this stream was received" && received > 0:
			s.t.Errorf("connection %d ends with %q, and %d bytes were received", n, why, received)
		case !strings.HasPrefix(why, "a reset"):
			finished++
		case strings.Contains(why, "the peer has reset") && !refused:
			peerReset++
		}
	}
	got := s.Stats()
	for _, sum := range []struct {
		what          string
		traced, count uint64
	}{
		{"bytes in", in, got.BytesIn}, {"bytes out", out, got.BytesOut}, {"connections", uint64(len(lives)), got.Accepted},
		{"handshakes", secured, got.Handshakes[engine.HandshakeOK]}, {"failed handshakes", unsecured, sum(got.Handshakes[:]) - got.Handshakes[engine.HandshakeOK]},
	} {
		if sum.traced != sum.count {
			s.t.Errorf("%s: the trace has %d, the engine has counted %d", sum.what, sum.traced, sum.count)
		}
	}
	// A unix peer gets an end of file at every end without unread bytes.
	if want := got.Closes[engine.Finished]; finished != want && (!unix || finished < want) {
		s.t.Errorf("ends: the trace has %d that are not a reset, the engine %d that are finished", finished, want)
	}
	if want := got.Closes[engine.PeerReset]; peerReset != want && !unix {
		s.t.Errorf("ends: the trace has %d resets by peers, the engine %d", peerReset, want)
	}
}
