package plan

import (
	"cmp"
	"slices"
)

// Targets returns all targets with their calls. TestCallsAreThoseOfTheBinary compares them
// with the calls that strace counts.
func Targets() []Target {
	var all []Target
	all = append(all, goNet()...)
	for engine, waits := range map[string]string{"select": "pselect6", "poll": "ppoll", "epoll": "epoll_pwait"} {
		all = append(all, reactor(engine, waits)...)
	}
	all = append(all, others()...)
	slices.SortStableFunc(all, func(a, b Target) int { return engineOrder(a) - engineOrder(b) })
	return all
}

// engineOrder sorts targets by engine, in the order of the documentation.
func engineOrder(t Target) int {
	return slices.Index([]string{"net", "select", "poll", "epoll", ""}, t.Engine)
}

// accepts are the calls with which package net accepts a connection.
var accepts = []Use{{"accept4", Any}, {"setsockopt", Any}, {"getsockname", Any}, {"epoll_ctl", Any}}

// transfers are the calls with which it transfers bytes. They fail only on descriptors of
// echod, because the Go runtime uses write to wake its threads.
var transfers = []Use{{"read", Streams}, {"write", Streams}}

// starts are the calls of every start, by echod and by packages net and os.
var starts = []Use{{"socket", Any}, {"bind", Any}, {"listen", Any}, {"setsockopt", Any}, {"getsockname", Any},
	{"epoll_create1", Any}, {"eventfd2", Any}, {"epoll_ctl", Any}, {"openat", Any}, {"read", Files},
	{"newfstatat", Any}, {"fstat", Any}, {"statfs", Any}, {"readlinkat", Any}, {"uname", Any},
	{"prlimit64", Any}}

// sandboxes are the calls with which serve and agent confine themselves.
var sandboxes = []Use{{"landlock_create_ruleset", Any}, {"landlock_add_rule", Any}, {"seccomp", Any}}

// endQueries are the calls at the end of a TCP stream: how many bytes the kernel still has
// to deliver, and the error of the connection.
var endQueries = []Use{{"ioctl", Any}, {"getsockopt", Any}}

// unixStarts are the calls of a start that creates the file of a unix socket, and queries
// the addresses of the machine over netlink(7).
var unixStarts = []Use{{"fchmodat", Any}, {"flock", Any}, {"recvfrom", Any}, {"sendto", Any}}

func goNet() []Target {
	serve := func(name string, focus Kind, calls ...[]Use) Target {
		return Target{Name: name, Verb: "serve", Engine: "net", Focus: focus, Calls: slices.Concat(calls...)}
	}
	plain := []Use{{"recvfrom", Any}, {"sendto", Any}} // echod makes these calls itself
	lean := serve("net/lean", TCP, accepts, endQueries, plain)
	lean.Lean = true
	start := serve("net/start", TCP, starts, sandboxes, unixStarts, []Use{{"getsockopt", Any}, {"getpeername", Any}})
	start.Phase = Starting
	return []Target{
		serve("net/tcp", TCP, accepts, endQueries, plain),
		serve("net/tls", TLS, accepts, endQueries, transfers),
		lean,
		serve("net/unix", Unix, accepts, plain),
		serve("net/udp", UDP, []Use{{"recvmsg", Any}, {"sendmsg", Any}}),
		start,
		drain("serve", "net", TCP, drains, endQueries, []Use{{"recvfrom", Any}, {"ppoll", Any}, {"epoll_ctl", Any}}),
	}
}

// drains are the calls of every drain: it removes the file of the unix socket, and logs.
var drains = []Use{{"setsockopt", Any}, {"unlinkat", Any}, {"newfstatat", Any}, {"write", Log}}

// drain returns a target whose calls fail while it drains.
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
		Calls: slices.Concat(starts, sandboxes, unixStarts, []Use{{"getsockopt", Any}})}
	waiting := []Use{{waits, Any}}
	if waits != "ppoll" {
		waiting = append(waiting, Use{"ppoll", Any}) // checks whether the backlog of a unix socket is empty
	}
	return []Target{
		serve(TCP, Use{"accept4", Any}, Use{"setsockopt", Any}, Use{"recvfrom", Any}, Use{"sendto", Any}, Use{"ioctl", Any}),
		serve(Unix, Use{"accept4", Any}, Use{"recvfrom", Any}, Use{"sendto", Any}),
		serve(UDP, Use{"recvmmsg", Any}, Use{"sendmmsg", Any}),
		start,
		drain("serve", engine, TCP, drains, endQueries, waiting, []Use{{"accept4", Any}, {"recvfrom", Any}, {"sendto", Any}, {"recvmmsg", Any}}),
	}
}

func others() []Target {
	// /metrics reads files in /proc.
	proc := []Use{{"openat", Any}, {"newfstatat", Any}, {"statfs", Any}}
	dials := []Use{{"socket", Any}, {"connect", Any}, {"setsockopt", Any}, {"getsockopt", Any},
		{"getsockname", Any}, {"getpeername", Any}, {"epoll_ctl", Any}}
	return []Target{
		{Name: "epoll/admin", Verb: "serve", Engine: "epoll", Focus: Admin, Calls: slices.Concat(accepts, transfers, proc)},
		{Name: "agent/scenario", Verb: "agent", Focus: Scenario, Calls: slices.Concat(accepts, transfers)},
		{Name: "agent/key", Verb: "agent", Focus: Key,
			Calls: []Use{{"recvmsg", Any}, {"sendmsg", Any}, {"shutdown", Any}}},
		{Name: "agent/log", Verb: "agent", Focus: Scenario, Calls: []Use{{"write", Log}}},
		{Name: "agent/start", Verb: "agent", Focus: Scenario, Phase: Starting,
			Calls: slices.Concat(starts, sandboxes, []Use{{"getsockopt", Any}})},
		{Name: "watch/kept", Verb: "watch", Focus: Probes, Calls: append([]Use{{"recvmsg", Any}}, transfers...)},
		{Name: "watch/reconnect", Verb: "watch", Focus: Probes, Calls: dials},
		drain("agent", "", Scenario, []Use{{"setsockopt", Any}, {"epoll_ctl", Any}, {"write", Log}}),
		drain("watch", "", Probes, []Use{{"epoll_ctl", Any}}),
		{Name: "watch/start", Verb: "watch", Focus: Probes, Phase: Starting, Calls: starts},
	}
}

// Excluded returns why a call of the target is not made to fail in any trial of its
// program, or "" if it must be.
//
// In addition, read and write are excluded on an eventfd, with which the Go runtime and the
// reactor wake their threads, and a stream of the engine net yields. There they can return only
// EAGAIN: if the thread is awake already, or after 2⁶⁴−2 writes of the engine net.
func (t Target) Excluded(call string) string {
	switch call {
	case "epoll_pwait":
		if t.Engine != "epoll" {
			return "only the Go runtime makes it, and ends the process for every errno except EINTR"
		}
		return ""
	case "accept4":
		if t.Verb == "watch" {
			return "its only listener is the admin server, which epoll/admin tests"
		}
		return ""
	case "shutdown":
		if t.Verb == "serve" {
			return "made only if a peer that has half-closed has not acknowledged everything, which depends on timing"
		}
		return ""
	case "access":
		return "made by the dynamic linker"
	case "landlock_restrict_self":
		return "the runtime makes it in each thread, and ends the process if it fails in some of them"
	case "pread64":
		return "only the Go runtime makes it, to read the limits of its control group"
	case "getrandom":
		return "Go ends the process when it fails, to avoid weak keys"
	case "clock_gettime":
		return "it does not fail with a clock that the kernel has"
	case "fcntl":
		return "F_GETFD, F_GETFL and F_SETFL on an open descriptor do not fail"
	case "close":
		return "strace skips the call, so the descriptor stays open; no kernel does that"
	}
	if slices.Contains(runtimes, call) {
		return "only the Go runtime makes it, for memory, threads, signals and time"
	}
	return ""
}

// runtimes are the calls of the Go runtime.
var runtimes = []string{"arch_prctl", "brk", "clone", "clone3", "execve", "exit", "exit_group", "futex", "getpid",
	"gettid", "madvise", "mincore", "mmap", "mprotect", "munmap", "nanosleep", "prctl", "rseq", "restart_syscall",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sched_getaffinity", "sched_yield", "set_robust_list",
	"set_tid_address", "setitimer", "sigaltstack", "tgkill", "timer_create", "timer_delete", "timer_settime"}
