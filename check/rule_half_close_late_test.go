package check_test

import (
	"strings"
	"testing"
	"time"

	"echod/check"
	"echod/echotest"
	"echod/internal/agent"
)

func TestHalfCloseLateTellsWhatWasLost(t *testing.T) {
	for _, tt := range []struct {
		fault         echotest.ProxyFault
		class         check.Class
		evidence      check.Evidence
		detail, cause string
	}{
		{echotest.ForgetsHalfClosed(100 * time.Millisecond), check.Silent, check.AnswerLost,
			"^lost with keepalive off, less than 1s after the FIN$", "nf_conntrack_tcp_timeout_close_wait"},
		{echotest.DropsFIN(), check.Silent, check.FINLost,
			"^answered 1s after the FIN: the agent received all 4096 bytes and neither a FIN nor a reset$", "does not forward the FIN"},
		{echotest.DropsLargeChunks(), check.Timeout, check.NothingPassed,
			"^answered 1s after the FIN: the agent received 0 of 4096 bytes$", "packets of this size"},
		{echotest.ClosesHalfClosed(100 * time.Millisecond), check.PrematureEOF, "",
			`^the connection was ended by a FIN \S+ after the client's FIN, with keepalive off$`, "a timeout for half-closed connections"},
		{echotest.TurnsFINIntoReset(), check.Reset, "",
			`^the connection was reset \S+ after the client's FIN, with keepalive off$`, "a timeout for half-closed connections"},
	} {
		t.Run(tt.fault.Name, func(t *testing.T) {
			t.Parallel()
			proxy := echotest.NewBrokenProxy(t, tt.fault, "tcp://"+startAgent(t, &agent.Server{}))
			got := runRule(t, echotest.NewServer(t).URL(), "stream/half-close-late", check.Options{Agent: proxy.URL(), Timeout: time.Second})
			wantDetail(t, got, check.Fail, tt.class, tt.detail)
			if got.Evidence != tt.evidence || !strings.Contains(got.Cause, tt.cause) {
				t.Errorf("got the evidence %q and the cause %q, want %q and %q", got.Evidence, got.Cause, tt.evidence, tt.cause)
			}
		})
	}
}
