package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// interruption is the end of a context by a signal.
type interruption struct{ signal syscall.Signal }

func (i *interruption) Error() string { return i.signal.String() }

// sameMoment is how soon after a signal another one is ignored: timeout(1) and some service
// managers send two, to the process and to its group.
const sameMoment = 500 * time.Millisecond

// stopSignals receives the first n of SIGINT and SIGTERM. Then they have their former
// effect, which is to end the process, even if it hangs; or none, if the process was started with
// the signal ignored, as a shell script does with SIGINT for a command in the background.
func stopSignals(n int) (signals <-chan os.Signal, stop func()) {
	caught, received, stopped := make(chan os.Signal, 1), make(chan os.Signal, n), make(chan struct{})
	signal.Notify(caught, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		defer signal.Stop(caught)
		for range n {
			select {
			case s := <-caught:
				received <- s
			case <-stopped:
				return
			}
			for ignored := time.After(sameMoment); ignored != nil; {
				select {
				case <-caught:
				case <-ignored:
					ignored = nil
				case <-stopped:
					return
				}
			}
		}
	}()
	return received, sync.OnceFunc(func() { close(stopped) })
}

// untilSignal returns a context that SIGINT or SIGTERM cancels. A second signal ends the
// process at once.
func untilSignal(ctx context.Context) (until context.Context, stop func()) {
	until, cancel := context.WithCancelCause(ctx)
	signals, stopSignals := stopSignals(1)
	go func() {
		select {
		case s := <-signals:
			number, _ := s.(syscall.Signal)
			cancel(&interruption{number})
		case <-until.Done():
		}
	}()
	return until, func() {
		stopSignals()
		cancel(nil)
	}
}

// onQuit calls f at each SIGQUIT, which ^\ sends, until stop is called; stop does
// not return while f runs. Otherwise SIGQUIT ends the process. Windows has no SIGQUIT.
func onQuit(f func()) (stop func()) {
	quits, stopped := make(chan os.Signal, 1), make(chan struct{})
	var caller sync.WaitGroup
	signal.Notify(quits, syscall.SIGQUIT)
	caller.Go(func() {
		for {
			select {
			case <-quits:
				f()
			case <-stopped:
				return
			}
		}
	})
	return sync.OnceFunc(func() {
		signal.Stop(quits)
		close(stopped)
		caller.Wait()
	})
}

// writeInterim writes an answer to SIGQUIT to standard error. A terminal has echoed ^\ at the
// start of the line.
func (p *Process) writeInterim(text string) {
	if isTerminal(p.Stderr) {
		text = "\r" + text
	}
	io.WriteString(p.Stderr, text)
}

// withDeadline returns a context that ends after d; if d is 0, only with ctx or by cancel.
func withDeadline(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if d == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, d)
}

// interrupted returns the error of a verb whose context has ended, nil if it has not. Its
// exit code is that of shells for the signal: 130 for ^C.
func interrupted(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	code := Unknown
	if by, ok := errors.AsType[*interruption](context.Cause(ctx)); ok {
		code = Code(128 + int(by.signal))
	}
	return &exitError{code, errors.New("interrupted")}
}
