package plan

// errnos are what each call may return although its caller made no mistake: the
// ERRORS section of its man page, less what only a wrong argument causes (EBADF,
// EFAULT, EINVAL, ENOTSOCK), and EPERM and ENOSYS where a security module or a
// seccomp filter may forbid the call.
//
// EAGAIN is here only where it is true. A socket that was reported readable and
// then has nothing is a spurious readiness, which select(2) warns of; but with
// edge-triggered epoll, as in Go's runtime, no second report would follow, and an
// injected EAGAIN would be a lie that no kernel tells. See edgeTriggered.
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
	// send(2), write(2), tcp(7), udp(7), ip(7). EPERM is a firewall's refusal.
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
	// A start reads files, and nothing else.
	"read:files": {"EINTR", "EIO"},
	// epoll_ctl(2); ENOSPC is max_user_watches. strace cannot see whether the call
	// adds, changes or deletes, so a deletion fails here, too, which no kernel
	// does: it is harmless, because closing a descriptor deletes it as well.
	"epoll_ctl": {"ENOMEM", "ENOSPC"},
	// epoll_wait(2), poll(2), select(2).
	"epoll_pwait": {"EINTR"},
	"ppoll":       {"EINTR", "ENOMEM"},
	"pselect6":    {"EINTR", "ENOMEM"},
	// setsockopt(2), getsockopt(2), socket(7), tcp(7).
	"setsockopt": {"ENOMEM", "ENOBUFS", "ENOPROTOOPT", "EPERM"},
	"getsockopt": {"ENOBUFS", "ENOPROTOOPT", "EPERM"},
	// ioctl(2), SIOCOUTQ: what it returns for a socket that is a connection is only a
	// security module's refusal.
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
}

// Errnos lists what call may return in target.
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

// key is where the errnos of u stand in the table.
func (u Use) key() string {
	switch u.Scope {
	case Log:
		return u.Call + ":log"
	case Files:
		return u.Call + ":files"
	}
	return u.Call
}

// edgeTriggered reports whether Go's runtime waits for the target's descriptors, so
// that it sleeps for ever after an EAGAIN that is not true.
func (t Target) edgeTriggered() bool {
	return t.Engine == "net" || t.Engine == "" || t.Focus == Admin
}
