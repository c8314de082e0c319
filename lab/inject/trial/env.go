package trial

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Env is what all trials share: a binary, a certificate, and echo servers for watch to
// probe.
type Env struct {
	Dir   string
	Echod string // the binary under test

	// RecoveryTimeout is how long the program may take to work normally after the last
	// failed call.
	RecoveryTimeout time.Duration

	closers []io.Closer
	remove  []string
	probed  []string // URLs for watch
}

// Open prepares an Env for the binary echod, in a new directory below dir.
func Open(dir, echod string) (*Env, error) {
	dir, err := os.MkdirTemp(dir, "inject-")
	if err != nil {
		return nil, err
	}
	e := &Env{Dir: dir, Echod: echod, RecoveryTimeout: 15 * time.Second}
	cert := exec.Command(echod, "cert", "--dir", dir)
	if text, err := cert.CombinedOutput(); err != nil {
		e.Close()
		return nil, fmt.Errorf("echod cert: %w: %s", err, text)
	}
	if err := e.echo(); err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

// Close stops the echo servers and removes the directory.
func (e *Env) Close() {
	for _, c := range e.closers {
		c.Close()
	}
	for _, dir := range append(e.remove, e.Dir) {
		os.RemoveAll(dir)
	}
}

// Remove makes Close remove dir too.
func (e *Env) Remove(dir string) { e.remove = append(e.remove, dir) }

// echo starts echo servers on TCP, UDP and a unix socket.
func (e *Env) echo() error {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	e.closers = append(e.closers, tcp)
	path := filepath.Join(e.Dir, "probed.sock")
	unix, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	e.closers = append(e.closers, unix)
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	e.closers = append(e.closers, udp)
	go echoStreams(tcp)
	go echoStreams(unix)
	go echoDatagrams(udp)
	_, port, _ := net.SplitHostPort(tcp.Addr().String())
	e.probed = []string{"dns+tcp://localhost:" + port, "udp://" + udp.LocalAddr().String(), "unix://" + path}
	return nil
}

func echoStreams(ln net.Listener) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			io.Copy(conn, conn)
		}()
	}
}

func echoDatagrams(conn net.PacketConn) {
	buf := make([]byte, 64<<10)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		conn.WriteTo(buf[:n], from)
	}
}
