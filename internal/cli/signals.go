package cli

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// interruption is the end of a context by a signal.
type interruption struct{ signal syscall.Signal }

func (i *interruption) Error() string { return i.signal.String() }

// untilSignal returns a context that SIGINT or SIGTERM cancels. A second signal has its
// default effect: it ends the process at once.
func untilSignal(ctx context.Context) (until context.Context, stop func()) {
	until, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		select {
		case s := <-signals:
			signal.Stop(signals)
			number, _ := s.(syscall.Signal)
			cancel(&interruption{number})
		case <-until.Done():
		}
	}()
	return until, func() {
		signal.Stop(signals)
		cancel(nil)
	}
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

// stopSignals receives the first two of SIGTERM and SIGINT: one starts the drain, the
// other ends it. A third has its default effect, so it ends the process even if that
// hangs.
func stopSignals() <-chan os.Signal {
	caught, signals := make(chan os.Signal, 2), make(chan os.Signal, 2)
	signal.Notify(caught, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		signals <- <-caught
		signals <- <-caught
		signal.Stop(caught)
	}()
	return signals
}
