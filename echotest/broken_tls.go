package echotest

import (
	"context"
	"crypto/tls"
)

// EndsWithoutNotify closes the socket and thinks that TLS is closed by that.
var EndsWithoutNotify = Fault{
	Name:     "ends-without-notify",
	Sentence: "ends a TLS stream by a FIN without close_notify",
	secure: func(_ context.Context, c *tls.Conn, below *finSeer) {
		if echoTLS(c) != nil || below.fin.Load() {
			below.SetLinger(0)
		}
	},
}

// AcceptsTruncation takes every end of a TLS stream for a good one.
var AcceptsTruncation = Fault{
	Name:     "accepts-truncation",
	Sentence: "answers a FIN without close_notify as it answers a close_notify",
	secure: func(_ context.Context, c *tls.Conn, _ *finSeer) {
		echoTLS(c)
		c.Close()
	},
}
