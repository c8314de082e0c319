package load

import (
	"crypto/tls"
	"errors"
	"testing"

	"echod/echotest"
	"echod/internal/dial"
)

// TLS is for the driver on the net package alone: Run has to choose it.
func TestTLSIsPutUnderLoad(t *testing.T) {
	tests := []struct {
		name string
		plan func(p *Plan)
	}{
		{"closed loop", func(p *Plan) {}},
		{"four in flight", func(p *Plan) { p.Depth = 4; p.Sizes, _ = ParseSizes("1-100KiB") }},
		{"open loop", func(p *Plan) { p.Rate = 500 }},
		{"churn", func(p *Plan) { p.Churn = true }},
	}
	server := echotest.NewTLSServer(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := planFor(t, server.URL(), "64")
			p.Target.TLS = server.TLS()
			p.Duration, p.Messages = 0, 100
			tt.plan(&p)
			r, err := Run(t.Context(), p, nil)
			if err != nil {
				t.Fatal(err)
			}
			if r.Messages < 100 || r.Wrong != nil || len(r.Errors) > 0 || r.Connect.Count() == 0 {
				t.Errorf("got %d messages by %d connections, wrong %+v, errors %v; want 100, nothing wrong, no errors",
					r.Messages, r.Connect.Count(), r.Wrong, r.Errors)
			}
		})
	}
}

func TestCertificateThatIsNotTrustedIsTheError(t *testing.T) {
	p := planFor(t, echotest.NewTLSServer(t).URL(), "64")
	p.Target.TLS = &tls.Config{}
	_, err := Run(t.Context(), p, nil)
	var unreachable *dial.UnreachableError
	if !errors.As(err, &unreachable) || unreachable.Class != dial.TLS {
		t.Errorf("got %v, want %s", err, dial.TLS)
	}
}
