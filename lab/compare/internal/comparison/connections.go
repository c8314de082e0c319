package comparison

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// memorySettleTime is the time between a connection and the measurement of memory.
const memorySettleTime = 300 * time.Millisecond

// idleRounds is the number of new processes of each server whose memory is measured: it
// varies little, and one takes seconds.
const idleRounds = 3

// measureIdle measures the memory of new processes of each server. The first value of
// progress is the number of the round.
func (b Runner) measureIdle(ctx context.Context, m Case, progress func(int, Result)) (Result, error) {
	result := Result{Workload: m.Workload}
	for _, s := range m.Servers {
		result.Servers = append(result.Servers, ServerResult{Name: s.Name})
	}
	for round := range min(idleRounds, b.MaxPairs) {
		for i, s := range m.Servers {
			entry := &result.Servers[i]
			if entry.Failure != "" || ctx.Err() != nil {
				continue
			}
			bytes, err := b.idleBytes(ctx, s, m.Workload)
			if err != nil {
				entry.Failure = err.Error()
				continue
			}
			entry.IdleBytes = append(entry.IdleBytes, bytes)
		}
		progress(round, result)
	}
	return result, ctx.Err()
}

// idleBytes returns the memory of a new server for each idle connection. It reads the memory
// after the first connection has echoed, because that one brings memory that does not grow with
// the connections, and again while w.Conns more are open.
func (b Runner) idleBytes(ctx context.Context, c Server, w Workload) (float64, error) {
	s, err := c.start(ctx, strconv.Itoa(b.ServerCPU), b.Nice)
	if err != nil {
		return 0, err
	}
	defer s.stop()
	first, err := openConns(ctx, s.port, 1, w.Size)
	defer first.close()
	if err != nil {
		return 0, err
	}
	time.Sleep(memorySettleTime)
	before, err := anonMemory(s.cmd.Process.Pid)
	if err != nil {
		return 0, err
	}
	conns, err := openConns(ctx, s.port, w.Conns, w.Size)
	defer conns.close()
	if err != nil {
		return 0, err
	}
	time.Sleep(memorySettleTime)
	after, err := anonMemory(s.cmd.Process.Pid)
	if err != nil {
		return 0, err
	}
	return float64(after-before) / float64(w.Conns), nil
}

// connections are open connections.
type connections []net.Conn

func (c connections) close() {
	for _, conn := range c {
		conn.Close()
	}
}

// openConns opens n connections one after another, and echoes one message of size bytes on
// each. It uses 64 source addresses, because one does not have enough ports. It returns the
// open connections also with an error.
func openConns(ctx context.Context, port string, n, size int) (connections, error) {
	const sources = 64
	held := make(connections, 0, n)
	message, answer := bytes.Repeat([]byte("e"), size), make([]byte, size)
	for i := range n {
		from := &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+i%sources))}
		dialer := net.Dialer{LocalAddr: from, KeepAlive: -1, Timeout: 5 * time.Second, Control: withoutPort}
		conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", port))
		if err != nil {
			return held, fmt.Errorf("connection %d of %d: %w", i+1, n, err)
		}
		held = append(held, conn)
		conn.SetDeadline(time.Now().Add(5 * time.Second))
		if _, err := conn.Write(message); err != nil {
			return held, fmt.Errorf("connection %d of %d: %w", i+1, n, err)
		}
		if _, err := io.ReadFull(conn, answer); err != nil {
			return held, fmt.Errorf("connection %d of %d: %w", i+1, n, err)
		}
	}
	return held, nil
}

// withoutPort lets connect choose the port of a socket that is bound to an address (ip(7),
// IP_BIND_ADDRESS_NO_PORT). If bind chose it, nothing else could use the port, also while it is in
// TIME_WAIT.
func withoutPort(_, _ string, conn syscall.RawConn) error {
	var err error
	controlled := conn.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	})
	return cmp.Or(controlled, os.NewSyscallError("setsockopt IP_BIND_ADDRESS_NO_PORT", err))
}

// anonMemory returns the private anonymous memory of a process in bytes: heap and stacks. The
// kernel counts these pages exactly; RssAnon in proc_pid_status(5) can be wrong by some dozen
// pages for each CPU.
func anonMemory(pid int) (int64, error) {
	name := fmt.Sprintf("/proc/%d/smaps_rollup", pid)
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "Pss_Anon:"); ok {
			kilobytes, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(rest, "kB")), 10, 64)
			return kilobytes << 10, err
		}
	}
	return 0, fmt.Errorf("%s: no line Pss_Anon", name)
}

// share counts the connections of each loop of the servers three times, because the shares
// can vary.
func (b Runner) share(ctx context.Context, m Case, entries []ServerResult) {
	for i, c := range m.Servers {
		for range 3 {
			if entries[i].Failure != "" {
				break
			}
			shares, err := b.Shares(ctx, c, m.Workload.Conns)
			if err != nil {
				entries[i].Failure = err.Error()
				continue
			}
			entries[i].Shares = append(entries[i].Shares, shares)
		}
	}
}

// Shares returns how many of n connections each loop of a server has, in descending order. A
// loop is an epoll instance. fdinfo lists the descriptors that it watches
// (proc_pid_fdinfo(5)). Shares ignores the descriptors that it watched before, and instances
// that watch no connection.
func (b Runner) Shares(ctx context.Context, c Server, n int) ([]int, error) {
	s, err := c.start(ctx, b.cpus(), b.Nice)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	first, err := openConns(ctx, s.port, 1, 64) // after this, the server watches all descriptors that are not connections
	defer first.close()
	if err != nil {
		return nil, err
	}
	before, err := watchedFDs(s.cmd.Process.Pid)
	if err != nil {
		return nil, err
	}
	conns, err := openConns(ctx, s.port, n, 64)
	defer conns.close()
	if err != nil {
		return nil, err
	}
	after, err := watchedFDs(s.cmd.Process.Pid)
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

// watchedFDs returns how many descriptors each epoll instance of a process watches, by the
// descriptor of the instance.
func watchedFDs(pid int) (map[string]int, error) {
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
