package echotest_test

import (
	"slices"
	"strings"
	"testing"

	"echod/check"
	"echod/internal/trace"
)

// checkLife reports a failure of a stream rule whose life does not show it. A life that exists has
// to end as the class says, unless the agent has told how the connection ended.
func checkLife(t *testing.T, r check.Result) {
	t.Helper()
	if strings.HasPrefix(r.Rule, "datagram/") || slices.Contains(withoutLife, r.Rule) || strings.Contains(r.Detail, "could not be made") {
		return
	}
	if len(r.Life) == 0 {
		t.Errorf("%s failed with %s (%s), and has no life of its connection", r.Rule, r.Class, r.Detail)
		return
	}
	has := func(is func(trace.Record) bool) bool { return slices.ContainsFunc(r.Life, is) }
	found := slices.IndexFunc(r.Life, func(s trace.Record) bool { return s.Op == trace.Found })
	if first := r.Life[0]; first.Op != trace.Connect || first.Rule != r.Rule || found < 0 || found > trace.KeptFirst+trace.KeptMiddle+trace.KeptLast || len(r.Life) > found+5 {
		t.Errorf("%s: got a life of %d steps that begins with %q of rule %q, and the failure in step %d", r.Rule, len(r.Life), first.Op, first.Rule, found)
	}
	if r.Agent == nil {
		received := int64(0)
		for _, s := range r.Life[:max(found, 0)] {
			received += s.Received
			if s.Op == trace.Receive {
				received += int64(s.N)
			}
		}
		if wrong := r.Class == check.Corrupt || r.Class == check.ExtraBytes; received < r.Offset || wrong && received == r.Offset {
			t.Errorf("%s failed with %s at byte %d (%s), and until then its life has received %d bytes", r.Rule, r.Class, r.Offset, r.Detail, received)
		}
	}
	if half := strings.HasPrefix(r.Rule, "stream/half-close"); half && r.Class == check.PrematureEOF && r.Agent == nil &&
		!has(func(s trace.Record) bool { return s.Op == trace.Shutdown || s.Op == trace.CloseNotify }) {
		t.Errorf("%s failed with %s (%s), and its life has no half-close of the client: %+v", r.Rule, r.Class, r.Detail, r.Life)
	}
	shown := true
	switch r.Class {
	case check.Reset:
		shown = has(func(s trace.Record) bool { return s.Errno == "ECONNRESET" || s.Errno == "EPIPE" })
	case check.PrematureEOF:
		shown = has(func(s trace.Record) bool { return s.Op == trace.Receive && s.N == 0 && s.Errno != "i/o timeout" })
	case check.Corrupt, check.ExtraBytes:
		shown = has(func(s trace.Record) bool { return s.Op == trace.Receive && s.N > 0 })
	case check.Timeout, check.Silent:
		shown = has(func(s trace.Record) bool { return s.Errno == "i/o timeout" })
	}
	if !shown && r.Agent == nil {
		t.Errorf("%s failed with %s (%s), which its life does not show: %+v", r.Rule, r.Class, r.Detail, r.Life)
	}
}

// withoutLife are the rules whose failure may be about no connection, or about many.
var withoutLife = []string{"stream/churn", "stream/refused", "target/alive"}
