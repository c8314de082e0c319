//go:build amd64 || arm64

package sandbox

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// allowed are the system calls that are allowed with all arguments. The kernel finds these
// in a bitmap (since Linux 5.11) and does not run the filter, so the calls for each message
// must be here. They are first in the list, for older kernels.
var allowed = []uint32{
	// Messages, and waiting for them.
	unix.SYS_RECVFROM, unix.SYS_SENDTO, unix.SYS_READ, unix.SYS_WRITE, unix.SYS_EPOLL_PWAIT, unix.SYS_PPOLL, unix.SYS_PSELECT6, unix.SYS_FUTEX,
	unix.SYS_RECVMSG, unix.SYS_SENDMSG, unix.SYS_RECVMMSG, unix.SYS_SENDMMSG,

	// Connections: they come, are configured and end.
	unix.SYS_ACCEPT4, unix.SYS_SETSOCKOPT, unix.SYS_GETSOCKOPT, unix.SYS_GETSOCKNAME, unix.SYS_GETPEERNAME, unix.SYS_SHUTDOWN, unix.SYS_CLOSE,
	unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_CREATE1, unix.SYS_EVENTFD2,
	// A datagram socket that ss -K has unbound is bound again. Landlock forbids it for TCP.
	unix.SYS_BIND,

	// The runtime: memory, threads, time, signals, CPUs of the machine and the control group.
	unix.SYS_MUNMAP, unix.SYS_MADVISE, unix.SYS_SCHED_YIELD, unix.SYS_NANOSLEEP, unix.SYS_CLOCK_GETTIME, unix.SYS_EXIT, unix.SYS_EXIT_GROUP,
	unix.SYS_GETPID, unix.SYS_GETTID, unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGRETURN, unix.SYS_RT_SIGACTION, unix.SYS_SIGALTSTACK,
	unix.SYS_RESTART_SYSCALL, unix.SYS_SCHED_GETAFFINITY, unix.SYS_PREAD64, unix.SYS_GETRANDOM,
	// Threads of a C library, in a binary that was built with CGO_ENABLED=1.
	unix.SYS_RSEQ, unix.SYS_SET_ROBUST_LIST, unix.SYS_BRK,
	// CPU profiles.
	unix.SYS_SETITIMER, unix.SYS_TIMER_CREATE, unix.SYS_TIMER_SETTIME, unix.SYS_TIMER_DELETE,

	// Files that openat may open: certificates, the state of the process.
	unix.SYS_NEWFSTATAT, unix.SYS_FSTAT, unix.SYS_STATFS, unix.SYS_GETDENTS64, unix.SYS_FCNTL,
}

// condition is a condition on an argument of a call, whose numbers are from 0: it is one of
// oneOf; or it has some of the bits any, and none of the bits none. All arguments here are int, or
// their upper half has no such bits, so the lower half is checked.
type condition struct {
	arg   uint32
	oneOf []uint32
	any   uint32
	none  uint32
}

// conditional is a call that is allowed if all conditions hold. It is refused otherwise.
type conditional struct {
	call uint32
	all  []condition
}

// conditionals returns the calls that the process pid may make with some arguments.
func conditionals(pid int) []conditional {
	this := []condition{{arg: 0, oneOf: []uint32{uint32(pid)}}}
	return []conditional{
		// Memory is never executable: new code cannot be loaded.
		{unix.SYS_MMAP, []condition{{arg: 2, none: unix.PROT_EXEC}}},
		{unix.SYS_MPROTECT, []condition{{arg: 2, none: unix.PROT_EXEC}}},
		// Files are opened to be read.
		{unix.SYS_OPENAT, []condition{{arg: 2, none: unix.O_WRONLY | unix.O_RDWR | unix.O_CREAT | unix.O_TRUNC}}},
		// Threads, and no processes.
		{unix.SYS_CLONE, []condition{{arg: 0, any: unix.CLONE_THREAD}}},
		// The runtime interrupts its threads, and ends its own process.
		{unix.SYS_TGKILL, this},
		{unix.SYS_KILL, this},
		// The runtime gives its memory names.
		{unix.SYS_PRCTL, []condition{{arg: 0, oneOf: []uint32{unix.PR_SET_VMA}}}},
		// How many bytes are unread and unsent.
		{unix.SYS_IOCTL, []condition{{arg: 1, oneOf: []uint32{unix.SIOCINQ, unix.SIOCOUTQ, unix.SIOCOUTQNSD}}}},
		// The names of interfaces, for link-local addresses.
		{unix.SYS_SOCKET, []condition{{arg: 0, oneOf: []uint32{unix.AF_NETLINK}}, {arg: 2, oneOf: []uint32{unix.NETLINK_ROUTE}}}},
	}
}

// refused are the calls that answer EPERM: those of an attacker. Whoever reads the log
// should see that something was forbidden, and not that the kernel lacks it. All others
// answer ENOSYS, as from a kernel without them: libraries then do without. The calls of
// conditionals answer EPERM with other arguments.
var refused = []uint32{
	// Programs and processes.
	unix.SYS_EXECVE, unix.SYS_EXECVEAT, unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV,
	unix.SYS_PIDFD_OPEN, unix.SYS_PIDFD_GETFD, unix.SYS_PIDFD_SEND_SIGNAL, unix.SYS_TKILL, unix.SYS_RT_SIGQUEUEINFO, unix.SYS_RT_TGSIGQUEUEINFO,
	unix.SYS_KCMP, unix.SYS_PROCESS_MADVISE, unix.SYS_PRLIMIT64, unix.SYS_SETRLIMIT, unix.SYS_SETPRIORITY, unix.SYS_SCHED_SETSCHEDULER,
	// Executable memory, and files without a name.
	unix.SYS_PKEY_MPROTECT, unix.SYS_MEMFD_CREATE, unix.SYS_MEMFD_SECRET, unix.SYS_REMAP_FILE_PAGES, unix.SYS_USERFAULTFD,
	// New sockets, connections and pipes.
	unix.SYS_CONNECT, unix.SYS_LISTEN, unix.SYS_SOCKETPAIR, unix.SYS_PIPE2,
	// Files.
	unix.SYS_OPENAT2, unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_NAME_TO_HANDLE_AT, unix.SYS_TRUNCATE, unix.SYS_FTRUNCATE,
	unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_LINKAT, unix.SYS_SYMLINKAT, unix.SYS_UNLINKAT,
	unix.SYS_MKDIRAT, unix.SYS_MKNODAT, unix.SYS_FCHMOD, unix.SYS_FCHMODAT, unix.SYS_FCHOWN,
	unix.SYS_FCHOWNAT, unix.SYS_UTIMENSAT, unix.SYS_SETXATTR, unix.SYS_LSETXATTR, unix.SYS_FSETXATTR, unix.SYS_REMOVEXATTR,
	unix.SYS_LREMOVEXATTR, unix.SYS_FREMOVEXATTR, unix.SYS_FALLOCATE, unix.SYS_CHDIR, unix.SYS_FCHDIR, unix.SYS_CHROOT, unix.SYS_UMASK, unix.SYS_FLOCK,
	// File systems and namespaces.
	unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_OPEN_TREE, unix.SYS_MOVE_MOUNT, unix.SYS_FSOPEN, unix.SYS_FSMOUNT,
	unix.SYS_FSCONFIG, unix.SYS_FSPICK, unix.SYS_MOUNT_SETATTR, unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_QUOTACTL, unix.SYS_ACCT, unix.SYS_FANOTIFY_INIT,
	unix.SYS_INOTIFY_INIT1,
	// The kernel.
	unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER, unix.SYS_INIT_MODULE,
	unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_KEXEC_LOAD, unix.SYS_KEXEC_FILE_LOAD, unix.SYS_REBOOT, unix.SYS_SYSLOG,
	unix.SYS_PERSONALITY, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_KEYCTL, unix.SYS_SECCOMP, unix.SYS_VHANGUP,
	unix.SYS_LOOKUP_DCOOKIE, unix.SYS_NFSSERVCTL,
	// Users and capabilities.
	unix.SYS_SETUID, unix.SYS_SETGID, unix.SYS_SETREUID, unix.SYS_SETREGID, unix.SYS_SETRESUID, unix.SYS_SETRESGID, unix.SYS_SETFSUID, unix.SYS_SETFSGID,
	unix.SYS_SETGROUPS, unix.SYS_CAPSET, unix.SYS_SETSID, unix.SYS_SETPGID,
	// The clock and names of the machine.
	unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME, unix.SYS_ADJTIMEX, unix.SYS_CLOCK_ADJTIME, unix.SYS_SETHOSTNAME, unix.SYS_SETDOMAINNAME,
}

// The answers to calls of refused, and to all others. Tests change them.
var (
	refusal uint32 = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	unknown uint32 = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
)

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
	return install(program(needs, nil))
}

// Offsets in struct seccomp_data (seccomp(2)). Arguments have 64 bits, the lower half first.
const (
	numberOffset = 0
	archOffset   = 4
	argsOffset   = 16
)

// program returns the filter. The instructions first come before those for all calls.
func program(needs Needs, first []bpf.Instruction) []bpf.Instruction {
	answer := func(value uint32) bpf.Instruction { return bpf.RetConstant{Val: value} }
	prog := []bpf.Instruction{
		bpf.LoadAbsolute{Off: archOffset, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: auditArch, SkipTrue: 1},
		answer(unknown), // e.g. int $0x80 of a 32-bit process; x32 has numbers of its own
		bpf.LoadAbsolute{Off: numberOffset, Size: 4},
	}
	prog = append(prog, first...)
	on := func(call uint32, then ...bpf.Instruction) {
		prog = append(prog, bpf.JumpIf{Cond: bpf.JumpEqual, Val: call, SkipFalse: uint8(len(then))})
		prog = append(prog, then...)
	}
	for _, call := range allowed {
		on(call, answer(unix.SECCOMP_RET_ALLOW))
	}
	if len(needs.Sockets) > 0 {
		on(unix.SYS_UNLINKAT, answer(unix.SECCOMP_RET_ALLOW))
	}
	// The flags of clone3 are in memory, which a filter cannot read. C libraries then use clone.
	on(unix.SYS_CLONE3, answer(unix.SECCOMP_RET_ERRNO|uint32(unix.ENOSYS)))
	for _, c := range conditionals(os.Getpid()) {
		on(c.call, c.block()...)
	}
	for _, call := range refused {
		on(call, answer(refusal))
	}
	for _, call := range refusedHere {
		on(call, answer(refusal))
	}
	return append(prog, answer(unknown))
}

// block returns the instructions for the call. They always end with an answer, because they
// replace its number in the accumulator.
func (c conditional) block() []bpf.Instruction {
	refuse := bpf.RetConstant{Val: refusal}
	var prog []bpf.Instruction
	for _, check := range c.all {
		prog = append(prog, bpf.LoadAbsolute{Off: argsOffset + 8*check.arg, Size: 4})
		for i, value := range check.oneOf {
			prog = append(prog, bpf.JumpIf{Cond: bpf.JumpEqual, Val: value, SkipTrue: uint8(len(check.oneOf) - i)})
		}
		if check.any != 0 {
			prog = append(prog, bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: check.any, SkipTrue: 1})
		}
		if check.none != 0 {
			prog = append(prog, bpf.JumpIf{Cond: bpf.JumpBitsNotSet, Val: check.none, SkipTrue: 1})
		}
		prog = append(prog, refuse)
	}
	return append(prog, bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW})
}

// install is seccomp(2) for all threads.
func install(program []bpf.Instruction) error {
	raw, err := bpf.Assemble(program)
	if err != nil {
		return fmt.Errorf("seccomp: %w", err)
	}
	filters := make([]unix.SockFilter, len(raw))
	for i, in := range raw {
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
