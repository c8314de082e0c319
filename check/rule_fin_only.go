package check

var finOnly = Rule{
	ID:       "stream/fin-only",
	Networks: streams,
	Sends:    "a FIN at once",
	Expects:  "a FIN, no reset",
	Meaning:  "A connection without data does not end in an orderly way: health checks hang or fail.",
	Causes: []Cause{
		{
			Classes: []Class{Reset},
			Text:    "the socket is closed with SO_LINGER 0, or before all input was read",
			Remedy:  "read to the end of the stream, then close",
		},
		{
			Classes: []Class{Silent},
			Text:    "the end of a stream without data is not noticed, or not forwarded",
			Remedy:  "treat a read of 0 bytes as the end, and forward it",
		},
	},
	sampled: true,
	run: func(p *probe) error {
		s, err := p.openHalfClosable()
		if err != nil {
			return err
		}
		defer s.Close()
		if err := s.closeWrite(); err != nil {
			return err
		}
		return s.discardToFIN()
	},
}
