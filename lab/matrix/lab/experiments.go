package lab

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"
)

// experiments has the rules that can be tested in a few lines.
var experiments = map[string]experiment{
	"stream/size-sweep":      {server: echo, client: with(writeWhileReading)},
	"stream/bulk":            {server: echo, client: with(writeWhileReading)},
	"stream/half-close":      {server: answerAfter(0), client: with(askAndHalfClose)},
	"stream/half-close-late": {server: answerAfter(1200 * time.Millisecond), client: with(askAndHalfClose)},
	"stream/half-close-owed": {server: sendOwed, client: with(halfCloseAndRead)},
	"stream/fin-only":        {server: echo, client: with(halfCloseAtOnce)},
	"stream/close-latency":   {server: echo, client: with(askAndHalfClose)},
	"stream/slow-reader":     {server: echo, client: with(writeThenRead)},
	"stream/zero-window":     {server: echo, client: with(writeThenRead)},
	"stream/concurrency":     {server: echo, client: connectAll(100)},
	"stream/server-fin":      {server: halfCloseFirst, client: with(sendAfterFIN)},
	"stream/rst-to-server":   {client: with(resetServer)},
	"stream/rst-to-client":   {server: resetClient, client: with(expectReset)},
	"stream/rst-after-data":  {server: sendAndReset, client: with(expectReset)},
	"stream/refused":         {closed: true, client: connectClosed},

	// For programs that end TLS.
	"tls/half-close":           {server: echo, client: with(expectNotify)},
	"tls/truncation":           {server: echo, client: with(truncateAndRead)},
	"tls/truncation-to-server": {client: with(truncateToServer)},
	"tls/truncation-to-client": {server: resetClient, client: with(expectNoNotify)},
}

const question = "a question\n"

// answerAfter reads until the FIN, waits, and answers.
func answerAfter(pause time.Duration) func(*net.TCPConn) {
	return func(conn *net.TCPConn) {
		if n, err := io.Copy(io.Discard, conn); err == nil && n > 0 {
			time.Sleep(pause) // part of the experiment
			conn.Write([]byte(question))
		}
		conn.Close()
	}
}

func askAndHalfClose(conn client, _ <-chan string) (string, bool) {
	conn.Write([]byte(question))
	conn.CloseWrite()
	n, err := io.Copy(io.Discard, conn)
	return fmt.Sprintf("after its FIN the client got %s, of %d bytes", conn.ending(n, err), len(question)),
		err == nil && n == int64(len(question))
}

// owed is more than the socket buffers of two connections hold.
const owed = 16 << 20

func sendOwed(conn *net.TCPConn) {
	conn.Read(make([]byte, 1))
	conn.Write(payload(owed))
	conn.CloseWrite()
}

func halfCloseAndRead(conn client, _ <-chan string) (string, bool) {
	conn.Write([]byte("?"))
	time.Sleep(500 * time.Millisecond) // part of the experiment: many bytes are owed now
	conn.CloseWrite()
	time.Sleep(time.Second)
	n, err := io.Copy(io.Discard, conn)
	return fmt.Sprintf("a client that finished and then read got %s, of %d bytes", conn.ending(n, err), owed),
		err == nil && n == owed
}

func halfCloseAtOnce(conn client, _ <-chan string) (string, bool) {
	conn.CloseWrite()
	n, err := io.Copy(io.Discard, conn)
	return "a client that sent nothing and finished got " + conn.ending(n, err), err == nil && n == 0
}

func writeWhileReading(conn client, _ <-chan string) (string, bool) {
	const much = 16 << 20
	go conn.Write(payload(much))
	n, err := io.Copy(io.Discard, io.LimitReader(conn, much))
	return fmt.Sprintf("a client that wrote and read at the same time got %s, of %d bytes", conn.ending(n, err), much), n == much
}

func echo(conn *net.TCPConn) {
	io.Copy(conn, conn)
	conn.CloseWrite()
}

func writeThenRead(conn client, _ <-chan string) (string, bool) {
	go conn.Write(payload(owed))
	time.Sleep(2 * time.Second) // part of the experiment: the client does not read
	n, err := io.Copy(io.Discard, io.LimitReader(conn, owed))
	return fmt.Sprintf("a client that read nothing for 2s and then everything got %s, of %d bytes", conn.ending(n, err), owed),
		n == owed
}

// connectAll connects n clients at the same time.
func connectAll(n int) func(string, <-chan string) (string, bool) {
	return func(url string, _ <-chan string) (string, bool) {
		var (
			clients, connected sync.WaitGroup
			mu                 sync.Mutex
			failed             int
			slowest            time.Duration
		)
		connected.Add(n)
		for range n {
			clients.Go(func() {
				start := time.Now()
				conn, err := dial(url)
				if err == nil {
					defer conn.Close()
					conn.Write([]byte(question))
					_, err = io.ReadFull(conn, make([]byte, len(question)))
				}
				took := time.Since(start)
				mu.Lock()
				slowest = max(slowest, took)
				if err != nil {
					failed++
				}
				mu.Unlock()
				connected.Done()
				connected.Wait() // all of them are open at the same time
			})
		}
		clients.Wait()
		return fmt.Sprintf("of %d clients at once %d got no echo; the slowest took %.1fs", n, failed, slowest.Seconds()),
			failed == 0 && slowest < 5*time.Second
	}
}

func halfCloseFirst(conn *net.TCPConn) { conn.CloseWrite() }

func sendAfterFIN(conn client, seen <-chan string) (string, bool) {
	n, err := io.Copy(io.Discard, conn)
	if err != nil {
		return "instead of the server's FIN the client got " + conn.ending(n, err), false
	}
	time.Sleep(time.Second) // part of the experiment
	conn.Write(payload(1 << 10))
	time.Sleep(time.Second)
	conn.Write(payload(1 << 16))
	conn.CloseWrite()
	saw := serverResult(seen)
	return "after its own FIN the server got " + saw + fmt.Sprintf(", of %d bytes", 1<<10+1<<16),
		saw == ending(1<<10+1<<16, nil)
}

func resetServer(conn client, seen <-chan string) (string, bool) {
	conn.Write([]byte(question))
	time.Sleep(200 * time.Millisecond) // part of the experiment: the question has arrived
	conn.SetLinger(0)
	conn.Close()
	saw := serverResult(seen)
	return "when the client reset, the server got " + saw, saw == fmt.Sprintf("%d bytes and a reset", len(question))
}

func resetClient(conn *net.TCPConn) {
	conn.Read(make([]byte, 64))
	conn.SetLinger(0)
	conn.Close()
}

func sendAndReset(conn *net.TCPConn) {
	conn.Write(payload(1 << 16))
	resetClient(conn)
}

func expectReset(conn client, _ <-chan string) (string, bool) {
	conn.Write([]byte(question))
	n, err := io.Copy(io.Discard, conn)
	return "when the server reset, the client got " + conn.ending(n, err), errors.Is(err, syscall.ECONNRESET)
}

func expectNotify(conn client, _ <-chan string) (string, bool) {
	conn.Write([]byte(question))
	conn.CloseWrite()
	n, err := io.Copy(io.Discard, conn)
	return fmt.Sprintf("after its close_notify the client got %s, of %d bytes", conn.ending(n, err), len(question)),
		err == nil && n == int64(len(question))
}

func truncateAndRead(conn client, _ <-chan string) (string, bool) {
	conn.Write([]byte(question))
	conn.truncate()
	n, err := io.Copy(io.Discard, conn)
	return "after its FIN without close_notify the client got " + conn.ending(n, err), err != nil
}

func truncateToServer(conn client, seen <-chan string) (string, bool) {
	conn.Write([]byte(question))
	time.Sleep(200 * time.Millisecond) // part of the experiment: the question has arrived
	conn.truncate()
	saw := serverResult(seen)
	return "when the client sent a FIN without close_notify, the server got " + saw, strings.HasSuffix(saw, " a reset")
}

func expectNoNotify(conn client, _ <-chan string) (string, bool) {
	conn.Write([]byte(question))
	n, err := io.Copy(io.Discard, conn)
	return "when the server reset, the client got " + conn.ending(n, err), err != nil
}

// connectClosed connects to a port where nothing listens.
func connectClosed(url string, _ <-chan string) (string, bool) {
	conn, err := dial(url)
	if err != nil {
		return "the connect was refused", errors.Is(err, syscall.ECONNREFUSED)
	}
	defer conn.Close()
	conn.Write([]byte(question))
	n, err := io.Copy(io.Discard, conn)
	return "the connect was accepted, and then the client got " + conn.ending(n, err), false
}
