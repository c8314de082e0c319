package comparison

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// runGenerator runs a load generator on input until it ends. It returns a sample for each line
// of its output, and its standard error.
func runGenerator(b Runner, port string, w Workload, input string, more ...string) ([]Sample, string, error) {
	argv := append(b.Tools.generator(w, port), more...)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin = strings.NewReader(input)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var samples []Sample
	for line := range bytes.Lines(out) {
		var s Sample
		if err := json.Unmarshal(line, &s); err != nil {
			return nil, stderr.String(), err
		}
		samples = append(samples, s)
	}
	return samples, stderr.String(), err
}

func TestGeneratorRunsASliceForEachLine(t *testing.T) {
	b := shortRunner(t)
	for _, w := range []Workload{
		{Stream, 50, 64, 1}, {Stream, 2, 1 << 20, 4}, {Churn, 5, 64, 1}, {Datagrams, 4, 64, 8}, {Trains, 4, 64, 8},
	} {
		t.Run(w.String(), func(t *testing.T) {
			t.Parallel()
			server := CStreams(b.Tools)
			if w.isUDP() {
				server = CDatagrams(b.Tools) // it can answer trains, too
			}
			s, err := server.start(t.Context(), b.cpus(), 0)
			if err != nil {
				t.Fatal(err)
			}
			defer s.stop()
			got, _, err := runGenerator(b, s.port, w, "0.03 0.01\n0.02 0\n0.01 0.01\n")
			if err != nil || len(got) != 3 {
				t.Fatalf("got %+v and %v, want three slices", got, err)
			}
			for i, want := range []float64{0.03, 0.02, 0.01} {
				if got[i].Messages < 1 || got[i].Seconds < want {
					t.Errorf("slice %d: got %+v, want messages in %v s", i, got[i], want)
				}
				// Each message is followed by another until the end of the slice.
				if in := float64(w.Conns * w.Depth); !w.isUDP() && (got[i].All < got[i].Messages+in || i == 1 && got[i].All > got[i].Messages+in) {
					t.Errorf("slice %d: got %+v, want the %v messages that were in flight in all", i, got[i], in)
				}
			}
			got, _, err = runGenerator(b, s.port, w, "", "-t", "0.01")
			if err != nil || len(got) != 1 || got[0].Messages < 1 {
				t.Errorf("with -t: got %+v and %v, want one slice", got, err)
			}
		})
	}
}

func TestGeneratorRefusesOtherLines(t *testing.T) {
	b := shortRunner(t)
	s, err := CStreams(b.Tools).start(t.Context(), b.cpus(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer s.stop()
	for _, line := range []string{"", "1", "1 x", "1 0 0", "1 0 2", "1 0 1 1", "1 0 1 x", "1 0 x", "0 0", "nan 0", "1 -1", "4000 0"} {
		got, stderr, err := runGenerator(b, s.port, Workload{Stream, 1, 64, 1}, line+"\n")
		if err == nil || len(got) > 0 || !strings.Contains(stderr, "SECONDS") {
			t.Errorf("%q: got %+v and %q, want an error that says what the line must be", line, got, stderr)
		}
	}
}

// TestOnlyTheActiveConnectionsCarryMessages notes which connections carry messages, by the order in
// which they were opened.
func TestOnlyTheActiveConnectionsCarryMessages(t *testing.T) {
	b := shortRunner(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var mu sync.Mutex
	carried := map[int]bool{}
	go func() {
		for i := 0; ; i++ {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				for message := make([]byte, 64); ; conn.Write(message) {
					if _, err := io.ReadFull(conn, message); err != nil {
						return
					}
					mu.Lock()
					carried[i] = true
					mu.Unlock()
				}
			}()
		}
	}()
	s := here(t, listener.Addr())
	got, stderr, err := runGenerator(b, s.port, Workload{Stream, 40, 64, 1}, "0.02 0 4\n0.02 0 1\n")
	if err != nil || len(got) != 2 {
		t.Fatalf("got %+v, %v and %q, want two slices", got, err, stderr)
	}
	want := map[int]bool{5: true, 15: true, 25: true, 35: true, 20: true}
	mu.Lock()
	defer mu.Unlock()
	if !maps.Equal(carried, want) {
		t.Errorf("connections %v carried messages, want %v", carried, want)
	}
}
