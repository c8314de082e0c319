package dial

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"net"
	"net/netip"
	"os"
	"time"

	"echod/internal/endpoint"
)

// attemptDelay is how long a connect may take before a connect to the next address of
// the name starts in parallel (RFC 8305 section 5, Connection Attempt Delay).
const attemptDelay = 250 * time.Millisecond

// HasName reports whether t has a host name, which may have several addresses.
func (t Target) HasName() bool {
	host, port, err := net.SplitHostPort(t.Address)
	if err != nil || t.Via != nil || t.Network == "unix" || host == "" {
		return false
	}
	_, portErr := net.LookupPort("tcp", port)
	_, hostErr := netip.ParseAddr(host)
	return hostErr != nil && portErr == nil
}

// At returns the target with address, one of its name, in place of the name. A certificate
// must be valid for the name.
func (t Target) At(address string) Target {
	if t.Network == "tls" {
		t.TLS = Named(t.TLS, t.Address)
	}
	t.Address = address
	return t
}

// Named returns a copy of config with the host of address as the server name, unless it has
// one. Config may be nil.
func Named(config *tls.Config, address string) *tls.Config {
	config = config.Clone() // the clone of nil is nil
	if config == nil {
		config = new(tls.Config)
	}
	if host, _, err := net.SplitHostPort(address); err == nil {
		config.ServerName = cmp.Or(config.ServerName, host)
	}
	return config
}

// Addresses returns the addresses of the name, as IP:PORT, to which t may connect from its
// source address. A target without a name has its own address.
func (t Target) Addresses(ctx context.Context) ([]string, error) {
	if !t.HasName() {
		return []string{t.Address}, nil
	}
	host, port, _ := net.SplitHostPort(t.Address)
	network := endpoint.Transport(t.Network)
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
		return nil, &net.OpError{Op: "dial", Net: network, Err: &net.AddrError{Err: "no address has the family of the source address", Addr: host}}
	}
	return addresses, nil
}

// dialName connects to one address of the name.
func (t Target) dialName(ctx context.Context, network string) (net.Conn, error) {
	addresses, err := t.Addresses(ctx)
	if err != nil {
		return nil, err
	}
	dial := func(ctx context.Context, address string) (net.Conn, error) {
		return t.connect(ctx, network, address)
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

// attempt is the result of one connect.
type attempt struct {
	index int
	conn  net.Conn
	err   error
}

// dialStream connects to the addresses in order and returns the first connection. Each
// connect starts when the one before has failed, or after attemptDelay in parallel.
func dialStream(ctx context.Context, addresses []string, dial dialFunc) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan attempt, len(addresses))
	timer := time.NewTimer(attemptDelay)
	defer timer.Stop()
	started, finished, failed := 0, 0, make([]error, len(addresses))
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
	for start(); finished < len(addresses); {
		select {
		case <-timer.C:
			start()
		case a := <-done:
			finished++
			if a.err == nil {
				go closeLate(done, started-finished)
				return a.conn, nil
			}
			failed[a.index] = a.err
			start()
		}
	}
	return nil, firstError(failed)
}

// closeLate closes the connections of n connects that have not finished yet.
func closeLate(done <-chan attempt, n int) {
	for range n {
		if a := <-done; a.err == nil {
			a.conn.Close()
		}
	}
}

// firstError returns the error of the first address, or that of a later one if the first
// says only that this machine has no route.
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

// answerDelay is how long an address may take to answer a datagram before the next
// address of the name is tried.
const answerDelay = 250 * time.Millisecond

// dialDatagrams connects a socket to the first address that answers a datagram of 16
// random bytes: a connect does not show whether anything listens (udp(7)). If no address
// answers, it uses the first that does not refuse, and if all refuse, the first. The
// socket is a new one, so that it receives no late answer.
func dialDatagrams(ctx context.Context, addresses []string, dial dialFunc) (net.Conn, error) {
	silent, refusing := "", ""
	var failed []error
	for _, address := range addresses {
		answered, err := probe(ctx, address, dial)
		switch {
		case answered:
			return dial(ctx, address)
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err == nil:
			silent = cmp.Or(silent, address)
		case Classify(err) == Refused:
			refusing = cmp.Or(refusing, address)
		default:
			failed = append(failed, err)
		}
	}
	if silent == "" && refusing == "" {
		return nil, firstError(failed)
	}
	return dial(ctx, cmp.Or(silent, refusing))
}

// probe reports whether address answers one datagram within answerDelay. If it cannot
// answer, e.g. because it refuses, the error says why. A timeout is not an error.
func probe(ctx context.Context, address string, dial dialFunc) (answered bool, err error) {
	conn, err := dial(ctx, address)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	conn.SetReadDeadline(time.Now().Add(answerDelay))
	stop := context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	request, answer := make([]byte, 16), make([]byte, 16)
	rand.Read(request)
	if _, err := conn.Write(request); err != nil {
		return false, err
	}
	if _, err := conn.Read(answer); err != nil {
		if os.IsTimeout(err) {
			return false, nil
		}
		return false, err
	}
	return true, nil
}
