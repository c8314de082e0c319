package agent

import (
	"net"
	"syscall"
	"testing"
)

// recordingListener records the connections that the agent accepts.
type recordingListener struct {
	net.Listener
	accepted chan *net.TCPConn
}

func (l recordingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		l.accepted <- conn.(*net.TCPConn)
	}
	return conn, err
}

// TestClientChoosesTheKeepaliveOfTheAgent reads the options of the agent's own socket.
// Without a choice, keepalive is off: the default of Go, 15 s, would refresh a NAT.
func TestClientChoosesTheKeepaliveOfTheAgent(t *testing.T) {
	for _, tt := range []struct {
		name      string
		params    Params
		on, every int // every is not compared if keepalive is off
	}{
		{"omitted", nil, 0, 0},
		{"off", Params{"keepalive": 0}, 0, 0},
		{"every 7 s", Params{"keepalive": 7}, 1, 7},
		{"the longest", Params{"keepalive": maxKeepAlive}, 1, maxKeepAlive},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ln := recordingListener{listen(t), make(chan *net.TCPConn, 1)}
			c, _ := startOn(t, &Server{}, ln)
			conn, _ := startScenario(t, c, "answer-late", tt.params, "")
			accepted := <-ln.accepted
			waitFor(t, func() bool {
				return option(t, accepted, syscall.SOL_SOCKET, syscall.SO_KEEPALIVE) == tt.on &&
					(tt.on == 0 || option(t, accepted, syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE) == tt.every &&
						option(t, accepted, syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL) == tt.every)
			})
			conn.CloseWrite()
			wantEnd(t, conn, "", nil)
		})
	}
}

func option(t *testing.T, conn *net.TCPConn, level, name int) (value int) {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var callErr error
	if err := raw.Control(func(fd uintptr) { value, callErr = syscall.GetsockoptInt(int(fd), level, name) }); err != nil {
		t.Fatal(err)
	}
	if callErr != nil {
		t.Fatal(callErr)
	}
	return value
}
