package server

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

const (
	ready    = "READY=1"
	stopping = "STOPPING=1"
	alive    = "WATCHDOG=1"
)

const (
	// notifyRetry is the pause before a state that could not be sent is sent again.
	notifyRetry = time.Second
	// notifyTimeout is how long the end of the service waits until the last state is
	// sent.
	notifyTimeout = time.Second
)

// notifier sends the latest state to the service manager, in a goroutine of its own. So a
// manager that does not receive, or whose queue is full, delays nothing else.
type notifier struct {
	send func(state string) error
	log  *slog.Logger
	wake chan struct{} // has a value after something was posted
	over chan struct{} // closed when nothing more is sent

	mu    sync.Mutex
	state string // READY=1 or STOPPING=1, until it is sent or replaced
	alive bool   // whether WATCHDOG=1 is to be sent
	ended bool   // whether the goroutine ends when it has tried to send the state once
}

// newNotifier starts a notifier. It returns nil, which does nothing, if there is no
// service manager.
func newNotifier(send func(string) error, log *slog.Logger) *notifier {
	if send == nil {
		return nil
	}
	n := &notifier{send: send, log: log, wake: make(chan struct{}, 1), over: make(chan struct{})}
	go n.run()
	return n
}

// post sends the state later. It replaces one that is not sent yet.
func (n *notifier) post(state string) { n.change(func() { n.state = state }) }

// feedWatchdog sends WATCHDOG=1 later, once for all calls since it was last sent.
func (n *notifier) feedWatchdog() { n.change(func() { n.alive = true }) }

// end waits until the notifier has tried to send the state, at most for notifyTimeout.
func (n *notifier) end() {
	if n == nil {
		return
	}
	n.change(func() { n.ended = true })
	timer := time.NewTimer(notifyTimeout)
	defer timer.Stop()
	select {
	case <-n.over:
	case <-timer.C:
	}
}

func (n *notifier) change(what func()) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	what()
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// next returns what to send now, "" for nothing: the state first, then WATCHDOG=1, which
// is not sent after end.
func (n *notifier) next() (message string, ended bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.state != "":
		message = n.state
	case n.alive && !n.ended:
		message, n.alive = alive, false
	}
	return message, n.ended
}

// sent removes the state, unless it was replaced.
func (n *notifier) sent(state string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.state == state {
		n.state = ""
	}
}

func (n *notifier) run() {
	defer close(n.over)
	logged := "" // the state whose failure was logged
	for {
		message, ended := n.next()
		var err error
		if message != "" {
			if err = n.send(message); err == nil {
				n.sent(message)
			} else if message != logged {
				logged = message
				n.log.Warn("notify failed", slog.String("state", message), slog.Any("error", err))
			}
		}
		switch {
		case ended && (err != nil || message == ""):
			return
		case err != nil && message != alive:
			n.pause(notifyRetry)
		case message == "":
			<-n.wake
		}
	}
}

// pause waits for d, or until something is to be sent.
func (n *notifier) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-n.wake:
	case <-timer.C:
	}
}

// feedWatchdog sends WATCHDOG=1 twice in each interval, as sd_watchdog_enabled(3)
// recommends, as long as every loop of every server runs. If a loop hangs it sends
// nothing, and the service manager restarts the service.
func (s *Service) feedWatchdog(ctx context.Context) {
	if s.cfg.Watchdog == 0 {
		return
	}
	tick := time.NewTicker(s.cfg.Watchdog / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := s.checkAlive(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.cfg.Log.Error("a loop hangs", slog.Any("error", err))
		default:
			s.notifier.feedWatchdog()
		}
	}
}

// checkAlive returns nil when no server hangs. A server that has ended, while another one
// still drains, cannot hang.
func (s *Service) checkAlive(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Watchdog/2)
	defer cancel()
	for _, m := range s.servers {
		if err := m.CheckAlive(ctx); err != nil && !m.returned.Load() {
			return fmt.Errorf("the %s engine: %w", m.engine, err)
		}
	}
	return nil
}
