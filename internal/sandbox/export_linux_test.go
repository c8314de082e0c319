//go:build amd64 || arm64

package sandbox

import (
	"os"
	"slices"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Folders is folders.
var Folders = folders

// RestrictFiles is restrictFiles.
var RestrictFiles = restrictFiles

// The system calls of the filter.
var (
	Allowed      = slices.Clone(allowed)
	Refused      = slices.Concat(refused, refusedHere)
	Conditionals = func() (calls []uint32) {
		for _, c := range conditionals(os.Getpid()) {
			calls = append(calls, c.call)
		}
		return calls
	}()
)

// DieWhenRefused makes a call that the filter refuses end the process with SIGSYS and a
// stack. It is called before Enter.
func DieWhenRefused() { refusal, unknown = unix.SECCOMP_RET_TRAP, unix.SECCOMP_RET_TRAP }

// FilterOnly enforces the filter, with further calls that are allowed, and calls that answer
// EPERM.
func FilterOnly(allow, refuse []uint32) error {
	var first []bpf.Instruction
	for answer, calls := range map[uint32][]uint32{unix.SECCOMP_RET_ALLOW: allow, unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM): refuse} {
		for _, call := range calls {
			first = append(first, bpf.JumpIf{Cond: bpf.JumpEqual, Val: call, SkipFalse: 1}, bpf.RetConstant{Val: answer})
		}
	}
	return install(program(Needs{}, first))
}
