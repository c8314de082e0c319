package cli

import (
	"net"
	"os"
	"time"
)

// notifyTime bounds one attempt to tell the service manager something: its queue
// may be full.
const notifyTime = time.Second

// notifyManager returns what sends a state to the service manager (sd_notify(3));
// nil if there is none.
func notifyManager() func(state string) error {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return nil
	}
	return func(state string) error { return notify(name, state) }
}

// notify sends one state. The connection is made anew each time, as sd_notify(3)
// does it: the manager may have another socket of that name by now.
func notify(name, state string) error {
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetWriteDeadline(time.Now().Add(notifyTime)); err != nil {
		return err
	}
	_, err = conn.Write([]byte(state))
	return err
}
