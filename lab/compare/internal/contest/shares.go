package contest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Shares tells how the loops of a server share n connections, most first. It
// is seen from outside: a loop is an epoll instance, and fdinfo lists what that
// watches (proc_pid_fdinfo(5)). What it watched before they came, its listener
// and what wakes it, does not count; an instance that gained nothing is no loop
// of connections.
func (b Bench) Shares(ctx context.Context, c Contender, n int) ([]int, error) {
	s, err := c.start(ctx, b.cpus(), b.Nice)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	first, err := hold(ctx, s.port, 1, 64) // a server that has answered watches all that it will
	defer first.hangUp()
	if err != nil {
		return nil, err
	}
	before, err := watched(s.cmd.Process.Pid)
	if err != nil {
		return nil, err
	}
	calls, err := hold(ctx, s.port, n, 64)
	defer calls.hangUp()
	if err != nil {
		return nil, err
	}
	after, err := watched(s.cmd.Process.Pid)
	if err != nil {
		return nil, err
	}
	var shares []int
	for epoll, count := range after {
		if gained := count - before[epoll]; gained > 0 {
			shares = append(shares, gained)
		}
	}
	slices.Sort(shares)
	slices.Reverse(shares)
	return shares, nil
}

// watched is how many descriptors each epoll instance of a process watches, by
// the instance's own descriptor.
func watched(pid int) (map[string]int, error) {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	counts := make(map[string]int)
	for _, e := range entries {
		if to, _ := os.Readlink(filepath.Join(dir, e.Name())); to != "anon_inode:[eventpoll]" {
			continue
		}
		counts[e.Name()] = strings.Count(read(fmt.Sprintf("/proc/%d/fdinfo/%s", pid, e.Name())), "tfd:")
	}
	return counts, nil
}
