package load

import (
	"fmt"

	"echod/internal/usage"
)

// The bounds of a plan.
const (
	MaxConns    = 1 << 20
	MaxDepth    = 1 << 16
	maxDatagram = 65507 // bytes: what IPv4 and UDP leave of 64 KiB
)

// Check reports whether the plan can be carried out. The error is a *usage.Error.
func (p Plan) Check() error {
	for _, wrong := range p.mistakes() {
		if wrong.is {
			return usage.New(wrong.got, wrong.want)
		}
	}
	return nil
}

type mistake struct {
	is        bool
	got, want string
}

func (p Plan) mistakes() []mistake {
	udp := p.Target.Network == "udp"
	return []mistake{
		{p.Conns < 1 || p.Conns > MaxConns, fmt.Sprintf("%d connections", p.Conns), fmt.Sprintf("there can be 1 to %d", MaxConns)},
		{p.Depth < 1 || p.Depth > MaxDepth, fmt.Sprintf("%d messages in flight", p.Depth), fmt.Sprintf("there can be 1 to %d", MaxDepth)},
		{p.Sizes.Max() == 0, "messages without a length", "give one from 1 byte up"},
		{!(p.Rate >= 0 && p.Rate <= 1e8), fmt.Sprintf("a rate of %g", p.Rate), "it can be 0, as fast as answers come, to 100000000 a second"},
		{!(p.ConnectRate >= 0 && p.ConnectRate <= 1e8), fmt.Sprintf("%g connects a second", p.ConnectRate),
			"it can be 0, as fast as it goes, to 100000000"},
		{p.Duration < 0 || p.Warmup < 0, "a negative time", "leave it out"},
		{p.Messages < 0, "a negative number of messages", "leave it out"},
		{p.Timeout <= 0, "no time for an answer", "give a timeout as in 5s"},
		{p.Duration == 0 && p.Messages == 0, "no end", "give a duration, or a number of messages"},
		{p.Duration > 0 && p.Messages > 0, "two ends, a duration and a number of messages", "give one of them"},
		{p.Rate > 0 && p.Depth > 1, "a rate and a depth", "in an open loop the schedule says how much is in flight: leave the depth out"},
		{p.Churn && p.Depth > 1, "churn and a depth", "each connection has one message: leave the depth out"},
		{p.Churn && udp, "churn over udp", "datagrams have no connection to make"},
		{p.Churn && p.ConnectRate > 0, "churn and a rate of connects", "the connects of churn follow the messages: give their rate"},
		{len(p.Sources) > 0 && p.Target.Network == "unix", "a source address for a unix socket", "it has none"},
		{udp && p.Sizes.Max() > maxDatagram, fmt.Sprintf("datagrams of %d bytes", p.Sizes.Max()), fmt.Sprintf("udp carries at most %d", maxDatagram)},
		{udp && p.Sizes.Min() < headerSize, fmt.Sprintf("datagrams of %d bytes", p.Sizes.Min()),
			fmt.Sprintf("each carries %d bytes that tell it from the others", headerSize)},
	}
}
