// Package sandbox takes from a process what it does not need any more: a server whose
// sockets are bound starts no programs, opens no connections and writes no files. After
// [Enter], an attacker who controls the process cannot do these things either.
//
// On Linux it has two parts. A seccomp filter (seccomp(2)) allows the system calls of a
// list. Landlock (landlock(7)) allows files by their place. What each of them allows is in
// seccomp_linux.go and landlock_linux.go, with the reasons. Neither can be undone.
package sandbox

import (
	"fmt"
	"log/slog"
)

// Mode says how much a process gives up.
type Mode string

// The modes, with the values of --sandbox.
const (
	Auto Mode = "auto" // what this kernel can enforce
	On   Mode = "on"   // everything: it is an error if this kernel cannot enforce it
	Off  Mode = "off"  // nothing
)

// Needs is what a process still does after Enter. The zero value serves open sockets.
type Needs struct {
	// Certificates are files that are read again when they change. They may be behind
	// symbolic links that change: see folders.
	Certificates []string
	// Sockets are files of unix sockets, which are removed at the end.
	Sockets []string
	// Manager is the socket of the service manager (NOTIFY_SOCKET), "" if there is none.
	// The process sends to it from a socket that is open already.
	Manager string
	// Metrics is whether it reads the state of itself below /proc, for /metrics and
	// profiles.
	Metrics bool
	// VRFs is whether it reads which interfaces belong to a VRF.
	VRFs bool
}

// State is what is enforced.
type State struct {
	Seccomp  bool
	Landlock int   // the ABI of Landlock that is in use, 0 if none
	Missing  error // why a part is not enforced; nil if none is missing
}

// LogAttrs describes the state in a log line, e.g. seccomp=yes landlock=v4.
func (s State) LogAttrs() []any {
	seccomp, landlock := "no", "no"
	if s.Seccomp {
		seccomp = "yes"
	}
	if s.Landlock > 0 {
		landlock = fmt.Sprintf("v%d", s.Landlock)
	}
	attrs := []any{slog.String("seccomp", seccomp), slog.String("landlock", landlock)}
	if s.Missing != nil {
		attrs = append(attrs, slog.Any("why", s.Missing))
	}
	return attrs
}

// Check returns an error if Enter would fail, as far as can be known before: mode is On,
// and this system lacks a part. It changes nothing.
func Check(mode Mode) error {
	if mode != On {
		return nil
	}
	return unavailable(supported())
}

// Enter confines all threads of this process, for the rest of its life, to what needs
// says. With On, an error means that a part is not enforced, and the process must not go
// on. With Auto, the state says what is missing, and the error is nil. With Off it does
// nothing.
func Enter(mode Mode, needs Needs) (State, error) {
	if mode == Off {
		return State{}, nil
	}
	state := enter(needs)
	if mode == On {
		return state, unavailable(state.Missing)
	}
	return state, nil
}

// unavailable returns the error of --sandbox on; nil if missing is nil.
func unavailable(missing error) error {
	if missing == nil {
		return nil
	}
	return fmt.Errorf("--sandbox on: %w; want auto, or a kernel that has it", missing)
}

// missing joins the reasons why parts are not enforced, in one line; nil if there are none.
func missing(reasons ...error) error {
	var all error
	for _, err := range reasons {
		switch {
		case err == nil:
		case all == nil:
			all = err
		default:
			all = fmt.Errorf("%w, and %w", all, err)
		}
	}
	return all
}
