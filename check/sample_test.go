package check_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"echod/check"
	"echod/echotest"
	"echod/internal/agent"
)

// badServer is what one of several servers behind a balancer does wrong, and the rule that
// must detect it.
type badServer struct {
	name  string
	path  echotest.Path // the faults of each k-th connection
	rule  string
	class check.Class
}

var badServers = []badServer{
	{"changes bytes", faulty(echotest.PathFault{Direction: echotest.ToClient, Do: echotest.ChangeByte}), "stream/first-byte", check.Corrupt},
	{"hangs after the first byte", faulty(echotest.PathFault{Direction: echotest.ToClient, Offset: 1, Do: echotest.Hang}), "stream/no-early-fin", check.Timeout},
	{"drops the FIN", faulty(echotest.PathFault{On: echotest.OnFIN, Do: echotest.Drop}), "stream/fin-only", check.Silent},
	{"turns the FIN into a reset", faulty(echotest.PathFault{On: echotest.OnFIN, Do: echotest.Reset}), "stream/fin-only", check.Reset},
	{"loses the tail", echotest.Path{
		ToClient: echotest.Way{Delay: 50 * time.Millisecond, Window: 1 << 20},
		Faults:   []echotest.PathFault{{On: echotest.OnFIN, Direction: echotest.ToServer, Do: echotest.Close}},
	}, "stream/half-close", check.PrematureEOF},
	{"hides a reset", faulty(echotest.PathFault{On: echotest.OnReset, Do: echotest.Close}), "stream/rst-to-client", check.PrematureEOF},
}

func faulty(faults ...echotest.PathFault) echotest.Path { return echotest.Path{Faults: faults} }

// turns returns a target that has k servers and takes them in turn: the first is bad.
func turns(t *testing.T, k, offset int, bad, good string) check.Target {
	n := new(atomic.Int64)
	n.Add(int64(offset))
	target := parse(t, good)
	addresses := []string{parse(t, bad).Address, target.Address}
	target.Dial = func(ctx context.Context) (net.Conn, error) {
		address := addresses[min(1, int(n.Add(1))%k)]
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	}
	return target
}

func TestAServerThatClosesLateAmongGoodOnesIsDetected(t *testing.T) {
	t.Parallel()
	good, bad := echotest.NewServer(t).URL(), echotest.NewBroken(t, echotest.ClosesLate()).URL()
	for k := 2; k <= 5; k++ {
		for offset := range k {
			t.Run(fmt.Sprintf("%d of %d", offset, k), func(t *testing.T) {
				t.Parallel()
				report, err := check.Run(t.Context(), turns(t, k, offset, bad, good), check.Options{
					Rules: []string{"stream/close-latency", "stream/first-byte", "stream/no-early-fin"},
				})
				if err != nil {
					t.Fatal(err)
				}
				wantDetail(t, report.Results[2], check.Fail, check.Late, `^on \d+ of \d+ connections: the server's FIN came`)
			})
		}
	}
}

// onEvery returns the path with its faults on every k-th connection.
func (b badServer) onEvery(k int) echotest.Path {
	path := b.path
	path.Faults = nil
	for _, fault := range b.path.Faults {
		fault.Conns = echotest.EveryNth(k)
		path.Faults = append(path.Faults, fault)
	}
	return path
}

// Other rules connect at the same time, in any order. With ECHOD_SOAK, every bad server is
// met at every place in the order of the balancer, this many times.
func TestABadServerAmongGoodOnesIsDetected(t *testing.T) {
	t.Parallel()
	server, agentURL := echotest.NewServer(t).URL(), "tcp://"+startAgent(t, &agent.Server{})
	slots := make(chan struct{}, 8)
	for _, bad := range badServers {
		for k := 2; k <= 5; k++ {
			for offset := range k {
				for run := range max(1, soakRuns()) {
					if soakRuns() == 0 && offset != k-2 {
						continue
					}
					t.Run(fmt.Sprintf("%s/%d of %d/%d", bad.name, offset, k, run), func(t *testing.T) {
						t.Parallel()
						slots <- struct{}{}
						defer func() { <-slots }()
						relay := echotest.NewRelay(t, bad.onEvery(k), server)
						timeout := 10 * time.Second // a busy machine may take seconds
						if bad.class == check.Timeout || bad.class == check.Silent {
							timeout = 2 * time.Second // the rule waits for it
						}
						options := check.Options{Timeout: timeout, Budget: 10 * time.Minute,
							Rules: []string{bad.rule, "stream/first-byte", "stream/half-close", "stream/size-sweep", "stream/fin-only"}}
						if strings.HasPrefix(bad.rule, "stream/rst") {
							options.Agent = echotest.NewRelay(t, bad.onEvery(k), agentURL).URL()
						}
						connectTo(t, parse(t, relay.URL()).Address, offset)
						report, err := check.Run(t.Context(), parse(t, relay.URL()), options)
						if err != nil {
							t.Fatal(err)
						}
						for _, result := range report.Results {
							if result.Rule == bad.rule {
								wantDetail(t, result, check.Fail, bad.class, `^on \d+ of \d+ connections: `)
								if result.Evidence != check.SomeConnections {
									t.Errorf("got the evidence %q, want that only some connections fail", result.Evidence)
								}
							}
						}
						if t.Failed() {
							report.WriteText(t.Output(), false)
						}
					})
				}
			}
		}
	}
}

// connectTo makes n connections and closes them.
func connectTo(t *testing.T, address string, n int) {
	t.Helper()
	for range n {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
}
