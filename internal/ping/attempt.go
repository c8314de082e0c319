package ping

import (
	"context"
	"errors"
	"os"
	"time"

	"echod/internal/dial"
)

// outcome is the result of a probe on a connection of its own.
type outcome struct {
	flight  *flight
	sent    time.Time // zero if there was no connection
	at      time.Time
	phases  Phases
	arrived dial.Arrived
	err     error   // nil if it was answered
	others  []Probe // what was received besides
}

// attempt sends f on a connection of its own.
func (r *run) attempt(ctx context.Context, f *flight) {
	r.attempts++
	payloads := r.payloads.clone()
	r.workers.Go(func() {
		o := outcome{flight: f}
		o.err = o.exchange(ctx, &r.Config, payloads)
		o.at = time.Now()
		select {
		case r.outcomes <- o:
		case <-ctx.Done():
		}
	})
}

// finished handles the result of an attempt.
func (r *run) finished(o outcome) {
	r.attempts--
	f := o.flight
	if f.fate == paused {
		return
	}
	f.sent, f.phases, f.arrived = o.sent, o.phases, o.arrived
	if o.err != nil {
		r.lose(f, o.at, o.err)
	} else {
		r.answered(f.seq, f.sent, o.at, nil)
	}
	for _, p := range o.others {
		r.report(p)
	}
}

// exchange connects, sends the probe and waits for its answer: for each at most the
// timeout. It does not use the state of the run.
func (o *outcome) exchange(ctx context.Context, config *Config, payloads *payloads) error {
	bounded, cancel := context.WithTimeout(ctx, config.Timeout)
	defer cancel()
	c, err := connect(bounded, config.Target)
	if o.phases = c.phases; err != nil {
		return err
	}
	defer func() { c.shutdown(err != nil) }()
	stop := context.AfterFunc(ctx, func() { c.Conn.Close() })
	defer stop()
	o.sent = time.Now()
	c.SetDeadline(o.sent.Add(config.Timeout))
	if _, err = c.Write(payloads.probe(o.flight.seq, o.flight.stamp)); err == nil {
		err = o.receive(c, config, payloads)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = &noAnswerError{config.Timeout}
	}
	return err
}

// receive reads the answer. Other datagrams, and bytes after the answer, are foreign.
func (o *outcome) receive(c *connection, config *Config, payloads *payloads) error {
	f, buf := o.flight, make([]byte, config.Size+1)
	for got := 0; got < config.Size; {
		n, arrived, err := dial.Read(c.Conn, buf)
		o.arrived = arrived
		part, at := buf[:max(n, 0)], time.Now()
		if config.Target.Network == "udp" && err == nil {
			seq, stamp, ok := payloads.parse(part)
			if !ok && len(o.others) == maxRemembered {
				continue
			}
			if !ok {
				o.others = append(o.others, Probe{Fate: Foreign, At: at})
				continue
			}
			if wrong := payloads.compareWhole(part, seq, stamp); wrong != nil {
				return wrong
			}
		}
		if got == 0 && n > 0 {
			o.phases.FirstByte = at.Sub(o.sent)
		}
		answer := part[:min(len(part), config.Size-got)]
		if wrong := payloads.compare(answer, f.seq, f.stamp, got); wrong != nil {
			return wrong
		}
		got += len(answer)
		if extra := part[len(answer):]; len(extra) > 0 {
			err := &WrongError{0, excerpt(extra), "nothing: no answer is due"}
			o.others = append(o.others, Probe{Fate: Foreign, At: at, Class: dial.Corrupt, Err: err})
		}
		if err != nil && got < config.Size {
			return err
		}
	}
	return nil
}
