package echotest

import "time"

// ClosesBothAtFin takes a FIN for the end of both directions, on a path that
// takes a while.
var ClosesBothAtFin = ProxyFault{
	Name:     "closes-both-at-fin",
	Sentence: "closes both directions on the FIN of one, whatever is still to be forwarded",
	stream: &streamHooks{
		carry: func(l *link, f flow) error {
			if f.up {
				return carry(f.from, l.meter(f.to), unchanged)
			}
			// So that the answer to what came right before the FIN is late.
			return carryAhead(l, f, 1<<20, 50*time.Millisecond)
		},
		ended: func(l *link, _ flow) { l.close() },
	},
}

// SwallowsFin forwards bytes and nothing else.
var SwallowsFin = ProxyFault{
	Name:     "swallows-fin",
	Sentence: "never forwards a FIN",
	stream:   &streamHooks{ended: func(*link, flow) {}},
}

// TurnsFinIntoReset has one way to end a connection.
var TurnsFinIntoReset = ProxyFault{
	Name:     "turns-fin-into-reset",
	Sentence: "forwards a FIN as a reset",
	stream: &streamHooks{ended: func(_ *link, f flow) {
		f.to.SetLinger(0)
		f.to.Close()
	}},
}

// TurnsResetIntoFin makes an abort look like success.
var TurnsResetIntoFin = ProxyFault{
	Name:     "turns-reset-into-fin",
	Sentence: "forwards a reset as a FIN",
	stream:   &streamHooks{broken: func(l *link, _ flow) { l.close() }},
}

// LeaksHalfOpen collects connections in CLOSE-WAIT.
var LeaksHalfOpen = ProxyFault{
	Name:     "leaks-half-open",
	Sentence: "keeps the connection to a server that has finished first, when the client has finished, too",
	stream: &streamHooks{ended: func(l *link, f flow) {
		if !f.up {
			l.answered.Store(true)
		} else if l.answered.Load() {
			<-l.ctx.Done()
		}
		f.to.CloseWrite()
	}},
}

// CutsHalfClosed gives what is left of a half-closed connection that long.
func CutsHalfClosed(after time.Duration) ProxyFault {
	return ProxyFault{
		Name:     "cuts-half-closed",
		Sentence: "closes both directions " + after.String() + " after the FIN of one",
		stream: &streamHooks{ended: func(l *link, f flow) {
			f.to.CloseWrite()
			sleep(l.ctx, after)
			l.close()
		}},
	}
}

// AcceptsFirst connects to the server when the client is already connected.
var AcceptsFirst = ProxyFault{
	Name:     "accepts-first",
	Sentence: "accepts although nobody listens behind it, and then resets",
	stream:   &streamHooks{acceptsFirst: true},
}
