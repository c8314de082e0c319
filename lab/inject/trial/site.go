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

// Site is what all trials share: a binary, a certificate, and an echo for watch to
// probe.
type Site struct {
	Dir   string
	Echod string // the binary under test

	// Relief is how long it may take until all is well again after the last call
	// that failed.
	Relief time.Duration

	closers []io.Closer
	remove  []string
	probed  []string // URLs for watch
}

// Open makes a site in a new directory below dir, for the binary echod.
func Open(dir, echod string) (*Site, error) {
	dir, err := os.MkdirTemp(dir, "inject-")
	if err != nil {
		return nil, err
	}
	s := &Site{Dir: dir, Echod: echod, Relief: 15 * time.Second}
	cert := exec.Command(echod, "cert", "--dir", dir)
	if text, err := cert.CombinedOutput(); err != nil {
		s.Close()
		return nil, fmt.Errorf("echod cert: %w: %s", err, text)
	}
	if err := s.echo(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Close ends the echo and removes the directory.
func (s *Site) Close() {
	for _, c := range s.closers {
		c.Close()
	}
	for _, dir := range append(s.remove, s.Dir) {
		os.RemoveAll(dir)
	}
}

// Remove has Close remove dir, too.
func (s *Site) Remove(dir string) { s.remove = append(s.remove, dir) }

// echo serves TCP, UDP and a unix socket.
func (s *Site) echo() error {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.closers = append(s.closers, tcp)
	path := filepath.Join(s.Dir, "probed.sock")
	unix, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	s.closers = append(s.closers, unix)
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.closers = append(s.closers, udp)
	go echoStreams(tcp)
	go echoStreams(unix)
	go echoDatagrams(udp)
	_, port, _ := net.SplitHostPort(tcp.Addr().String())
	s.probed = []string{"dns+tcp://localhost:" + port, "udp://" + udp.LocalAddr().String(), "unix://" + path}
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
