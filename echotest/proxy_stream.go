package echotest

import (
	"errors"
	"io"
	"sync"
	"time"
)

func streamProxyFault(name, description string, hooks streamHooks) ProxyFault {
	return ProxyFault{Name: name, Description: description, Network: "tcp", stream: hooks}
}

// ClosesBothOnFIN closes both directions at the FIN of one and drops what it has not
// forwarded yet.
func ClosesBothOnFIN() ProxyFault {
	return streamProxyFault("closes-both-on-fin", "closes both directions at the FIN of one and drops what it has not forwarded yet", streamHooks{
		forward: func(l *link, d direction) error {
			if d.toServer {
				return l.copy(d, unchanged)
			}
			// The delay makes sure that the last answer is not forwarded yet.
			return copyAhead(l, d, 1<<20, 50*time.Millisecond)
		},
		onFIN: func(l *link, _ direction) { l.close() },
	})
}

// DropsFIN does not forward a FIN.
func DropsFIN() ProxyFault {
	return streamProxyFault("drops-fin", "does not forward a FIN", streamHooks{onFIN: func(*link, direction) {}})
}

// TurnsFINIntoReset forwards a FIN as a reset.
func TurnsFINIntoReset() ProxyFault {
	return streamProxyFault("turns-fin-into-reset", "forwards a FIN as a reset", streamHooks{onFIN: func(_ *link, d direction) {
		d.to.SetLinger(0)
		d.to.Close()
	}})
}

// TurnsResetIntoFIN forwards a reset as a FIN.
func TurnsResetIntoFIN() ProxyFault {
	return streamProxyFault("turns-reset-into-fin", "forwards a reset as a FIN", streamHooks{onReset: func(l *link, _ direction) { l.close() }})
}

// LeaksCloseWait does not close its connection to the server when the server has sent
// its FIN first. The connection stays in CLOSE-WAIT.
func LeaksCloseWait() ProxyFault {
	const description = "does not close its connection to the server when the server has sent its FIN first"
	return streamProxyFault("leaks-close-wait", description, streamHooks{onFIN: func(l *link, d direction) {
		if !d.toServer {
			l.serverFIN.Store(true)
		} else if l.serverFIN.Load() {
			<-l.ctx.Done()
		}
		d.to.CloseWrite()
	}})
}

// ClosesHalfClosed closes both directions some time after the FIN of one.
func ClosesHalfClosed(after time.Duration) ProxyFault {
	return streamProxyFault("closes-half-closed", "closes both directions "+after.String()+" after the FIN of one", streamHooks{
		onFIN: func(l *link, d direction) {
			d.to.CloseWrite()
			sleep(l.ctx, after)
			l.close()
		},
	})
}

// AcceptsBeforeConnecting accepts a client before it connects to the server, and resets
// if nothing listens there.
func AcceptsBeforeConnecting() ProxyFault {
	return streamProxyFault("accepts-before-connecting", "accepts a client before it connects to the server, and resets if nothing listens there",
		streamHooks{acceptsBeforeConnecting: true})
}

// ClosesIdle closes a connection that was idle for some time.
func ClosesIdle(after time.Duration) ProxyFault {
	return streamProxyFault("closes-idle", "closes a connection that was idle for "+after.String(), streamHooks{watch: whenIdle(after, (*link).close)})
}

// ResetsIdle resets a connection that was idle for some time.
func ResetsIdle(after time.Duration) ProxyFault {
	return streamProxyFault("resets-idle", "resets a connection that was idle for "+after.String(), streamHooks{watch: whenIdle(after, (*link).reset)})
}

// ForgetsIdle forwards nothing more and sends no FIN or reset after a connection was
// idle for some time, as a NAT does.
func ForgetsIdle(after time.Duration) ProxyFault {
	return streamProxyFault("forgets-idle", "forwards nothing more and sends no FIN or reset after a connection was idle for "+after.String(), streamHooks{
		watch: whenIdle(after, func(l *link) {
			l.forgotten.Store(true)
			l.client.SetDeadline(time.Now())
			l.server.SetDeadline(time.Now())
		}),
		onReset: func(l *link, _ direction) {
			if l.forgotten.Load() {
				<-l.ctx.Done()
			}
			l.reset()
		},
	})
}

// whenIdle calls do when a link was idle for some time.
func whenIdle(after time.Duration, do func(*link)) func(*link) {
	return func(l *link) {
		for l.idleTime() < after && l.ctx.Err() == nil {
			sleep(l.ctx, after-l.idleTime())
		}
		if l.ctx.Err() == nil {
			do(l)
		}
	}
}

// StoresUntilFIN forwards nothing to the server before the client's FIN. It stores up
// to 1 MiB, and forwards when more comes.
func StoresUntilFIN() ProxyFault {
	return streamProxyFault("stores-until-fin", "forwards nothing to the server before the client's FIN", streamHooks{
		forward: func(l *link, d direction) error {
			if d.toServer {
				stored, err := io.ReadAll(io.LimitReader(d.from, 1<<20))
				if err != nil {
					return err
				}
				if _, err := l.writer(d.to).Write(stored); err != nil {
					return err
				}
			}
			return l.copy(d, unchanged)
		},
	})
}

// DropsLargeChunks forwards nothing more after it has received more than 1400 bytes at
// once, as a path with an MTU black hole does (RFC 2923).
func DropsLargeChunks() ProxyFault {
	return streamProxyFault("drops-large-chunks", "forwards nothing more after it has received more than 1400 bytes at once", streamHooks{
		forward: func(l *link, d direction) error {
			return l.copy(d, func(chunk []byte) []byte {
				if len(chunk) <= 1400 {
					return chunk
				}
				<-l.ctx.Done()
				return nil
			})
		},
	})
}

// ChangesByte changes the byte at offset 5000 of what the server sends.
func ChangesByte() ProxyFault {
	return streamProxyFault("changes-byte", "changes the byte at offset 5000 of what the server sends", streamHooks{
		forward: func(l *link, d direction) error {
			passed := 0
			return l.copy(d, func(chunk []byte) []byte {
				if at := intact - passed; !d.toServer && at >= 0 && at < len(chunk) {
					chunk[at] ^= 0x55
				}
				passed += len(chunk)
				return chunk
			})
		},
	})
}

// DropsUnreadBytes drops at the server's FIN what it has not forwarded yet, if the
// client has once read nothing for 250 ms.
func DropsUnreadBytes() ProxyFault {
	const description = "drops at the server's FIN what it has not forwarded yet, if the client has once read nothing for 250 ms"
	return streamProxyFault("drops-unread-bytes", description, streamHooks{
		forward: func(l *link, d direction) error {
			if d.toServer {
				return l.copy(d, unchanged)
			}
			d.to.SetWriteBuffer(16 << 10) // the proxy cannot drop what is in the kernel's buffer
			w := slowWriter{l.writer(d.to), make(chan struct{}), new(sync.Once)}
			q, written := startQueue(l, d, w, 1<<20, 100*time.Millisecond)
			if err := q.readFrom(d.from); err != nil {
				return err
			}
			q.close()
			select {
			case err := <-written:
				return err
			case <-w.slow:
				d.to.SetWriteDeadline(time.Now())
				<-written
				return nil
			}
		},
	})
}

// slowWriter closes slow at the first write that takes more than 250 ms.
type slowWriter struct {
	linkWriter
	slow chan struct{}
	once *sync.Once
}

func (w slowWriter) Write(chunk []byte) (int, error) {
	timer := time.AfterFunc(250*time.Millisecond, func() {
		w.once.Do(func() { close(w.slow) })
	})
	defer timer.Stop()
	return w.linkWriter.Write(chunk)
}

// ReadsAheadWithoutLimit reads on from the server while the client does not read. It
// stops at 256 MiB for each connection, to protect the test.
func ReadsAheadWithoutLimit() ProxyFault {
	return streamProxyFault("reads-ahead-without-limit", "reads on from the server while the client does not read", streamHooks{
		forward: func(l *link, d direction) error {
			if d.toServer {
				return l.copy(d, unchanged)
			}
			return copyAhead(l, d, 256<<20, 0)
		},
	})
}

// copyAhead forwards, but reads on while up to limit bytes are not yet written. It
// waits for delay before it writes a batch of chunks.
func copyAhead(l *link, d direction, limit int, delay time.Duration) error {
	q, written := startQueue(l, d, l.writer(d.to), limit, delay)
	err := q.readFrom(d.from)
	q.close()
	return errors.Join(err, <-written)
}

// startQueue returns a queue that a goroutine writes to w. The channel gets the result
// when the queue is closed and empty, or when a write fails.
func startQueue(l *link, d direction, w io.Writer, limit int, delay time.Duration) (*queue, <-chan error) {
	q := newQueue(limit)
	written := make(chan error, 1)
	go func() {
		err := q.writeTo(l.ctx, w, delay)
		q.close()
		if err != nil {
			d.from.SetReadDeadline(time.Now()) // what is read cannot be written any more
		}
		written <- err
	}()
	return q, written
}
