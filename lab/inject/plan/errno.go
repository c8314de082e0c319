package plan

// errnos has the errnos that each call may return for a correct caller: those in the
// ERRORS section of its man page, except those that only wrong arguments cause (EBADF,
// EFAULT, EINVAL, ENOTSOCK), and EPERM and ENOSYS if a security module or a seccomp filter
// may forbid the call.
//
// A call fails with EAGAIN only where a kernel can return it. A socket that is reported
// readable and has no bytes is a spurious readiness, which select(2) documents. With
// edge-triggered epoll, as in the Go runtime, no second event would follow, so no kernel
// returns EAGAIN there. See edgeTriggered.
var errnos = map[string][]string{
	// accept(2), ERRORS and "Error handling".
	"accept4": {"EAGAIN", "EINTR", "ECONNABORTED", "EPROTO", "EPERM", "ENETDOWN", "EHOSTUNREACH", "ENETUNREACH",
		"ENOPROTOOPT", "EHOSTDOWN", "ENONET", "EOPNOTSUPP", "EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "ENOSYS"},
	// recv(2), read(2), tcp(7), ip(7).
	"read": {"EAGAIN", "EINTR", "ECONNRESET", "EPIPE", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH", "ENOMEM",
		"ENOBUFS", "EIO"},
	"recvfrom": {"EAGAIN", "EINTR", "ECONNRESET", "ECONNREFUSED", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH",
		"ENOMEM", "ENOBUFS", "EPERM", "EIO"},
	"recvmsg": {"EAGAIN", "EINTR", "ECONNRESET", "ECONNREFUSED", "EHOSTUNREACH", "ENETDOWN", "ENOMEM", "ENOBUFS",
		"EPERM", "EIO"},
	"recvmmsg": {"EAGAIN", "EINTR", "ECONNREFUSED", "EHOSTUNREACH", "ENETDOWN", "ENOMEM", "ENOBUFS", "EPERM", "EIO",
		"ENOSYS"},
	// send(2), write(2), tcp(7), udp(7), ip(7). EPERM is returned by a firewall.
	"write": {"EAGAIN", "EINTR", "ECONNRESET", "EPIPE", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH", "ENOBUFS",
		"ENOMEM", "EPERM"},
	"sendto": {"EAGAIN", "EINTR", "ECONNRESET", "EPIPE", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH", "ENOBUFS",
		"ENOMEM", "EPERM", "EACCES"},
	"sendmsg": {"EAGAIN", "EINTR", "EPERM", "EACCES", "ECONNREFUSED", "ENOBUFS", "ENOMEM", "EHOSTUNREACH",
		"ENETUNREACH", "ENETDOWN", "EMSGSIZE", "EPIPE"},
	"sendmmsg": {"EAGAIN", "EINTR", "EPERM", "EACCES", "ECONNREFUSED", "ENOBUFS", "ENOMEM", "EHOSTUNREACH",
		"ENETUNREACH", "ENETDOWN", "EMSGSIZE", "ENOSYS"},
	// The log: write(2) to a pipe or to a file of a full or broken disk.
	"write:log": {"EINTR", "EPIPE", "ENOSPC", "EIO", "EDQUOT", "EFBIG"},
	// A start reads only files.
	"read:files": {"EINTR", "EIO"},
	// epoll_ctl(2); ENOSPC is max_user_watches. strace cannot distinguish adding, changing
	// and deleting, so a deletion can fail too, which no kernel does. That is harmless,
	// because closing a descriptor also deletes it.
	"epoll_ctl": {"ENOMEM", "ENOSPC"},
	// epoll_wait(2), poll(2), select(2).
	"epoll_pwait": {"EINTR"},
	"ppoll":       {"EINTR", "ENOMEM"},
	"pselect6":    {"EINTR", "ENOMEM"},
	// setsockopt(2), getsockopt(2), socket(7), tcp(7).
	"setsockopt": {"ENOMEM", "ENOBUFS", "ENOPROTOOPT", "EPERM"},
	"getsockopt": {"ENOBUFS", "ENOPROTOOPT", "EPERM"},
	// ioctl(2), SIOCOUTQ: for a connected socket, only a security module makes it fail.
	"ioctl": {"EPERM", "EACCES"},
	// getsockname(2), getpeername(2): ENOTCONN after a reset.
	"getsockname": {"ENOBUFS"},
	"getpeername": {"ENOBUFS", "ENOTCONN"},
	// shutdown(2): ENOTCONN after a reset.
	"shutdown": {"ENOTCONN", "ENOBUFS"},
	// socket(2), bind(2), listen(2), connect(2).
	"socket":  {"EACCES", "EAFNOSUPPORT", "EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "EPROTONOSUPPORT", "EPERM"},
	"bind":    {"EACCES", "EADDRINUSE", "EADDRNOTAVAIL", "ENOMEM", "EPERM"},
	"listen":  {"EADDRINUSE"},
	"connect": {"EINTR", "EACCES", "EPERM", "EADDRNOTAVAIL", "EAGAIN", "ECONNREFUSED", "ENETUNREACH", "ETIMEDOUT", "ENOBUFS"},
	// open(2), stat(2), statfs(2), readlink(2), chmod(2), unlink(2), flock(2), uname(2).
	"openat":     {"EINTR", "EACCES", "EMFILE", "ENFILE", "ENOENT", "ENOMEM", "EIO"},
	"newfstatat": {"EACCES", "ENOENT", "ENOMEM", "EIO"},
	"fstat":      {"ENOMEM", "EIO"},
	"statfs":     {"EACCES", "EINTR", "EIO", "ENOENT", "ENOMEM", "ENOSYS"},
	"unlinkat":   {"EACCES", "EBUSY", "EIO", "ENOENT", "ENOMEM", "EROFS"},
	"readlinkat": {"EACCES", "EIO", "ENOENT", "ENOMEM"},
	"fchmodat":   {"EACCES", "EIO", "ENOMEM", "EPERM", "EROFS"},
	"flock":      {"EINTR", "ENOLCK"},
	"uname":      {"EPERM"},
	// eventfd(2), epoll_create(2), getrlimit(2).
	"eventfd2":      {"EMFILE", "ENFILE", "ENODEV", "ENOMEM"},
	"epoll_create1": {"EMFILE", "ENFILE", "ENOMEM"},
	"prlimit64":     {"EPERM"},

	// landlock_create_ruleset(2), landlock_add_rule(2), seccomp(2): the sandbox of serve and
	// agent. A kernel without Landlock, or where it is switched off; a container that forbids
	// the calls.
	"landlock_create_ruleset": {"ENOSYS", "EOPNOTSUPP", "ENOMEM", "EPERM"},
	"landlock_add_rule":       {"ENOMEM", "EPERM"},
	"seccomp":                 {"EACCES", "ENOMEM", "ENOSYS", "EINVAL", "EPERM"},
}

// Errnos returns the errnos of the call in target.
func (u Use) Errnos(target Target) []string {
	var all []string
	for _, errno := range errnos[u.key()] {
		if errno == "EAGAIN" && target.edgeTriggered() {
			continue
		}
		all = append(all, errno)
	}
	return all
}

// key returns the key of u in errnos.
func (u Use) key() string {
	switch u.Scope {
	case Log:
		return u.Call + ":log"
	case Files:
		return u.Call + ":files"
	}
	return u.Call
}

// edgeTriggered reports whether the Go runtime waits for the target's descriptors with
// edge-triggered epoll, so that it would wait forever after a false EAGAIN.
func (t Target) edgeTriggered() bool {
	return t.Engine == "net" || t.Engine == "" || t.Focus == Admin
}
