package plan

// Kind is a sort of client, and with it the listener that it talks to.
type Kind string

// The kinds of clients.
const (
	TCP      Kind = "tcp"
	TLS      Kind = "tls"
	Unix     Kind = "unix"
	UDP      Kind = "udp"
	Admin    Kind = "admin"
	Scenario Kind = "scenario" // of the agent, over TCP
	Key      Kind = "key"      // of the agent: a scenario about datagrams
	Probes   Kind = "probes"   // what watch itself sends
)

// Scope says which descriptors a call fails on. Go's runtime uses read, write and
// epoll_ctl for itself, on an eventfd, and ends the process when its write fails:
// so those calls fail only where echod made them.
type Scope int

// The values of Scope.
const (
	Any     Scope = iota // whichever: only echod makes this call
	Streams              // connections that were open when the injection began
	Log                  // standard error
	Files                // whichever, in a start: what it reads are files
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

// Target is a program, and the clients that talk to it while its calls fail.
// Before and after, all kinds of clients that it can serve do.
type Target struct {
	Name   string
	Verb   string // serve, agent or watch
	Engine string // of serve
	Focus  Kind
	Phase  Phase
	Lean   bool // of serve: there is memory for the first connection only
	Calls  []Use
}

// Serves lists the kinds of clients that the target's program has a listener for.
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
