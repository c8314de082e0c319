//go:build linux

package simulation

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"echod/internal/sequence"
	"echod/internal/sys/sim"
	"echod/internal/trace"
)

// recorded is what was recorded of a run. Its methods do nothing on a nil recorded.
type recorded struct {
	text     bytes.Buffer // the trace: the lives of the connections of the service
	recorder *trace.Recorder
	peers    []*simPeer
	calls    []sim.Call // all calls of the kernel
}

// begin returns what records the service of p on m. Time is that of the machine.
func (rec *recorded) begin(m *machine, p plan) *trace.Recorder {
	if rec == nil {
		return nil
	}
	rec.recorder = trace.New(trace.Config{Header: trace.Header{Program: fmt.Sprintf("simulation of seed %d", p.seed), Side: trace.Server},
		File: &rec.text, MaxFile: 64 << 20, Payload: 32, Now: m.elapsed})
	return rec.recorder
}

// end is called when the service has ended.
func (rec *recorded) end(r *run) {
	if rec == nil {
		return
	}
	if err := rec.recorder.Close(); err != nil {
		r.problem("the trace: %v", err)
	}
	rec.peers, rec.calls = r.peers, slices.Clone(r.m.k.Trace())
}

// playRecorded plays a plan, and keeps its trace in a file. kept says where, and how to draw it.
func playRecorded(t *testing.T, p plan, path string) (problems []string, kept string) {
	t.Helper()
	if p.program != "service" {
		return play(t, p, path, nil), "the " + p.program + " has no trace: only connections of an echo service have one"
	}
	var rec recorded
	problems = play(t, p, path, &rec)
	if *dir != "" {
		if err := os.MkdirAll(*dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.CreateTemp(*dir, fmt.Sprintf("seed-%d-*.jsonl", p.seed))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write(rec.text.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	name, err := filepath.Abs(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	page := strings.TrimSuffix(name, ".jsonl") + ".html"
	return problems, fmt.Sprintf("draw its connections: go run ./cmd/echod report --output %s %s", page, name)
}

// TestTraceOfARunHasTheCallsOfTheKernel compares the trace of a run with the calls that the
// simulated kernel has counted, and with what the peers have sent and received.
func TestTraceOfARunHasTheCallsOfTheKernel(t *testing.T) {
	for _, name := range engineNames {
		p := plan{program: "service", engine: name, loops: 1, buffer: 64, maxConns: 100, maxMemory: 1 << 20, stall: -1, drain: time.Second,
			tcp: true, recvBuffer: 5000, sendBuffer: 128, peerBuffer: 100, noFaults: true, steps: []step{
				{op: dial}, {op: stall}, {op: send, n: 500}, {op: pass, d: time.Second}, {op: resume}, {op: pass, d: 10 * time.Millisecond}, {op: halfClose}}}
		var rec recorded
		if problems := play(t, p, socketPath(t), &rec); len(problems) > 0 {
			t.Fatalf("%s: %s", name, problems)
		}
		f, err := trace.Read(&rec.text)
		if err != nil {
			t.Fatal(err)
		}
		lives := sequence.Lives(f)
		if len(lives) != len(rec.peers) {
			t.Fatalf("%s: got %d lives of %d peers", name, len(lives), len(rec.peers))
		}
		for i, l := range lives {
			p, finished := rec.peers[i], false
			if l.Received != int64(len(p.Sent())) || l.Sent != int64(len(p.Received())) || l.End() != "finished" || p.End() != sim.Clean {
				t.Errorf("%s: life %d: %d received, %d sent, %s; the peer: %d sent, %d received, %v", name, i, l.Received, l.Sent, l.End(),
					len(p.Sent()), len(p.Received()), p.End())
			}
			for _, s := range l.Steps[:len(l.Steps)-1] {
				if s.Held == nil || s.PeerFinished != (s.State == "CLOSE_WAIT" && !finished) {
					t.Errorf("%s: life %d: the kernel holds %+v after %s", name, i, s.Held, s.Call)
				}
				finished = finished || s.PeerFinished
			}
			if !finished {
				t.Errorf("%s: life %d: the kernel was never in CLOSE_WAIT", name, i)
			}
			var svg bytes.Buffer
			if err := sequence.WriteSVG(&svg, l); err != nil {
				t.Fatal(err)
			}
			if dots := strings.Count(svg.String(), "<circle "); dots != len(l.Steps) {
				t.Errorf("%s: the picture has %d dots for %d calls", name, dots, len(l.Steps))
			}
		}
		if d := lives[0].Duration(); d < time.Second {
			t.Errorf("%s: the life took %v, want the second that has passed on the machine", name, d)
		}
		if name == "net" {
			continue // its trace has the calls of package net
		}
		if got, want := callsOf(f), transfers(rec.calls); !slices.Equal(got, want) {
			t.Errorf("%s: the trace has the calls\n%v\nthe kernel\n%v", name, got, want)
		}
	}
}

// callsOf returns the calls of a trace that move bytes or end a stream.
func callsOf(f *trace.File) (calls []string) {
	for _, r := range f.Records {
		switch r.Op {
		case trace.Receive, trace.Send, trace.Shutdown, trace.Query:
			calls = append(calls, r.Call)
		}
	}
	return calls
}

// transfers returns the same of the calls of a kernel.
func transfers(calls []sim.Call) (names []string) {
	for _, c := range calls {
		switch c {
		case sim.Recv, sim.Send, sim.Shutdown, sim.Ioctl:
			names = append(names, c.String())
		}
	}
	return names
}
