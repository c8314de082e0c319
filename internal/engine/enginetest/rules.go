package enginetest

import (
	"context"
	"strings"
	"time"

	"echod/check"
	"echod/internal/engine"
)

// ruleCases are the rules by which echod checks foreign servers, and which its
// own engines keep.
var ruleCases = []testCase{
	{
		name:    "every rule of check is kept",
		promise: "S1, S2, S3, U1: an honest echo passes every rule",
		on:      "tcp tls unix udp",
		run:     everyRule,
	},
}

func everyRule(t trial) {
	s := t.serve(engine.Config{})
	target, err := check.ParseTarget(s.spec.String())
	if err != nil {
		t.Fatal(err)
	}
	if t.network == "tls" {
		config, err := clientTLS()
		if err != nil {
			t.Fatal(err)
		}
		target.TLS = config
	}
	report, err := check.Run(context.Background(), target,
		check.Options{Timeout: patience, Bulk: 16 << 20, Stall: 2 * time.Second})
	if err != nil {
		t.Fatalf("check: %v", err)
	}
	for _, r := range report.Results {
		unasked := r.Verdict == check.Skip && strings.HasPrefix(r.Detail, "needs --")
		if r.Verdict != check.Pass && !unasked {
			t.Errorf("%s: got %v (%s), want pass: %s got %q, want %q; seed %d",
				r.Rule, r.Verdict, r.Class, r.Detail, r.Got, r.Want, report.Options.Seed)
		}
	}
}
