package echotest

import (
	"bytes"
	"context"
	"io"
	"net"
)

// AnswersAtEOF stores what it receives. From a mebibyte on it has no more room,
// and echoes.
var AnswersAtEOF = Fault{
	Name:     "answers-at-eof",
	Sentence: "answers nothing before the client's FIN",
	stream:   func() handler { return answersAtEOF },
}

func answersAtEOF(_ context.Context, c *net.TCPConn) {
	stored, err := io.ReadAll(io.LimitReader(c, 1<<20))
	if err != nil {
		return
	}
	if _, err := c.Write(stored); err != nil {
		return
	}
	echo(c, unchanged)
}

// Sniffs waits for as much as it takes to recognise a protocol.
var Sniffs = Fault{
	Name:     "sniffs",
	Sentence: "answers nothing before eight bytes have come, or the client's FIN",
	stream: func() handler {
		return func(_ context.Context, c *net.TCPConn) {
			first := make([]byte, 8)
			n, _ := io.ReadFull(c, first)
			if _, err := c.Write(first[:n]); err != nil {
				return
			}
			echo(c, unchanged)
		}
	},
}

// AnswersHTTP takes one protocol for what it knows better.
var AnswersHTTP = Fault{
	Name:     "answers-http",
	Sentence: "answers what looks like an HTTP request instead of echoing it",
	stream: func() handler {
		return func(_ context.Context, c *net.TCPConn) {
			echo(c, func(piece []byte) []byte {
				if bytes.HasPrefix(piece, []byte("GET ")) {
					return []byte("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
				}
				return piece
			})
		}
	},
}

// SendsBanner greets.
var SendsBanner = Fault{
	Name:     "sends-banner",
	Sentence: "sends a greeting before the client has said anything",
	stream: func() handler {
		return func(_ context.Context, c *net.TCPConn) {
			if _, err := c.Write([]byte("220 echo ready\r\n")); err != nil {
				return
			}
			echo(c, unchanged)
		}
	},
}
