//go:build amd64 || arm64

package sandbox

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"unsafe"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// allowed are the system calls that are allowed with all arguments. The kernel finds these
// in a bitmap (since Linux 5.11) and does not run the filter, so the calls for each message
// must be here. Those before the first empty line come first in the filter, for older
// kernels.
var allowed = []string{
	// Messages, and waiting for them.
	"recvfrom", "sendto", "read", "write", "epoll_pwait", "ppoll", "pselect6", "futex",
	"recvmsg", "sendmsg", "recvmmsg", "sendmmsg",

	// Connections: they come, are configured and end.
	"accept4", "setsockopt", "getsockopt", "getsockname", "getpeername", "shutdown", "close",
	"epoll_ctl", "epoll_create1", "eventfd2",
	// A datagram socket that ss -K has unbound is bound again. Landlock forbids it for TCP.
	"bind",

	// The runtime: memory, threads, time, signals, CPUs of the machine and the control group.
	"munmap", "madvise", "sched_yield", "nanosleep", "clock_gettime", "exit", "exit_group",
	"getpid", "gettid", "rt_sigprocmask", "rt_sigreturn", "rt_sigaction", "sigaltstack",
	"restart_syscall", "sched_getaffinity", "pread64", "getrandom",
	// CPU profiles.
	"setitimer", "timer_create", "timer_settime", "timer_delete",

	// Files that openat may open: certificates, the state of the process.
	"newfstatat", "fstat", "statfs", "getdents64", "readlinkat", "lseek", "fcntl", "getcwd",
}

// condition allows a call if its argument number arg, from 0, has one of values; with
// clear, if it has none of these bits; with set, if it has one of them.
type condition struct {
	call       string
	arg        uint32
	values     []uint64
	clear, set uint64
}

// conditions are the calls that are allowed with some arguments, for the process pid.
func conditions(pid int) []condition {
	return []condition{
		// Memory is never executable: new code cannot be loaded.
		{call: "mmap", arg: 2, clear: unix.PROT_EXEC},
		// Files are opened to be read.
		{call: "openat", arg: 2, clear: unix.O_WRONLY | unix.O_RDWR | unix.O_CREAT | unix.O_TRUNC},
		// Threads, and no processes.
		{call: "clone", arg: 0, set: unix.CLONE_THREAD},
		// The runtime interrupts its threads, and ends its own process.
		{call: "tgkill", arg: 0, values: []uint64{uint64(pid)}},
		{call: "kill", arg: 0, values: []uint64{uint64(pid)}},
		// The runtime gives its memory names.
		{call: "prctl", arg: 0, values: []uint64{unix.PR_SET_VMA}},
		// How many bytes are unread and unsent.
		{call: "ioctl", arg: 1, values: []uint64{unix.SIOCINQ, unix.SIOCOUTQ, unix.SIOCOUTQNSD}},
		// Netlink says which name an interface has, for link-local addresses.
		{call: "socket", arg: 0, values: []uint64{unix.AF_NETLINK}},
	}
}

// refused are the calls that answer EPERM: those of an attacker. Whoever reads the log
// should see that something was forbidden, and not that the kernel lacks it. All others
// answer ENOSYS, as from a kernel without them: libraries then do without. The calls of
// conditions answer EPERM with other arguments.
var refused = []string{
	// Programs and processes.
	"execve", "execveat", "fork", "vfork", "clone3", "ptrace", "process_vm_readv", "process_vm_writev",
	"pidfd_open", "pidfd_getfd", "pidfd_send_signal", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo",
	"kcmp", "process_madvise", "prlimit64", "setrlimit", "setpriority", "sched_setscheduler",
	// Executable memory, and files without a name.
	"mprotect", "pkey_mprotect", "memfd_create", "memfd_secret", "remap_file_pages", "userfaultfd",
	// New sockets and connections.
	"connect", "listen", "socketpair", "accept",
	// Files.
	"open", "creat", "openat2", "open_by_handle_at", "name_to_handle_at", "truncate", "ftruncate",
	"rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "unlink", "unlinkat",
	"rmdir", "mkdir", "mkdirat", "mknod", "mknodat", "chmod", "fchmod", "fchmodat", "chown", "fchown",
	"lchown", "fchownat", "utimensat", "setxattr", "lsetxattr", "fsetxattr", "removexattr",
	"lremovexattr", "fremovexattr", "fallocate", "chdir", "fchdir", "chroot", "umask", "flock",
	// File systems and namespaces.
	"mount", "umount2", "pivot_root", "unshare", "setns", "open_tree", "move_mount", "fsopen", "fsmount",
	"fsconfig", "fspick", "mount_setattr", "swapon", "swapoff", "quotactl", "acct", "fanotify_init",
	"inotify_init1",
	// The kernel.
	"bpf", "perf_event_open", "io_uring_setup", "io_uring_enter", "io_uring_register", "init_module",
	"finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot", "syslog", "iopl", "ioperm",
	"modify_ldt", "personality", "add_key", "request_key", "keyctl", "seccomp", "vhangup",
	"lookup_dcookie", "nfsservctl",
	// Users and capabilities.
	"setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid", "setfsgid",
	"setgroups", "capset", "setsid", "setpgid",
	// The clock and names of the machine.
	"settimeofday", "clock_settime", "adjtimex", "clock_adjtime", "sethostname", "setdomainname",
}

// filterFlags: the filter is for all threads, or it is an error (Linux 5.7); what it
// refuses is logged.
const filterFlags = unix.SECCOMP_FILTER_FLAG_TSYNC | unix.SECCOMP_FILTER_FLAG_TSYNC_ESRCH | unix.SECCOMP_FILTER_FLAG_LOG

// seccompSupported tries the flags without a filter. A kernel that knows them reports the
// missing filter (seccomp(2), SECCOMP_SET_MODE_FILTER).
func seccompSupported() error {
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, filterFlags, 0)
	switch errno {
	case unix.EFAULT:
		return nil
	case unix.EINVAL, unix.ENOSYS:
		return errors.New("this kernel has no seccomp filters for all threads (Linux 5.7)")
	}
	return fmt.Errorf("no seccomp: %w", errno)
}

// filterCalls enforces the filter in all threads.
func filterCalls(needs Needs) error {
	if err := seccompSupported(); err != nil {
		return err
	}
	program, err := assemble(policy(needs, os.Getpid()))
	if err != nil {
		return fmt.Errorf("seccomp: %w", err)
	}
	return install(program)
}

// policy returns the filter, except for its default answer.
func policy(needs Needs, pid int) seccomp.Policy {
	allow := seccomp.SyscallGroup{Action: seccomp.ActionAllow, Names: slices.Clone(allowed)}
	if len(needs.Sockets) > 0 {
		allow.Names = append(allow.Names, "unlinkat")
	}
	refuse := seccomp.SyscallGroup{Action: seccomp.ActionErrno}
	for _, c := range conditions(pid) {
		allow.NamesWithCondtions = append(allow.NamesWithCondtions, c.alternatives()...)
		refuse.Names = append(refuse.Names, c.call)
	}
	numbers := native().SyscallNames
	for _, name := range refused {
		if _, exists := numbers[name]; exists {
			refuse.Names = append(refuse.Names, name)
		}
	}
	return seccomp.Policy{DefaultAction: seccomp.ActionErrno, Syscalls: []seccomp.SyscallGroup{allow, refuse}}
}

// alternatives returns the condition in the form of the library: the call is allowed if one
// of them matches.
func (c condition) alternatives() []seccomp.NameWithConditions {
	one := func(operation seccomp.Operation, value uint64) seccomp.NameWithConditions {
		return seccomp.NameWithConditions{Name: c.call, Conditions: seccomp.ArgumentConditions{
			{Argument: c.arg, Operation: operation, Value: value}}}
	}
	switch {
	case c.clear != 0:
		return []seccomp.NameWithConditions{one(seccomp.BitsNotSet, c.clear)}
	case c.set != 0:
		return []seccomp.NameWithConditions{one(seccomp.BitsSet, c.set)}
	}
	var all []seccomp.NameWithConditions
	for _, value := range c.values {
		all = append(all, one(seccomp.Equal, value))
	}
	return all
}

// native returns the names and numbers of the system calls here.
func native() *arch.Info {
	info, err := arch.GetInfo(runtime.GOARCH)
	if err != nil {
		panic(err) // the library has tables for the architectures of this file
	}
	return info
}

// assemble returns the program of the filter. Its last instruction is the answer to calls
// of no group, and of another architecture. The library cannot make that ENOSYS.
func assemble(p seccomp.Policy) ([]bpf.RawInstruction, error) {
	program, err := p.Assemble()
	if err != nil {
		return nil, err
	}
	program[len(program)-1] = bpf.RetConstant{Val: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)}
	return bpf.Assemble(program)
}

// install is seccomp(2) for all threads. The LoadFilter of the library ignores that a
// thread could not be included.
func install(program []bpf.RawInstruction) error {
	filters := make([]unix.SockFilter, len(program))
	for i, in := range program {
		filters[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	runtime.LockOSThread() // no_new_privs is of a thread, until the filter is in force
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl PR_SET_NO_NEW_PRIVS", err)
	}
	fprog := unix.SockFprog{Len: uint16(len(filters)), Filter: &filters[0]}
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, filterFlags, uintptr(unsafe.Pointer(&fprog))); errno != 0 {
		return os.NewSyscallError("seccomp", errno)
	}
	return nil
}
