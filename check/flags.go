package check

import (
	"strconv"
	"time"
)

// flags are the command line's flags that ask for o: only those that differ
// from the default, and neither rules nor seed.
func (o Options) flags() []string {
	var words []string
	add := func(differs bool, flag ...string) {
		if differs {
			words = append(words, flag...)
		}
	}
	add(o.Timeout != DefaultTimeout, "--timeout", o.Timeout.String())
	add(o.Conns != DefaultConns, "--conns", strconv.Itoa(o.Conns))
	add(o.Bulk != DefaultBulk, "--bulk", strconv.FormatInt(o.Bulk, 10))
	add(o.Stall != defaultStall(o.Long), "--stall", o.Stall.String())
	add(o.IdleMax != DefaultIdleMax, "--idle-max", o.IdleMax.String())
	add(o.Long, "--long")
	add(o.Unsafe, "--unsafe")
	add(o.Closed != "", "--closed", o.Closed)
	add(o.Agent != "", "--agent", o.Agent)
	add(o.AgentUDP != "", "--agent-udp", o.AgentUDP)
	add(o.Token != "", "--token", "TOKEN") // a report is no place for secrets
	return words
}

// defaultStall is what Options.Stall is if nothing else is asked for.
func defaultStall(long bool) time.Duration {
	if long {
		return LongStall
	}
	return DefaultStall
}
