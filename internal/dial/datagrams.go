package dial

import (
	"cmp"
	"context"
	"crypto/rand"
	"net"
	"os"
	"time"
)

// answerDelay is how long an address may take to answer before the next one of
// the name is asked too.
const answerDelay = 250 * time.Millisecond

// dialDatagrams connects a socket to the first of addresses at which somebody
// answers a datagram, which is 16 random bytes: a connect says nothing of that
// (udp(7)). If nobody answers, it is the first that does not refuse, and if all
// refuse, the first. The socket is a new one, so that no late answer is received
// on it.
func dialDatagrams(ctx context.Context, addresses []string, dial dialFunc) (net.Conn, error) {
	silent, refusing := "", ""
	var failed []error
	for _, address := range addresses {
		answered, err := ask(ctx, address, dial)
		switch {
		case answered:
			return dial(ctx, address)
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err == nil:
			silent = cmp.Or(silent, address)
		case Classify(err) == Refused:
			refusing = cmp.Or(refusing, address)
		default:
			failed = append(failed, err)
		}
	}
	if silent == "" && refusing == "" {
		return nil, firstError(failed)
	}
	return dial(ctx, cmp.Or(silent, refusing))
}

// ask reports whether address answers one datagram in time. The error is why
// nobody can be there; nil if there was no answer.
func ask(ctx context.Context, address string, dial dialFunc) (answered bool, err error) {
	conn, err := dial(ctx, address)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	conn.SetReadDeadline(time.Now().Add(answerDelay))
	stop := context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	question, answer := make([]byte, 16), make([]byte, 16)
	rand.Read(question)
	if _, err := conn.Write(question); err != nil {
		return false, err
	}
	if _, err := conn.Read(answer); err != nil {
		if os.IsTimeout(err) {
			return false, nil
		}
		return false, err
	}
	return true, nil
}
