//go:build amd64 || arm64

package sandbox

import (
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// TestAllowedCallsAreInTheBitmapOfTheKernel does what seccomp_is_const_allow does in
// kernel/seccomp.c (Linux 5.11): it runs the filter for each call and stops where it cannot know
// how the filter goes on. Such a call is not in the bitmap, so the filter runs each time that the
// call is made.
func TestAllowedCallsAreInTheBitmapOfTheKernel(t *testing.T) {
	filter := program(Needs{}, nil)
	for _, call := range allowed {
		if answer := constantAnswer(filter, call); answer != unix.SECCOMP_RET_ALLOW {
			t.Errorf("call %d: got the constant answer %#x, want %#x (allow)", call, answer, uint32(unix.SECCOMP_RET_ALLOW))
		}
	}
	for _, c := range conditionals(1) {
		if answer := constantAnswer(filter, c.call); answer != notConstant {
			t.Errorf("call %d: got the constant answer %#x, but it depends on an argument", c.call, answer)
		}
	}
}

// notConstant stands for an answer that depends on more than the number of the call.
const notConstant = 0xffff_ffff

// constantAnswer returns the answer of filter to a call with any arguments, or notConstant.
func constantAnswer(filter []bpf.Instruction, call uint32) uint32 {
	var loaded uint32
	for at := 0; ; at++ {
		switch in := filter[at].(type) {
		case bpf.LoadAbsolute:
			switch in.Off {
			case numberOffset:
				loaded = call
			case archOffset:
				loaded = auditArch
			default:
				return notConstant
			}
		case bpf.JumpIf:
			if in.Cond != bpf.JumpEqual {
				return notConstant // the kernel knows more, which no call here needs
			}
			if loaded == in.Val {
				at += int(in.SkipTrue)
			} else {
				at += int(in.SkipFalse)
			}
		case bpf.RetConstant:
			return in.Val
		default:
			return notConstant
		}
	}
}
