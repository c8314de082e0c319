package enginetest

import (
	"time"

	"echod/internal/engine"
	"echod/internal/sock"
)

// wireCases try what happens on the wire itself.
var wireCases = []testCase{
	{
		name:    "dead peers are found",
		promise: "P3: a peer that vanished without a FIN is found and counted, by keepalive if it is silent and by the stall timeout if bytes are owed",
		run:     deadPeers,
	},
}

// deadPeers cuts the wire of a client that is silent and of one that is owed
// more than the kernel holds. (One for which the kernel holds everything is found
// by the kernel alone, when it gives up sending again: tcp(7), tcp_retries2.)
func deadPeers(t trial) {
	t.ownNetwork()
	s := t.serve(engine.Config{
		StallTimeout: 2 * time.Second,
		KeepAlive:    sock.KeepAlive{Idle: time.Second, Interval: time.Second, Count: 2},
	})
	silent, owed := t.dial(s), t.dialNarrow(s)
	silent.echo(10)
	owed.flood(64 << 20)
	s.settle()
	t.configure("iptables -A INPUT -p tcp -j DROP")

	var want [len(engine.Stats{}.Closes)]uint64
	want[engine.PeerLost], want[engine.Stalled] = 1, 1
	if st := s.waitIdle(); st.Closes != want {
		t.Errorf("causes of close: got %s, want the silent peer lost and the other one stalled", causes(st))
	}
}
