package spread

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"echod/internal/accept"
	"echod/internal/agent"
	"echod/internal/load"
)

// Worker puts load on services for coordinators that have its token, one at a time.
type Worker struct {
	Token    agent.Secret   // the zero value accepts every coordinator
	Allow    []netip.Prefix // to which it connects; nil: DefaultAllow
	MaxConns int            // connections of a load; 0: load.MaxConns
	Echod    string         // the version of this program
	Once     bool           // Serve ends after the first coordinator; its error is why there was no load
	Log      *slog.Logger   // nil discards the log

	silence time.Duration // default silence
	carry   carry         // default load.RunHeld
	ahead   time.Duration // of the system clock, for tests

	mu  sync.Mutex
	run string // the run that uses the worker; "": none
}

// carry carries out a plan: load.RunHeld, or what tests have in its place.
type carry func(context.Context, load.Plan, load.Hold, func(load.Progress)) (*load.Result, error)

// maxSessions is how many connections a worker has at once. One of them has a load, all others
// are refused at their first line or wait for it.
const maxSessions = 32

// Serve accepts coordinators on ln until ctx ends. Then it closes ln, ends the load, and returns nil
// when nothing of it is left.
func (w *Worker) Serve(ctx context.Context, ln net.Listener) error {
	if w.Log == nil {
		w.Log = slog.New(slog.DiscardHandler)
	}
	if w.silence == 0 {
		w.silence = silence
	}
	if w.carry == nil {
		w.carry = load.RunHeld
	}
	if w.Allow == nil {
		w.Allow = DefaultAllow
	}
	if w.MaxConns == 0 {
		w.MaxConns = load.MaxConns
	}
	accepting := accept.NewListener(accept.Config{Socket: ln, Slots: accept.NewSlots(maxSessions, 0), URL: "tcp://" + ln.Addr().String(), Log: w.Log})
	signal := ctx
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	release := context.AfterFunc(ctx, func() { accepting.Close() })
	defer release()
	var sessions sync.WaitGroup
	defer sessions.Wait()
	for {
		conn, err := accepting.Accept()
		if err != nil {
			accepting.Close()
			if signal.Err() != nil {
				return nil // the cause of the error
			}
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			if err == errOnce {
				return nil
			}
			return err
		}
		sessions.Go(func() {
			defer conn.Close()
			defer context.AfterFunc(ctx, func() { conn.Close() })()
			if err := w.serve(ctx, conn); err != errRefused && w.Once {
				end(cmp.Or(err, errOnce))
			}
		})
	}
}

// serve reads the first line of a connection, and carries out its load. The log has nothing of it until
// the token was correct. The error is why the load was not carried out: errRefused if it was not claimed.
func (w *Worker) serve(ctx context.Context, conn net.Conn) error {
	l := newLines(conn, w.silence)
	from := slog.String("coordinator", conn.RemoteAddr().String())
	first, err := read[request](l, maxHello)
	if err == nil && first.Hello == nil {
		err = errFields
	}
	refusal := w.claim(first.Hello, err)
	if refusal != nil {
		w.Log.Debug("refused", from, slog.String("kind", string(refusal.Kind)))
		l.write(reply{Error: refusal}, maxLine)
		return errRefused
	}
	defer w.release()
	w.Log.Info("a coordinator has connected", from)
	var none error
	err = l.write(reply{Hello: &greeting{Protocol, load.Format, w.Echod, time.Now().Add(w.ahead).UnixNano()}}, maxHello)
	if err == nil {
		s := newSession(w, l)
		if err = s.serve(ctx); err == nil && !s.sent {
			none = errNoLoad
		}
	}
	if err != nil {
		w.Log.Warn("the load was not carried out", from, slog.Any("error", err))
	} else {
		w.Log.Info("the coordinator has disconnected, and nothing is left of its load", from)
	}
	return cmp.Or(err, none)
}

// claim takes the worker for the run of a first line. Err is why there is none.
func (w *Worker) claim(h *hello, err error) *Refusal {
	switch {
	case err != nil || h.Protocol != Protocol:
		return &Refusal{KindProtocol, "want a first line of " + Protocol + ": use the same version of echod on all machines"}
	case !w.Token.IsZero() && h.Token == "":
		return &Refusal{KindToken, "the worker wants a token"}
	case !w.Token.IsZero() && !w.Token.Equal(agent.NewSecret(h.Token)):
		return &Refusal{KindToken, "that is not the token of the worker"}
	case h.Run == "":
		return &Refusal{KindProtocol, "the first line has no run"}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch w.run {
	case "":
		w.run = h.Run
		return nil
	case h.Run:
		return &Refusal{KindDuplicate, "this run has the worker already, by another URL"}
	}
	return &Refusal{KindBusy, "another coordinator uses the worker"}
}

// release makes the worker free for the next run.
func (w *Worker) release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.run = ""
}

var (
	errRefused = errors.New("the coordinator was refused")
	errNoLoad  = errors.New("the coordinator has left without a load")
	errOnce    = errors.New("the one load was carried out")
)
