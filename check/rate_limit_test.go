package check_test

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"echod/check"
)

// limitsRate refuses connects above a rate, of which burst may come at once, as a firewall does
// that answers with a reset.
func limitsRate(target check.Target, burst int, every time.Duration) check.Target {
	var mu sync.Mutex
	free := time.Now() // when the connects that were accepted are paid for
	dial := target.Dial
	target.Dial = func(ctx context.Context) (net.Conn, error) {
		mu.Lock()
		now := time.Now()
		if free.Before(now) {
			free = now
		}
		next := free.Add(every)
		refuse := next.Sub(now) > time.Duration(burst)*every
		if !refuse {
			free = next
		}
		mu.Unlock()
		if refuse {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
		}
		return dial(ctx)
	}
	return target
}

func TestALimitOnTheRateOfConnectsIsNotARestart(t *testing.T) {
	for _, every := range []time.Duration{500 * time.Millisecond, 1500 * time.Millisecond, 2500 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			echo := servedBy(t, func(c net.Conn) { io.Copy(c, c) })
			report, err := check.Run(t.Context(), limitsRate(echo, 15, every), check.Options{
				Rules: []string{"stream/first-byte", "stream/no-unsolicited", "stream/half-close", "stream/no-early-fin"}, Parallel: 4,
			})
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			report.WriteText(t.Output(), false)
			if strings.Contains(report.Summary(), "restarted") {
				t.Errorf("one connect in %v: got a restart", every)
			}
			if every <= time.Second { // a connect a second later is accepted
				return
			}
			wantDetail(t, report.Results[0], check.Fail, check.Refused, "^connects were refused during stream/.* a connection that is open works: a limit on the rate$")
			for _, result := range report.Results[1:] {
				if result.Verdict != check.Pass && result.Verdict != check.Skip {
					t.Errorf("one connect in %v, %s: got %s: %s", every, result.Rule, result.Verdict, result.Detail)
				}
			}
		})
	}
}
