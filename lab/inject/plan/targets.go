package plan

import (
	"cmp"
	"slices"
)

// Targets lists every program and focus, with the calls that its trials see it
// make. TestCallsAreThoseOfTheBinary compares them with what strace counts.
func Targets() []Target {
	var all []Target
	all = append(all, goNet()...)
	for engine, waits := range map[string]string{"select": "pselect6", "poll": "ppoll", "epoll": "epoll_pwait"} {
		all = append(all, reactor(engine, waits)...)
	}
	all = append(all, others()...)
	slices.SortStableFunc(all, func(a, b Target) int { return place(a) - place(b) })
	return all
}

// place orders the targets as the documentation orders the engines.
func place(t Target) int {
	return slices.Index([]string{"net", "select", "poll", "epoll", ""}, t.Engine)
}

// accepts are the calls with which Go's net package takes in a connection.
var accepts = []Use{{"accept4", Any}, {"setsockopt", Any}, {"getsockname", Any}, {"epoll_ctl", Any}}

// moves are the calls with which it moves bytes. They fail only on echod's own
// descriptors: with write, Go's runtime wakes itself.
var moves = []Use{{"read", Streams}, {"write", Streams}}

// starts are the calls of every start that echod, or Go's net package and os
// package on its behalf, make.
var starts = []Use{{"socket", Any}, {"bind", Any}, {"listen", Any}, {"setsockopt", Any}, {"getsockname", Any},
	{"epoll_create1", Any}, {"eventfd2", Any}, {"epoll_ctl", Any}, {"openat", Any}, {"read", Files},
	{"newfstatat", Any}, {"fstat", Any}, {"statfs", Any}, {"readlinkat", Any}, {"uname", Any},
	{"prlimit64", Any}}

// asks are the calls with which the end of a TCP stream asks how much the kernel has
// still to deliver, and what ended the connection.
var asks = []Use{{"ioctl", Any}, {"getsockopt", Any}}

// files are the calls of a start that makes the file of a unix socket, and asks
// for the addresses of this machine over netlink(7).
var files = []Use{{"fchmodat", Any}, {"flock", Any}, {"recvfrom", Any}, {"sendto", Any}}

func goNet() []Target {
	serve := func(name string, focus Kind, calls ...[]Use) Target {
		return Target{Name: name, Verb: "serve", Engine: "net", Focus: focus, Calls: slices.Concat(calls...)}
	}
	plain := []Use{{"recvfrom", Any}, {"write", Streams}} // a stream peeks before it takes a buffer
	lean := serve("net/lean", TCP, accepts, asks, []Use{{"recvfrom", Any}, {"sendto", Any}})
	lean.Lean = true
	start := serve("net/start", TCP, starts, files, []Use{{"getsockopt", Any}, {"getpeername", Any}})
	start.Phase = Starting
	return []Target{
		serve("net/tcp", TCP, accepts, asks, plain),
		serve("net/tls", TLS, accepts, asks, moves),
		lean,
		serve("net/unix", Unix, accepts, plain),
		serve("net/udp", UDP, []Use{{"recvmsg", Any}, {"sendmsg", Any}}),
		start,
		drain("serve", "net", TCP, drains, asks, []Use{{"recvfrom", Any}, {"ppoll", Any}, {"epoll_ctl", Any}}),
	}
}

// drains are the calls of every drain: it removes the file of the unix socket and says
// in the log what it did.
var drains = []Use{{"setsockopt", Any}, {"unlinkat", Any}, {"newfstatat", Any}, {"write", Log}}

// drain is a target of which calls fail while it drains.
func drain(verb, engine string, focus Kind, calls ...[]Use) Target {
	return Target{Name: cmp.Or(engine, verb) + "/drain", Verb: verb, Engine: engine, Focus: focus, Phase: Draining,
		Calls: slices.Concat(calls...)}
}

func reactor(engine, waits string) []Target {
	serve := func(focus Kind, calls ...Use) Target {
		calls = append(calls, Use{waits, Any})
		if engine == "epoll" && focus != UDP {
			calls = append(calls, Use{"epoll_ctl", Any})
		}
		return Target{Name: engine + "/" + string(focus), Verb: "serve", Engine: engine, Focus: focus, Calls: calls}
	}
	start := Target{Name: engine + "/start", Verb: "serve", Engine: engine, Focus: TCP, Phase: Starting,
		Calls: slices.Concat(starts, files, []Use{{"getsockopt", Any}})}
	waiting := []Use{{waits, Any}}
	if waits != "ppoll" {
		waiting = append(waiting, Use{"ppoll", Any}) // which asks whether the queue of a unix socket is empty
	}
	return []Target{
		serve(TCP, Use{"accept4", Any}, Use{"setsockopt", Any}, Use{"recvfrom", Any}, Use{"sendto", Any}, Use{"ioctl", Any}),
		serve(Unix, Use{"accept4", Any}, Use{"recvfrom", Any}, Use{"sendto", Any}),
		serve(UDP, Use{"recvmmsg", Any}, Use{"sendmmsg", Any}),
		start,
		drain("serve", engine, TCP, drains, asks, waiting, []Use{{"accept4", Any}, {"recvfrom", Any}, {"sendto", Any}, {"recvmmsg", Any}}),
	}
}

func others() []Target {
	// What /metrics says of the process comes from files in /proc.
	proc := []Use{{"openat", Any}, {"newfstatat", Any}, {"statfs", Any}}
	dials := []Use{{"socket", Any}, {"connect", Any}, {"setsockopt", Any}, {"getsockopt", Any},
		{"getsockname", Any}, {"getpeername", Any}, {"epoll_ctl", Any}}
	return []Target{
		{Name: "epoll/admin", Verb: "serve", Engine: "epoll", Focus: Admin, Calls: slices.Concat(accepts, moves, proc)},
		{Name: "agent/scenario", Verb: "agent", Focus: Scenario, Calls: slices.Concat(accepts, moves)},
		{Name: "agent/key", Verb: "agent", Focus: Key,
			Calls: []Use{{"recvmsg", Any}, {"sendmsg", Any}, {"shutdown", Any}}},
		{Name: "agent/log", Verb: "agent", Focus: Scenario, Calls: []Use{{"write", Log}}},
		{Name: "agent/start", Verb: "agent", Focus: Scenario, Phase: Starting,
			Calls: slices.Concat(starts, []Use{{"getsockopt", Any}})},
		{Name: "watch/kept", Verb: "watch", Focus: Probes, Calls: moves},
		{Name: "watch/reconnect", Verb: "watch", Focus: Probes, Calls: dials},
		drain("agent", "", Scenario, []Use{{"setsockopt", Any}, {"epoll_ctl", Any}, {"write", Log}}),
		drain("watch", "", Probes, []Use{{"epoll_ctl", Any}}),
		{Name: "watch/start", Verb: "watch", Focus: Probes, Phase: Starting, Calls: starts},
	}
}

// LeftOut says why call, which the target makes, is not made to fail in any trial
// of its program; "" if it should be.
//
// Not here, because it is left out for some descriptors only: read and write on an
// eventfd, with which Go's runtime and the reactor wake their own threads. They can
// return only EAGAIN, and that only if the thread is awake anyway.
func (t Target) LeftOut(call string) string {
	switch call {
	case "epoll_pwait":
		if t.Engine != "epoll" {
			return "only Go's runtime makes it, and ends the process for every errno but EINTR"
		}
		return ""
	case "accept4":
		if t.Verb == "watch" {
			return "its only listener is that of the admin server, which epoll/admin has"
		}
		return ""
	case "shutdown":
		if t.Verb == "serve" {
			return "made only where a peer that has finished has not acknowledged everything, which is chance"
		}
		return ""
	case "access":
		return "the dynamic linker's"
	case "pread64":
		return "only Go's runtime makes it: the limits of its control group"
	case "getrandom":
		return "Go ends the process when it fails, so that nobody is given weak keys"
	case "fcntl":
		return "F_GETFD, F_GETFL and F_SETFL on an open descriptor do not fail"
	case "close":
		return "strace skips the call, and the descriptor stays open: no kernel does that when close fails"
	}
	if slices.Contains(runtimes, call) {
		return "only Go's runtime makes it, for itself: memory, threads, signals and time"
	}
	return ""
}

// runtimes are the calls that Go's runtime makes for itself.
var runtimes = []string{"arch_prctl", "brk", "clone", "clone3", "execve", "exit", "exit_group", "futex", "getpid",
	"gettid", "madvise", "mincore", "mmap", "mprotect", "munmap", "nanosleep", "prctl", "rseq", "restart_syscall",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sched_getaffinity", "sched_yield", "set_robust_list",
	"set_tid_address", "setitimer", "sigaltstack", "tgkill", "timer_create", "timer_delete", "timer_settime"}
