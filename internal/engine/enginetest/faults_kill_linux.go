package enginetest

import (
	"syscall"

	"echod/internal/engine"
)

// killCases try the server's sudden death, in a process of its own.
var killCases = []testCase{
	{
		name:    "SIGKILL with owed bytes ends in a reset",
		promise: "S2: through SIGKILL the client never sees a clean end of file short of what it sent",
		on:      "tcp unix",
		run: func(t trial) {
			dieOwing(t, func(c *child) { c.signal(syscall.SIGKILL) })
		},
	},
	{
		name:    "a panic with owed bytes ends in a reset",
		promise: "S2: through a panic the client never sees a clean end of file short of what it sent",
		on:      "tcp unix",
		run: func(t trial) {
			dieOwing(t, func(c *child) { c.say(childPanic) })
		},
	},
}

// dieOwing ends a server while it owes bytes to clients in every state that a
// stream can be in.
//
// On a unix socket the kernel gives ECONNRESET only to the peer of a socket that
// had unread bytes, so the clients here have sent more than the server takes.
func dieOwing(t trial, die func(*child)) {
	c := t.spawn(childConfig{})
	books := func() engine.Stats { return c.tell(childStats).Stats }

	owed := t.owe(c, books)
	stalled := t.dialNarrow(c)
	stalled.flood(64 << 20)
	partly := t.dial(c)
	partly.flood(64 << 20)
	partly.receive(1 << 20)
	finished := t.dialNarrow(c)
	finished.fill(books)
	finished.fin()
	quiet := t.dial(c)
	quiet.echo(100)
	earned := t.dialNarrow(c)
	earned.send(12 << 10)
	earned.fin()

	c.waitFor("one stream has sent everything, five are owed or wait", func(st engine.Stats) bool {
		return st.Closes[engine.Finished]+st.Finishing == 1 && st.Active-st.Finishing == 5
	})
	t.settle(books)
	die(c)

	stalled.writing.Wait()
	stalled.wantReset()
	owed.wantHonest()
	partly.wantReset()
	finished.wantReset()
	if t.network == "tcp" {
		quiet.wantReset()
	} else {
		quiet.wantWhole() // there is nothing unread, and nothing missing
	}
	earned.wantWhole()
}
