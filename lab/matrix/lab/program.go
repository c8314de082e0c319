package lab

import "context"

// Program is a proxy or a tunnel, or an echo server.
type Program struct {
	Name   string
	Source Source
	Setups []Setup // the documented default first
}

// Source is the origin of a program.
type Source interface {
	// Obtain makes the commands of the program available in env, and returns the version.
	// The error is an *AbsentError if the program is not available on this machine.
	Obtain(ctx context.Context, w *Env) (version string, err error)
	// String returns a description, e.g. "Debian's haproxy".
	String() string
}

// AbsentError is returned if a program is not available on this machine.
type AbsentError struct{ Reason string }

func (e *AbsentError) Error() string { return e.Reason }

// Setup is one configuration of a program.
type Setup struct {
	Name     string // e.g. "default" or "proxy_half_close on"
	Fixes    string // the fault that the configuration may fix; "" for the default
	Plan     func(Place) Plan
	IsServer bool     // the program is an echo server, not a proxy
	EndsTLS  bool     // clients use TLS, and the program forwards without it; its plan makes ca.pem
	Port     int      // the only port that the program can listen on; 0 for any
	Remarks  []Remark // printed if their verdict is the result
}

// Place is the directory and the ports of a setup.
type Place struct {
	Dir   string // absolute; the working directory of the commands
	Hops  []Hop  // to forward; a server uses only Listen
	Spare []int  // other reserved ports
}

// Hop is a port to listen on and a port to forward to.
type Hop struct {
	Listen int
	To     int
}

// Plan has the files and commands of a setup. The document shows it, so a reader can repeat
// the test by hand.
type Plan struct {
	Files    []File
	Before   [][]string // run one after another
	Commands []Command  // run at the same time, until the setup is stopped
}

// File is a file in the directory of the place.
type File struct {
	Name string
	Text string
}

// Command is a command that runs until the setup is stopped.
type Command struct {
	Argv  []string
	Await int // a port that must be open before the next command starts; 0 for none
}

// Remark explains a verdict. It is printed only if the verdict is the same again.
type Remark struct {
	Rule  string
	Class string // of the failure; "" if the rule passes
	Text  string // complete sentences
}
