package plan

// Kind is the kind of a client, and of the listener that it connects to.
type Kind string

// The kinds of clients.
const (
	TCP      Kind = "tcp"
	TLS      Kind = "tls"
	Unix     Kind = "unix"
	UDP      Kind = "udp"
	Admin    Kind = "admin"
	Scenario Kind = "scenario" // of the agent, over TCP
	Key      Kind = "key"      // of the agent: a scenario with datagrams
	Probes   Kind = "probes"   // of watch, which sends them itself
)

// Scope says on which descriptors a call fails. The Go runtime uses read, write and
// epoll_ctl on an eventfd, and ends the process when its write fails. So these calls fail
// only on descriptors of echod.
type Scope int

// The values of Scope.
const (
	Any     Scope = iota // all: only echod makes this call
	Streams              // connections that were open when calls started to fail
	Log                  // standard error
	Files                // all, in a start, which reads only files
)

// Use is a call that a target makes after its start.
type Use struct {
	Call  string
	Scope Scope
}

// Phase says when calls fail.
type Phase int

// The values of Phase.
const (
	Serving  Phase = iota // while it serves
	Starting              // from its execution until it listens
	Draining              // from SIGTERM until it ends
)

// Target is a program, and the kind of clients that talk to it while its calls fail.
// Before and after that, clients of all kinds talk to it.
type Target struct {
	Name   string
	Verb   string // serve, agent or watch
	Engine string // of serve
	Focus  Kind
	Phase  Phase
	Lean   bool // of serve: memory for only the first connection
	Calls  []Use
}

// Serves returns the kinds of clients for which the program has a listener.
func (t Target) Serves() []Kind {
	switch {
	case t.Verb == "agent":
		return []Kind{Scenario, Key, Admin}
	case t.Verb == "watch":
		return []Kind{Probes, Admin}
	case t.Lean: // without memory, TLS is refused (docs/promises.md)
		return []Kind{TCP, Unix, UDP, Admin}
	case t.Engine == "net":
		return []Kind{TCP, TLS, Unix, UDP, Admin}
	}
	return []Kind{TCP, Unix, UDP, Admin}
}
