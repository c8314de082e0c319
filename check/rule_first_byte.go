package check

var firstByte = Rule{
	ID:       "stream/first-byte",
	Networks: streams,
	Sends:    "one byte, no FIN",
	Expects:  "that byte within the timeout",
	Meaning:  "The path stores bytes until the stream ends, or waits for more bytes to detect the protocol: an interactive session cannot start.",
	Causes: []Cause{
		{
			Classes: []Class{Timeout},
			Text:    "a store-and-forward proxy, or one that reads the first bytes to detect the protocol",
			Remedy:  "turn buffering and protocol detection off, or send more bytes first",
		},
	},
	run: func(p *probe) error {
		s, err := p.open()
		if err != nil {
			return err
		}
		defer s.Close()
		return s.exchange(p.payload(0), p.payload(0), 1)
	},
}
