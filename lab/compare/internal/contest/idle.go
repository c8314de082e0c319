package contest

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// settle is how long a server may put its memory in order before it is weighed.
const settle = 300 * time.Millisecond

// weigh tells how much of the server's own memory an idle connection takes: it
// is read when nobody has called yet, and again while all connections are held.
func (s *server) weigh(ctx context.Context, w Workload) (Sample, error) {
	before, err := anonymous(s.cmd.Process.Pid)
	if err != nil {
		return Sample{}, err
	}
	calls, err := hold(ctx, s.port, w.Conns, w.Size)
	defer calls.hangUp()
	if err != nil {
		return Sample{}, err
	}
	time.Sleep(settle)
	after, err := anonymous(s.cmd.Process.Pid)
	if err != nil {
		return Sample{}, err
	}
	return Sample{IdleBytes: float64(after-before) / float64(w.Conns)}, nil
}

// calls are connections that are held.
type calls []net.Conn

func (c calls) hangUp() {
	for _, conn := range c {
		conn.Close()
	}
}

// hold opens n connections, one after the other, each of which echoes one
// message of size bytes and is then left alone. They leave from 64 addresses,
// so that the ports of one are enough. What it opened it returns with an error
// too.
func hold(ctx context.Context, port string, n, size int) (calls, error) {
	const sources = 64
	held := make(calls, 0, n)
	message, answer := bytes.Repeat([]byte("e"), size), make([]byte, size)
	for i := range n {
		from := &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+i%sources))}
		dialer := net.Dialer{LocalAddr: from, KeepAlive: -1, Timeout: 5 * time.Second}
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

// anonymous is the memory in bytes that a process has to itself and that no
// file backs: heap and stacks. It is counted page by page, where RssAnon of
// proc_pid_status(5) may be off by some dozen pages for each processor.
func anonymous(pid int) (int64, error) {
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
