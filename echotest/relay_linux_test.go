package echotest

import (
	"io"
	"syscall"
	"testing"
)

func TestRelayForwardsUrgentDataUnlessItDropsIt(t *testing.T) {
	server := NewServer(t)
	for _, tt := range []struct {
		path Path
		want string
	}{
		{Path{}, "abhello FIN"},
		{Path{DropsUrgent: true}, "ahello FIN"},
	} {
		c := dialRelay(t, NewRelay(t, tt.path, server.URL()))
		io.WriteString(c, "a")
		raw, err := c.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		raw.Control(func(fd uintptr) { _, err = syscall.SendmsgN(int(fd), []byte("b"), nil, nil, syscall.MSG_OOB) })
		if err != nil {
			t.Fatal(err)
		}
		if got := talk(c); got != tt.want {
			t.Errorf("%+v: got %q, want %q", tt.path, got, tt.want)
		}
	}
}
