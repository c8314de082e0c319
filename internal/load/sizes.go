package load

// Sizes are the lengths of messages in bytes: one length, a range, or a list
// with weights. It is written 64, 64-1024, or 64:9,64KiB:1.
type Sizes struct {
	choices []choice
}

// choice is a range of lengths, and how often it is taken.
type choice struct {
	min, max int // bytes, both included
	weight   int
}
