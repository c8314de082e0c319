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
	// notifyAgain is the pause before a state that was not taken is sent again.
	notifyAgain = time.Second
	// notifyLast is how long the end of the service waits for the last state to
	// be sent.
	notifyLast = time.Second
)

// notifier tells the service manager the latest state, in a goroutine of its own:
// a manager that does not listen, or whose queue is full, holds up nobody else.
type notifier struct {
	send func(state string) error
	log  *slog.Logger
	wake chan struct{} // has a value after something was posted
	over chan struct{} // closed when nothing more is sent

	mu    sync.Mutex
	state string // READY=1 or STOPPING=1, until it was sent or another took its place
	alive bool   // whether WATCHDOG=1 is to be sent
	ended bool   // whether the goroutine ends when it has sent the state once
}

// newNotifier starts a notifier; nil, which does nothing, if there is no manager.
func newNotifier(send func(string) error, log *slog.Logger) *notifier {
	if send == nil {
		return nil
	}
	n := &notifier{send: send, log: log, wake: make(chan struct{}, 1), over: make(chan struct{})}
	go n.run()
	return n
}

// post has the state sent. It takes the place of one that was not sent yet.
func (n *notifier) post(state string) { n.change(func() { n.state = state }) }

// feed has WATCHDOG=1 sent, once for all calls since it was last sent.
func (n *notifier) feed() { n.change(func() { n.alive = true }) }

// end waits until the state was sent, or could not be, but no longer than
// notifyLast.
func (n *notifier) end() {
	if n == nil {
		return
	}
	n.change(func() { n.ended = true })
	timer := time.NewTimer(notifyLast)
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

// next returns what to send now, "" if nothing is: the state before the watchdog's,
// and that only while the service goes on.
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

// sent forgets the state, unless another has taken its place.
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
			n.pause(notifyAgain)
		case message == "":
			<-n.wake
		}
	}
}

// pause waits that long, or until something is posted.
func (n *notifier) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-n.wake:
	case <-timer.C:
	}
}

// feedWatchdog says WATCHDOG=1 twice in each interval, as sd_watchdog_enabled(3)
// advises, as long as every loop of every server turns. A loop that hangs
// starves the watchdog, and the service manager restarts the service.
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
		err := s.pulse(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.cfg.Log.Error("a loop hangs", slog.Any("error", err))
		default:
			s.notifier.feed()
		}
	}
}

// pulse returns nil once every server has shown that it lives. One that has
// ended while another still drains has nothing left to hang.
func (s *Service) pulse(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Watchdog/2)
	defer cancel()
	for _, m := range s.members {
		if err := m.CheckAlive(ctx); err != nil && !m.over.Load() {
			return fmt.Errorf("the %s engine: %w", m.engine, err)
		}
	}
	return nil
}
