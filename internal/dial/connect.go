package dial

import (
	"context"
	"net"
	"net/netip"
	"time"

	"echod/internal/endpoint"
)

// attemptDelay is how long a connect may take before the next address of the name
// is tried beside it (RFC 8305 section 5, Connection Attempt Delay).
const attemptDelay = 250 * time.Millisecond

// Named reports whether t has a host name, which may have several addresses.
func (t Target) Named() bool {
	host, port, err := net.SplitHostPort(t.Address)
	if err != nil || t.Via != nil || t.Network == "unix" || host == "" {
		return false
	}
	_, portErr := net.LookupPort("tcp", port)
	_, hostErr := netip.ParseAddr(host)
	return hostErr != nil && portErr == nil
}

// dialName connects to the first address of the name that can be connected to.
func (t Target) dialName(ctx context.Context, network string) (net.Conn, error) {
	host, port, _ := net.SplitHostPort(t.Address)
	found, err := endpoint.Addresses(ctx, host)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	var addresses []string
	for _, addr := range found {
		if !t.Source.IsValid() || t.Source.Unmap().Is4() == addr.Is4() {
			addresses = append(addresses, net.JoinHostPort(addr.String(), port))
		}
	}
	if len(addresses) == 0 {
		return nil, &net.OpError{Op: "dial", Net: network, Err: &net.AddrError{Err: "no address of the source's family", Addr: host}}
	}
	dial := func(ctx context.Context, address string) (net.Conn, error) {
		return t.dialer(network).DialContext(ctx, network, address)
	}
	switch {
	case len(addresses) == 1:
		return dial(ctx, addresses[0])
	case network == "udp":
		return dialDatagrams(ctx, addresses, dial)
	}
	return dialStream(ctx, addresses, dial)
}

// dialFunc connects to one address.
type dialFunc func(ctx context.Context, address string) (net.Conn, error)

// attempt is what became of one connect.
type attempt struct {
	index int
	conn  net.Conn
	err   error
}

// dialStream connects to the addresses in their order, each after the one before
// has failed, or beside it after attemptDelay, and returns the first connection.
func dialStream(ctx context.Context, addresses []string, dial dialFunc) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan attempt, len(addresses))
	timer := time.NewTimer(attemptDelay)
	defer timer.Stop()
	started, ended, failed := 0, 0, make([]error, len(addresses))
	start := func() {
		if i := started; i < len(addresses) {
			started++
			timer.Reset(attemptDelay)
			go func() {
				conn, err := dial(ctx, addresses[i])
				done <- attempt{i, conn, err}
			}()
		}
	}
	for start(); ended < len(addresses); {
		select {
		case <-timer.C:
			start()
		case a := <-done:
			ended++
			if a.err == nil {
				go closeLate(done, started-ended)
				return a.conn, nil
			}
			failed[a.index] = a.err
			start()
		}
	}
	return nil, firstError(failed)
}

// closeLate closes what n connects that were still under way come to.
func closeLate(done <-chan attempt, n int) {
	for range n {
		if a := <-done; a.err == nil {
			a.conn.Close()
		}
	}
}

// firstError is the error of the first address, unless that says only that this
// machine has no way there and a later one says more.
func firstError(failed []error) error {
	var first error
	for _, err := range failed {
		switch Classify(err) {
		case Unreachable, Local, "":
			if first == nil {
				first = err
			}
		default:
			return err
		}
	}
	return first
}
