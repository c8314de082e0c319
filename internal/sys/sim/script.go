//go:build linux

package sim

import (
	"fmt"
	"math"
	"slices"

	"echod/internal/sys"
)

// The bytes of a script, one for each call in turn; where it ends, every
// further byte is 0.
//
//	0         the call goes as it would
//	1–127     it fails with the errno at that place, from 1, of its table;
//	          beyond the table it goes as it would
//	128–191   it moves at most 1 to 64 (bytes, messages, events)
//	192–255   it moves at most 1/65 to 64/65 of what it was asked for
const (
	firstCount    = 128
	firstFraction = 192
	fractions     = 65
)

// decision is what the script says about one call.
type decision struct {
	errno sys.Errno
	code  byte
}

// limit is how much of n the call may move: at least one, where n is.
func (d decision) limit(n int) int {
	switch {
	case d.code < firstCount:
		return n
	case d.code < firstFraction:
		return min(n, int(d.code)-firstCount+1)
	default:
		return min(n, max(1, n*(int(d.code)-firstFraction+1)/fractions))
	}
}

// FailAt is the script that lets at calls go as they would and fails the next,
// which must be a call, with errno. It panics if that is not legal.
func FailAt(at int, call Call, errno sys.Errno) []byte {
	script := make([]byte, at+1)
	script[at] = Fail(call, errno)
	return script
}

// Fail is the byte that makes call fail with errno. It panics if that is not
// legal.
func Fail(call Call, errno sys.Errno) byte {
	i := slices.Index(legal[call], errno)
	if i < 0 {
		panic(fmt.Sprintf("sim: %s never returns %v", call, errno))
	}
	return byte(i + 1)
}

// Short is the byte that lets a call move at most n, from 1 to 64.
func Short(n int) byte { return byte(firstCount + min(max(n, 1), firstFraction-firstCount) - 1) }

// decide takes the next byte of the script for call and writes down what
// became of it.
func (k *Kernel) decide(call Call) decision {
	k.trace = append(k.trace, call)
	k.clock += int64(tick)
	if len(k.attempts) > 0 {
		k.retry()
	}
	k.stop()
	var d decision
	if k.Fault != nil {
		d.errno = k.Fault(call)
	}
	if at := len(k.trace) - 1 - k.begin; at < len(k.script) {
		d.code = k.script[at]
	} else if k.Choose != nil {
		d.code = k.Choose(call)
	}
	if d.errno == 0 && d.code > 0 && int(d.code) <= min(len(legal[call]), math.MaxInt8) {
		d.errno = legal[call][d.code-1]
	}
	k.Coverage.record(call, d.errno)
	return d
}
