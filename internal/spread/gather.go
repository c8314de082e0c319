package spread

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"echod/internal/dial"
	"echod/internal/draw"
)

// lookEvery is how often the addresses of a name are looked up until all workers answer.
const lookEvery = 500 * time.Millisecond

// gather connects to all workers, in their order.
func (c *Coordinator) gather(ctx context.Context) ([]*member, error) {
	caller := newCaller(c.Token, c.Echod, c.silence)
	if c.Name.Address != "" {
		return c.await(ctx, caller)
	}
	members, failed := callAll(ctx, caller, c.Workers)
	if err := firstOf(failed); err != nil {
		leave(members)
		return nil, err
	}
	return members, nil
}

// callAll calls all targets at the same time. For each there is a member or an error.
func callAll(ctx context.Context, c caller, targets []dial.Target) ([]*member, []error) {
	members, failed := make([]*member, len(targets)), make([]error, len(targets))
	var calling sync.WaitGroup
	for i, target := range targets {
		calling.Go(func() { members[i], failed[i] = c.call(ctx, target) })
	}
	calling.Wait()
	return members, failed
}

// firstOf returns the first error, but that a worker is a duplicate only if there is no other.
func firstOf(failed []error) error {
	slices.SortStableFunc(failed, func(a, b error) int { return rank(a) - rank(b) })
	for _, err := range failed {
		if err != nil {
			return err
		}
	}
	return nil
}

func rank(err error) int {
	if refused, ok := errors.AsType[*Refusal](err); ok && refused.Kind == KindDuplicate {
		return 1
	}
	return 0
}

// leave ends the connections of members, some of which may be nil.
func leave(members []*member) {
	var leaving sync.WaitGroup
	defer leaving.Wait()
	for _, m := range members {
		if m != nil {
			leaving.Go(m.leave)
		}
	}
}

// await connects to all addresses of the name. It waits until there are as many as expected, and all
// answer. A worker that answers stays connected meanwhile, so that nobody else takes it.
func (c *Coordinator) await(ctx context.Context, caller caller) ([]*member, error) {
	limited, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	held := map[string]*member{} // by IP:PORT
	alive, end := context.WithCancel(ctx)
	defer end()
	var last error
	for {
		addresses, err := c.Name.Addresses(limited)
		if err == nil {
			err = c.hold(limited, alive, caller, held, addresses)
		}
		if permanent(err) {
			leave(slices.Collect(maps.Values(held)))
			return nil, err
		}
		if limited.Err() == nil || last == nil {
			last = err // and not that of a call that the end of the wait has cut off
		}
		if len(held) == c.Expect && len(addresses) == c.Expect {
			slices.Sort(addresses)
			var members []*member
			for _, address := range addresses {
				members = append(members, held[address])
			}
			return members, nil
		}
		select {
		case <-time.After(lookEvery):
		case <-limited.Done():
			leave(slices.Collect(maps.Values(held)))
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			words := fmt.Sprintf("has %d addresses, of which %d answer, after %s: want %d", len(addresses), len(held), draw.Brief(c.Timeout), c.Expect)
			if last != nil {
				words += " (" + last.Error() + ")"
			}
			return nil, &WorkerError{Worker: "dns+" + c.Name.String(), Err: errors.New(words)}
		}
	}
}

// hold calls the addresses that are not held, and forgets those that are lost or that the name has no
// more. It returns the first error of a call.
func (c *Coordinator) hold(ctx, alive context.Context, caller caller, held map[string]*member, addresses []string) error {
	for address, m := range held {
		if m.isLost() || !slices.Contains(addresses, address) {
			leave([]*member{m})
			delete(held, address)
		}
	}
	if len(addresses) > MaxWorkers {
		return fmt.Errorf("has %d addresses: want at most %d", len(addresses), MaxWorkers)
	}
	var targets []dial.Target
	for _, address := range addresses {
		if held[address] == nil {
			targets = append(targets, c.Name.At(address))
		}
	}
	members, failed := callAll(ctx, caller, targets)
	for i, m := range members {
		if m != nil {
			held[targets[i].Address] = m
			go m.stayAlive(alive, request{Alive: true})
		}
	}
	return firstOf(failed)
}

// permanent reports whether an error does not go away by waiting: a wrong token, another version.
func permanent(err error) bool {
	if refused, ok := errors.AsType[*Refusal](err); ok {
		return refused.Kind == KindToken || refused.Kind == KindProtocol
	}
	return errors.Is(err, errVersion)
}
