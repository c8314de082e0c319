package check_test

import (
	"testing"
	"time"

	"echod/check"
	"echod/echotest"
)

func TestManyConnectionsMeetsOneBadServerOfTwenty(t *testing.T) {
	t.Parallel()
	server := echotest.NewServer(t).URL()
	for _, tt := range []struct {
		name  string
		fault echotest.PathFault
		class check.Class
	}{
		{"changes bytes", echotest.PathFault{Direction: echotest.ToClient, Offset: 100, Do: echotest.ChangeByte}, check.Corrupt},
		{"drops the FIN", echotest.PathFault{On: echotest.OnFIN, Do: echotest.Drop}, check.Silent},
		{"sends nothing back", echotest.PathFault{Direction: echotest.ToClient, Do: echotest.Hang}, check.Timeout},
		{"resets", echotest.PathFault{Direction: echotest.ToServer, Do: echotest.Reset}, check.Reset},
		{"closes", echotest.PathFault{Direction: echotest.ToServer, Do: echotest.Close}, check.PrematureEOF},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.fault.Conns = echotest.EveryNth(20)
			relay := echotest.NewRelay(t, faulty(tt.fault), server)
			timeout := 15 * time.Second // a busy machine may take seconds
			if tt.class == check.Timeout || tt.class == check.Silent {
				timeout = 3 * time.Second // the rule waits for it
			}
			got := runRule(t, relay.URL(), "stream/many-connections", check.Options{Timeout: timeout, Anyway: true})
			wantDetail(t, got, check.Fail, tt.class, `^on \d+ of \d+ connections: `)
			if got.Evidence != check.SomeConnections {
				t.Errorf("got the evidence %q, want that only some connections fail", got.Evidence)
			}
		})
	}
}

func TestManyConnectionsSaysWhichShareItWouldHaveMet(t *testing.T) {
	t.Parallel()
	got := runRule(t, echotest.NewServer(t).URL(), "stream/many-connections", check.Options{})
	wantDetail(t, got, check.Pass, "", `^100 connections passed: if 1 in 33 were bad, one would have been met with a probability of 95 %$`)
}

// A connection that has just ended may still count against a limit, and each worker makes the
// next one at once.
func TestALimitOnConnectionsIsNoFailureOfManyConnections(t *testing.T) {
	t.Parallel()
	relay := echotest.NewRelay(t, echotest.Path{MaxConns: 4}, echotest.NewServer(t).URL())
	got := runRule(t, relay.URL(), "stream/many-connections", check.Options{})
	wantDetail(t, got, check.Pass, "", `^\d+ connections? passed: `)
}
