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
			ln := recordingListener{listen(t), make(chan *net.TCPConn, 2)}
			plain, _ := startOn(t, &Server{}, ln)
			secured := recordingListener{listen(t), make(chan *net.TCPConn, 2)}
			secure := startTLSOn(t, &Server{}, secured)
			conn, _ := startScenario(t, plain, "answer-late", tt.params, "")
			wantKeepAlive(t, <-ln.accepted, tt.on, tt.every)
			conn.CloseWrite()
			wantEnd(t, conn, "", nil)
			overTLS, _ := startOverTLS(t, secure, "answer-late", tt.params, "")
			wantKeepAlive(t, <-secured.accepted, tt.on, tt.every)
			overTLS.CloseWrite()
			wantEnd(t, overTLS, "", nil)
		})
	}
}

func wantKeepAlive(t *testing.T, conn *net.TCPConn, on, every int) {
	t.Helper()
	waitFor(t, func() bool {
		return option(t, conn, syscall.SOL_SOCKET, syscall.SO_KEEPALIVE) == on &&
			(on == 0 || option(t, conn, syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE) == every &&
				option(t, conn, syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL) == every)
	})
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
