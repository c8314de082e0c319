package echotest

import "time"

// CutsIdle ends what is idle for that long, in order.
func CutsIdle(after time.Duration) ProxyFault {
	return ProxyFault{
		Name:     "cuts-idle",
		Sentence: "closes a connection on which nothing has moved for " + after.String(),
		stream:   &streamHooks{watch: whenIdle(after, (*link).close)},
	}
}

// ResetsIdle ends what is idle for that long by a reset.
func ResetsIdle(after time.Duration) ProxyFault {
	return ProxyFault{
		Name:     "resets-idle",
		Sentence: "resets a connection on which nothing has moved for " + after.String(),
		stream:   &streamHooks{watch: whenIdle(after, (*link).abort)},
	}
}

// ForgetsIdle forgets what is idle for that long and tells neither side, as a
// NAT does.
func ForgetsIdle(after time.Duration) ProxyFault {
	return ProxyFault{
		Name:     "forgets-idle",
		Sentence: "forwards nothing any more, and tells nobody, once nothing has moved for " + after.String(),
		stream: &streamHooks{
			watch: whenIdle(after, (*link).forget),
			broken: func(l *link, _ flow) {
				if l.forgotten.Load() {
					<-l.ctx.Done()
				}
				l.abort()
			},
		},
	}
}

// forget stops both flows and leaves the connections as they are.
func (l *link) forget() {
	l.forgotten.Store(true)
	l.client.SetDeadline(time.Now())
	l.server.SetDeadline(time.Now())
}

// whenIdle watches until nothing has moved for that long, and then does end.
func whenIdle(after time.Duration, end func(*link)) func(*link) {
	return func(l *link) {
		for l.still() < after && l.ctx.Err() == nil {
			sleep(l.ctx, after-l.still())
		}
		if l.ctx.Err() == nil {
			end(l)
		}
	}
}
