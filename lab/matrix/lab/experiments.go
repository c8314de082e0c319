package lab

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// experiments are the rules that can be put in a few lines.
var experiments = map[string]experiment{
	"stream/size-sweep":      {far: echo, client: with(writeWhileReading)},
	"stream/bulk":            {far: echo, client: with(writeWhileReading)},
	"stream/half-close":      {far: answerAfter(0), client: with(askAndFinish)},
	"stream/half-close-late": {far: answerAfter(1200 * time.Millisecond), client: with(askAndFinish)},
	"stream/half-close-owed": {far: owe, client: with(finishAndRead)},
	"stream/fin-only":        {far: echo, client: with(finishAtOnce)},
	"stream/close-latency":   {far: echo, client: with(askAndFinish)},
	"stream/slow-reader":     {far: echo, client: with(writeThenRead)},
	"stream/zero-window":     {far: echo, client: with(writeThenRead)},
	"stream/concurrency":     {far: echo, client: crowdOf(100)},
	"stream/server-fin":      {far: finishFirst, client: with(goOnAfterFIN)},
	"stream/rst-to-server":   {client: with(resetFar)},
	"stream/rst-to-client":   {far: resetClient, client: with(seeReset)},
	"stream/rst-after-data":  {far: sendAndReset, client: with(seeReset)},
	"stream/refused":         {closed: true, client: knock},
}

const question = "a question\n"

// answerAfter reads the question to its end and answers some time later.
func answerAfter(pause time.Duration) func(*net.TCPConn) {
	return func(far *net.TCPConn) {
		if n, err := io.Copy(io.Discard, far); err == nil && n > 0 {
			time.Sleep(pause) // the experiment: a far end that thinks
			far.Write([]byte(question))
		}
		far.Close()
	}
}

func askAndFinish(conn *net.TCPConn, _ <-chan string) (string, bool) {
	conn.Write([]byte(question))
	conn.CloseWrite()
	n, err := io.Copy(io.Discard, conn)
	return fmt.Sprintf("after its FIN the client got %s, of %d bytes", ending(n, err), len(question)),
		err == nil && n == int64(len(question))
}

// owed is more than the buffers of two connections hold.
const owed = 16 << 20

func owe(far *net.TCPConn) {
	far.Read(make([]byte, 1))
	far.Write(payload(owed))
	far.CloseWrite()
}

func finishAndRead(conn *net.TCPConn, _ <-chan string) (string, bool) {
	conn.Write([]byte("?"))
	time.Sleep(500 * time.Millisecond) // the experiment: much is owed by now
	conn.CloseWrite()
	time.Sleep(time.Second)
	n, err := io.Copy(io.Discard, conn)
	return fmt.Sprintf("a client that finished and then read got %s, of %d bytes", ending(n, err), owed),
		err == nil && n == owed
}

func finishAtOnce(conn *net.TCPConn, _ <-chan string) (string, bool) {
	conn.CloseWrite()
	n, err := io.Copy(io.Discard, conn)
	return "a client that sent nothing and finished got " + ending(n, err), err == nil && n == 0
}

func writeWhileReading(conn *net.TCPConn, _ <-chan string) (string, bool) {
	const much = 16 << 20
	go conn.Write(payload(much))
	n, err := io.Copy(io.Discard, io.LimitReader(conn, much))
	return fmt.Sprintf("a client that wrote and read at the same time got %s, of %d bytes", ending(n, err), much), n == much
}

func echo(far *net.TCPConn) {
	io.Copy(far, far)
	far.CloseWrite()
}

func writeThenRead(conn *net.TCPConn, _ <-chan string) (string, bool) {
	go conn.Write(payload(owed))
	time.Sleep(2 * time.Second) // the experiment: nothing is read
	n, err := io.Copy(io.Discard, io.LimitReader(conn, owed))
	return fmt.Sprintf("a client that read nothing for 2s and then everything got %s, of %d bytes", ending(n, err), owed),
		n == owed
}

// crowdOf connects n clients at the same moment.
func crowdOf(n int) func(string, <-chan string) (string, bool) {
	return func(address string, _ <-chan string) (string, bool) {
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
				conn, err := dial(address)
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

func finishFirst(far *net.TCPConn) { far.CloseWrite() }

func goOnAfterFIN(conn *net.TCPConn, seen <-chan string) (string, bool) {
	n, err := io.Copy(io.Discard, conn)
	if err != nil {
		return "instead of the server's FIN the client got " + ending(n, err), false
	}
	time.Sleep(time.Second) // the experiment: long after the server's FIN
	conn.Write(payload(1 << 10))
	time.Sleep(time.Second)
	conn.Write(payload(1 << 16))
	conn.CloseWrite()
	saw := theFarEnd(seen)
	return "after its own FIN the server got " + saw + fmt.Sprintf(", of %d bytes", 1<<10+1<<16),
		saw == ending(1<<10+1<<16, nil)
}

func resetFar(conn *net.TCPConn, seen <-chan string) (string, bool) {
	conn.Write([]byte(question))
	time.Sleep(200 * time.Millisecond) // the experiment: the question has arrived
	conn.SetLinger(0)
	conn.Close()
	saw := theFarEnd(seen)
	return "when the client reset, the server got " + saw, saw == fmt.Sprintf("%d bytes and a reset", len(question))
}

func resetClient(far *net.TCPConn) {
	far.Read(make([]byte, 64))
	far.SetLinger(0)
	far.Close()
}

func sendAndReset(far *net.TCPConn) {
	far.Write(payload(1 << 16))
	resetClient(far)
}

func seeReset(conn *net.TCPConn, _ <-chan string) (string, bool) {
	conn.Write([]byte(question))
	n, err := io.Copy(io.Discard, conn)
	return "when the server reset, the client got " + ending(n, err), errors.Is(err, syscall.ECONNRESET)
}

// knock connects where nobody listens.
func knock(address string, _ <-chan string) (string, bool) {
	conn, err := dial(address)
	if err != nil {
		return "the connect was refused", errors.Is(err, syscall.ECONNREFUSED)
	}
	defer conn.Close()
	conn.Write([]byte(question))
	n, err := io.Copy(io.Discard, conn)
	return "the connect was accepted, and then the client got " + ending(n, err), false
}
