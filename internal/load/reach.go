package load

import (
	"context"
	"crypto/tls"
	"net"

	"echod/internal/dial"
)

// peer is where the connections go: the address that the first of them found.
type peer struct{ addr net.Addr }

// named is the TLS of a target whose address is no longer its name.
func named(t dial.Target) *tls.Config {
	config := t.TLS.Clone()
	if config == nil {
		config = new(tls.Config)
	}
	if host, _, err := net.SplitHostPort(t.Address); err == nil && config.ServerName == "" {
		config.ServerName = host
	}
	return config
}

// reach makes one connection, so that a service that is not there is one error.
// All others go to the address at which it was found, and none of them asks for
// the name again.
func reach(ctx context.Context, p Plan) (peer, error) {
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	target := p.Target
	if len(p.Sources) > 0 {
		target.Source = p.Sources[0]
	}
	conn, err := target.Dial(ctx)
	if err != nil {
		return peer{}, &dial.UnreachableError{Target: p.Target.String(), Class: dial.Classify(err), Err: err}
	}
	defer conn.Close()
	if err := dial.Admitted(ctx, conn, p.Timeout/8); err != nil {
		return peer{}, &dial.UnreachableError{Target: p.Target.String(), Class: dial.Classify(err), Err: err}
	}
	return peer{conn.RemoteAddr()}, nil
}
