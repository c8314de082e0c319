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

// untilSignal is ctx, until SIGINT or SIGTERM comes. A second one ends the
// process at once, as if nobody caught it.
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

// interrupted is the error of a verb whose context has ended, nil if it has not.
// Its code is the one by which shells tell of the signal: 130 for ^C.
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

// stopSignals are the first two signals to stop, of which one starts the drain and
// the other ends it. Another one ends the process at once, as if nobody caught it:
// that must be possible whatever hangs.
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
