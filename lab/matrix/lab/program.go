package lab

import "context"

// Program is something that people put between a client and a server, or an
// echo server of its own.
type Program struct {
	Name   string
	Source Source
	Setups []Setup // the documented default first
}

// Source is where a program comes from.
type Source interface {
	// Obtain makes the program's commands available in w and tells its
	// version. The error is an *AbsentError if it is not to be had here.
	Obtain(ctx context.Context, w *Workshop) (version string, err error)
	// String says it in words, as "Debian's haproxy".
	String() string
}

// AbsentError says that a program is not to be had on this machine.
type AbsentError struct{ Reason string }

func (e *AbsentError) Error() string { return e.Reason }

// Setup is one way to run a program.
type Setup struct {
	Name    string // as "default" or "proxy_half_close on"
	Mends   string // what it is good for; "" for a default
	Plan    func(Place) Plan
	Itself  bool     // the program is the echo server; nothing is behind it
	Port    int      // the one port that the program can listen on; 0 means any
	Remarks []Remark // what there is to say when a rule comes out so
}

// Place is where a setup is carried out.
type Place struct {
	Dir   string // its own, absolute; commands start in it
	Hops  []Hop  // what is to be forwarded; of a server, only Listen counts
	Spare []int  // ports that nobody else uses
}

// Hop is one port to listen on, and one to forward to.
type Hop struct {
	Listen int
	To     int
}

// Plan is what to write and to run. It is also what the document shows, so a
// reader can do by hand what the lab does.
type Plan struct {
	Files    []File
	Before   [][]string // run to their end, in this order
	Commands []Command  // run side by side until the setup's turn is over
}

// File is one file to be written into the place's directory.
type File struct {
	Name string
	Text string
}

// Command is one program to be kept running.
type Command struct {
	Argv  []string
	Await int // the port that the next command needs; 0 if it needs none
}

// Remark is what somebody found out about a rule's verdict on a setup. It is
// printed only when the verdict is that again.
type Remark struct {
	Rule  string
	Class string // the class of the failure; "" means that it passes
	Text  string // what it means and how it was found out, in whole sentences
}
