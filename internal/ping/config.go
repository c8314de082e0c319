package ping

import (
	"fmt"
	"time"

	"echod/internal/dial"
	"echod/internal/usage"
)

// Target is a service that can be asked.
type Target = dial.Target

// Config says what is asked and how often, and who is told.
type Config struct {
	Target   Target
	Count    int           // probes; 0: until the context ends
	Interval time.Duration // from one probe to the next
	Wait     time.Duration // for a whole answer, and as long again for a connection
	Size     int           // bytes of a probe

	// Reconnect is a connection for each probe, and the time that each part of
	// making it takes. Without it, there is one until it breaks.
	Reconnect bool

	// OnProbe is told what becomes of each probe, and OnLink of the connection,
	// unless there is one for each probe. Either may be nil. Both are called by
	// the goroutine of [Prober.Run], one at a time, in the order in which things
	// came about; while one runs, no probe leaves.
	OnProbe func(Probe)
	OnLink  func(Link)
}

// The bounds of a Config.
const (
	MinSize     = headerSize // bytes that tell a probe from all others
	MaxSize     = 65507      // what IPv4 and UDP leave of 64 KiB; for streams, too
	MinInterval = time.Millisecond
	maxPending  = 1 << 16 // datagrams
)

// Check reports whether c can be carried out. The error is a *usage.Error.
func (c Config) Check() error {
	for _, wrong := range c.mistakes() {
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

func (c Config) mistakes() []mistake {
	return []mistake{
		{c.Count < 0, "a negative number of probes", "give one from 1 on, or 0 for no end"},
		{c.Interval < MinInterval, fmt.Sprintf("a probe each %v", c.Interval), fmt.Sprintf("leave at least %v between them", MinInterval)},
		{c.Wait <= 0, "no time for an answer", "give some, as in 2s"},
		{c.Size < MinSize || c.Size > MaxSize, fmt.Sprintf("probes of %d bytes", c.Size), fmt.Sprintf("they can have %d to %d", MinSize, MaxSize)},
		{c.Interval > 0 && c.Wait/c.Interval >= maxPending, fmt.Sprintf("a wait of %v for probes each %v", c.Wait, c.Interval),
			fmt.Sprintf("at most %d can be under way: wait less, or send less often", maxPending)},
		{c.Target.Source.IsValid() && c.Target.Network == "unix", "a source address for a unix socket", "it has none"},
	}
}
