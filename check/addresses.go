package check

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"echod/internal/dial"
)

// This file is about names with several addresses. A run checks one of them: otherwise each
// connection could go to another server.

// Address is an address of the target's name.
type Address struct {
	Address string // IP:PORT
	Checked bool   // whether the rules ran on it
	Class   Class  // why a connect to it failed; "" if it did not, and for datagrams
}

// mostAddresses is how many other addresses of a name are connected to, and addressWait how
// long each may take: clients try the next one after a fraction of a second (RFC 8305).
const (
	mostAddresses = 16
	addressWait   = 2 * time.Second
)

// pinTo makes all further connections go to the address of conn, if the target has a name.
func (p *probe) pinTo(conn net.Conn) {
	if p.target.dialTarget().HasName() {
		p.pinned = conn.RemoteAddr().String()
	}
}

// dialTarget returns the target, or the address of its name that all connections go to.
func (p *probe) dialTarget() dial.Target {
	if p.pinned == "" {
		return p.target.dialTarget()
	}
	return p.target.at(p.pinned).dialTarget()
}

// findAddresses returns the address that the run checks and, if the target has a name, those
// that it does not check. It connects to each of these once.
func findAddresses(p *probe) []Address {
	if p.pinned == "" {
		return nil
	}
	all := []Address{{Address: p.pinned, Checked: true}}
	found, err := p.target.dialTarget().Addresses(p.ctx)
	if err != nil {
		return all
	}
	for _, other := range found {
		if other != p.pinned && len(all) <= mostAddresses {
			all = append(all, Address{Address: other})
		}
	}
	if p.target.Network == "udp" {
		return all
	}
	var wg sync.WaitGroup
	for i := range all[1:] {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(p.ctx, min(p.Timeout, addressWait))
			defer cancel()
			conn, err := p.target.at(all[1+i].Address).dialTarget().DialTransport(ctx)
			if err == nil {
				conn.Close()
			}
			all[1+i].Class = classify(err)
		})
	}
	wg.Wait()
	return all
}

// AddressesOf returns a target for each address of the name of target, in the order of the
// resolver. Each keeps the name for TLS. A target without a name is the only one.
func AddressesOf(ctx context.Context, target Target) ([]Target, error) {
	if !target.dialTarget().HasName() {
		return []Target{target}, nil
	}
	found, err := target.dialTarget().Addresses(ctx)
	if err != nil {
		return nil, &UnreachableError{Target: target.String(), Class: classify(err), Err: err}
	}
	var all []Target
	for _, address := range found {
		all = append(all, target.at(address))
	}
	return all, nil
}

// pinned returns the address that was checked; "" if the target has no name.
func (r *Report) pinned() string {
	for _, a := range r.Addresses {
		if a.Checked {
			return a.Address
		}
	}
	return ""
}

// target returns the target and, in parentheses, the address that was checked.
func (r *Report) target() string {
	if address := r.pinned(); address != "" {
		return r.Target.String() + " (" + address + ")"
	}
	return r.Target.String()
}

// unchecked returns a line about the addresses that were not checked, "" if there are none,
// and one about each of them to which a connect failed.
func (r *Report) unchecked() (lines []string) {
	var others []string
	for _, a := range r.Addresses {
		if a.Checked {
			continue
		}
		others = append(others, a.Address)
		switch a.Class {
		case "":
		case Timeout:
			lines = append(lines, a.Address+" does not answer connects (timeout): clients that try it first wait")
		default:
			lines = append(lines, fmt.Sprintf("%s fails connects (%s)", a.Address, a.Class))
		}
	}
	if len(others) > 0 {
		lines = append([]string{"also " + strings.Join(others, ", ") + ": not checked, --all-addresses checks all"}, lines...)
	}
	return lines
}
