package spread

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"echod/internal/draw"
)

// errSilent is why a peer is lost that sends nothing, or only a part of a line.
type errSilent struct{ after time.Duration }

func (e errSilent) Error() string { return "sent nothing for " + draw.Brief(e.after) }

// errClosed is why a peer is lost that has ended its connection.
var errClosed = errors.New("the connection was closed")

// lines reads and writes lines of JSON. One goroutine reads; any may write.
type lines struct {
	conn    net.Conn
	in      *bufio.Reader
	silence time.Duration

	writing sync.Mutex
}

// chunk is how many bytes may take silence to arrive, or to be sent.
const chunk = 64 << 10

func newLines(conn net.Conn, silence time.Duration) *lines {
	return &lines{conn: conn, in: bufio.NewReaderSize(conn, chunk), silence: silence}
}

// message is a line: a request or a reply.
type message interface{ fields() int }

// read reads one line into m, which is a pointer, and returns it. The error does not contain the
// line: it may have a token.
func read[M message](l *lines, most int) (m M, err error) {
	var line []byte
	for {
		l.conn.SetReadDeadline(time.Now().Add(l.silence))
		part, err := l.in.ReadSlice('\n')
		switch {
		case len(line)+len(part) > most:
			return m, fmt.Errorf("sent a line of more than %s", draw.Bytes.Write(float64(most)))
		case errors.Is(err, bufio.ErrBufferFull):
			line = append(line, part...)
			continue
		case err != nil:
			return m, l.lost(err, len(line)+len(part))
		}
		line = append(line, part...)
		break
	}
	in := json.NewDecoder(bytes.NewReader(line))
	in.DisallowUnknownFields() // both sides are of the same version
	if in.Decode(&m) != nil || m.fields() != 1 || in.More() {
		return m, errFields
	}
	return m, nil
}

// lost returns why a read failed, after that many bytes of a line.
func (l *lines) lost(err error, partial int) error {
	half := ""
	if partial > 0 {
		half = ", after half a line"
	}
	switch {
	case os.IsTimeout(err):
		return fmt.Errorf("%w%s", errSilent{l.silence}, half)
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%w%s", errClosed, half)
	}
	return err
}

// write writes m as a line of at most that many bytes.
func (l *lines) write(m message, most int) error {
	line, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if len(line) >= most {
		return fmt.Errorf("a line of %s: want at most %s", draw.Bytes.Write(float64(len(line))), draw.Bytes.Write(float64(most)))
	}
	line = append(line, '\n')
	l.writing.Lock()
	defer l.writing.Unlock()
	for len(line) > 0 {
		l.conn.SetWriteDeadline(time.Now().Add(l.silence))
		n, err := l.conn.Write(line[:min(len(line), chunk)])
		if err != nil {
			return err
		}
		line = line[n:]
	}
	return nil
}

// stayAlive writes m each second until ctx ends.
func (l *lines) stayAlive(ctx context.Context, m message) {
	tick := time.NewTicker(min(aliveEvery, l.silence/4))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if l.write(m, maxLine) != nil {
				return // the reader notices
			}
		case <-ctx.Done():
			return
		}
	}
}

// clip returns a text of a peer for an error: printable, and not longer than a line.
func clip(text string) string {
	quoted := strconv.Quote(text[:min(len(text), 300)])
	return quoted[1 : len(quoted)-1]
}
