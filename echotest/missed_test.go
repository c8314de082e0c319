package echotest_test

import (
	"time"

	"echod/check"
	"echod/echotest"
)

// missed lists faults of paths that people have reported and that no rule detects, with
// the reason. A rule that detects one fails the test: then the fault moves to
// echotest.ProxyFaults, with the rule. MayFail has the rules that detect it by chance,
// Fails those that are inconclusive.
var missed = []struct {
	why string
	echotest.ProxyFault
}{
	{"each rule that sends much uses few connections", echotest.ProxyFault{
		Name: "changes-late-byte-on-one-server", Description: "changes the byte at offset 100,000 on every twentieth connection", Network: "tcp",
		Path: faults(echotest.PathFault{Conns: echotest.EveryNth(20), Direction: echotest.ToClient, Offset: 100_000, Do: echotest.ChangeByte}),
		Detection: echotest.Detection{MayFail: []string{
			"stream/chunking", "stream/size-sweep", "stream/half-close", "stream/half-close-owed", "stream/slow-reader", "stream/zero-window", "stream/bulk",
		}},
	}},
}

func faults(f ...echotest.PathFault) echotest.Path { return echotest.Path{Seed: 1, Faults: f} }

// slowPaths lists paths that are honest and slow, or lose datagrams. Fails has the rules
// that fail wrongly: an improved rule passes, and is removed here.
var slowPaths = []echotest.ProxyFault{
	slowPath("has-1600-kbit-per-second", "has an uplink of 1.6 Mbit/s", uplink(200_000, 10*time.Millisecond)),
	slowPath("has-800-kbit-per-second", "has an uplink of 800 kbit/s", uplink(100_000, 10*time.Millisecond)),
	slowPath("has-300-ms", "has a round trip of 300 ms", uplink(0, 150*time.Millisecond)),
	slowPath("has-2500-ms", "has a round trip of 2.5 s", uplink(0, 1250*time.Millisecond)),
	slowPath("stalls-2-s", "pauses for 2 s in each MiB", faults(echotest.PathFault{EveryBytes: 1 << 20, Do: echotest.Delay, After: 2 * time.Second})),
	lossy("loses-1-percent", "loses 1 % of the datagrams", 0.01, 0),
	lossy("loses-5-percent", "loses 5 % of the datagrams, and has a round trip of 300 ms", 0.05, 150*time.Millisecond),
	lossy("loses-1-percent-slowly", "loses 1 % of the datagrams, and has a round trip of 2.5 s", 0.01, 1250*time.Millisecond),
}

func slowPath(name, description string, path echotest.Path, wrong ...string) echotest.ProxyFault {
	return echotest.ProxyFault{Name: name, Description: description, Network: "tcp", Path: path, Detection: echotest.Detection{Fails: wrong}}
}

func lossy(name, description string, probability float64, oneWay time.Duration) echotest.ProxyFault {
	path := uplink(0, oneWay)
	path.Seed, path.Faults = 1, []echotest.PathFault{{Chunks: echotest.Chance(probability), Do: echotest.Drop}}
	return echotest.ProxyFault{Name: name, Description: description, Network: "udp", Path: path}
}

// uplink is a path that is slow in the direction to the server.
func uplink(bytesPerSecond int, oneWay time.Duration) echotest.Path {
	return echotest.Path{
		ToServer: echotest.Way{Rate: bytesPerSecond, Delay: oneWay, Window: 256 << 10},
		ToClient: echotest.Way{Delay: oneWay, Window: 256 << 10},
	}
}

// briefly runs the rules that send little, with a timeout that is longer than the round
// trips.
func briefly(o *check.Options) {
	o.Timeout = check.DefaultTimeout
	o.Skip = append(o.Skip, large...)
}

// large lists the rules that send much, or over many connections.
var large = []string{
	"stream/half-close-owed", "stream/backpressure", "stream/slow-reader", "stream/zero-window", "stream/concurrency", "stream/churn", "stream/aborts",
	"stream/binary-exact", "stream/chunking", "stream/size-sweep", "stream/bulk",
}
