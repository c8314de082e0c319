package check

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"echod/internal/errno"
)

// plainText returns err for a report: one line in our words, without the addresses that
// package net adds. What our own errors say around the error of a call stays.
func plainText(err error) string {
	text := err.Error()
	for _, call := range callErrors(err) {
		text = strings.Replace(text, call.Error(), callText(call), 1)
	}
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line != "" && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return addresses.ReplaceAllString(foreignWords.Replace(strings.Join(lines, "; ")), "")
}

// foreignWords replaces what remains of the text of other packages when only the text of
// an error is known, e.g. in a report of the agent.
var foreignWords = strings.NewReplacer(
	"i/o timeout", textTimeout, "context deadline exceeded", textTimeout,
	"use of closed network connection", textClosed,
)

const (
	textTimeout = "no answer within the timeout"
	textClosed  = "the connection was closed on this side"
)

// addresses finds the two addresses of a connection, as package net writes them.
var addresses = regexp.MustCompile(` ?\S*->\S*[^\s:]`)

// callErrors returns the outermost errors in the tree of err that other packages made.
func callErrors(err error) []error {
	if err == nil {
		return nil
	}
	switch err.(type) {
	case net.Error, *os.SyscallError, *os.PathError, *os.LinkError:
		return []error{err}
	}
	switch err {
	case io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, io.ErrClosedPipe, context.Canceled:
		return []error{err}
	}
	switch wrapper := err.(type) {
	case interface{ Unwrap() error }:
		return callErrors(wrapper.Unwrap())
	case interface{ Unwrap() []error }:
		var all []error
		for _, part := range wrapper.Unwrap() {
			all = append(all, callErrors(part)...)
		}
		return all
	}
	return nil
}

// errorTexts are our words for the error numbers of a network call.
var errorTexts = map[errno.Class]string{
	errno.Reset:         "the connection was reset",
	errno.Closed:        "the connection had ended",
	errno.Refused:       "the connection was refused",
	errno.TimedOut:      "the other side did not answer",
	errno.Unreachable:   "no route to the target, or the network is down",
	errno.Protocol:      "the connection failed with a protocol error",
	errno.NoDescriptors: "this machine has no free descriptor (ulimit -n)",
	errno.NoMemory:      "this machine has no memory for the socket",
	errno.NoAddress:     "this machine has no free local port",
	errno.NotPermitted:  "this process lacks a permission",
	errno.Filtered:      "a firewall of this machine forbids it",
	errno.TooLong:       "the datagram is longer than this machine sends",
}

// callText returns our words for the error of one call.
func callText(err error) string {
	number := errno.Of(err)
	name, unknownName := errors.AsType[*net.DNSError](err)
	switch text := errorTexts[errno.Classify(number)]; {
	case unknownName && name.IsTimeout:
		return "the name " + strconv.Quote(name.Name) + " cannot be resolved: the resolver does not answer"
	case unknownName:
		return "the name " + strconv.Quote(name.Name) + " cannot be resolved"
	case text != "":
		return text
	case errors.Is(err, os.ErrNotExist):
		return "nothing listens there"
	case errors.Is(err, net.ErrClosed), errors.Is(err, io.ErrClosedPipe):
		return textClosed
	case errors.Is(err, context.Canceled):
		return interrupted
	case classify(err) == Timeout:
		return textTimeout
	case classify(err) == PrematureEOF:
		return "the connection ended"
	case number != 0:
		return number.Error()
	}
	if op, ok := err.(*net.OpError); ok && op.Err != nil {
		return op.Op + ": " + op.Err.Error() // without the addresses, e.g. an alert of TLS
	}
	return err.Error()
}
