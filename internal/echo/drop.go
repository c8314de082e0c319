package echo

// Drop is why a datagram was not answered; Answer, the zero Drop, says that it
// may be.
type Drop uint8

const (
	Answer Drop = iota

	// What the Guard refuses, in the order it looks.

	DropPortZero    // from port 0: nobody could receive the answer
	DropLowPort     // from a port on the deny list, where other simple services answer back
	DropOwn         // from an address this process listens on
	DropUnspecified // from 0.0.0.0 or ::
	DropMulticast   // from or to a multicast address
	DropBroadcast   // from or to a broadcast address
	DropMuted       // part of a loop: that source sent that payload again and again
	DropPrefixRate  // its prefix has had its share
	DropTotalRate   // everyone together has

	// What the engine finds.

	DropTruncated // longer than the buffer, so only a part could be sent back
	DropFull      // the socket's send buffer was full
	DropRefused   // the kernel would not send it: EPERM, ENETUNREACH …

	NumDrops // how many values there are
)

var dropNames = [NumDrops]string{
	Answer:          "answer",
	DropPortZero:    "port-zero",
	DropLowPort:     "low-port",
	DropOwn:         "own-address",
	DropUnspecified: "unspecified",
	DropMulticast:   "multicast",
	DropBroadcast:   "broadcast",
	DropMuted:       "muted",
	DropPrefixRate:  "prefix-rate",
	DropTotalRate:   "total-rate",
	DropTruncated:   "truncated",
	DropFull:        "send-buffer-full",
	DropRefused:     "send-refused",
}

func (d Drop) String() string { return dropNames[d] }
