package check

var firstByte = Rule{
	ID:       "stream/first-byte",
	Networks: streams,
	Sends:    "one byte, no FIN",
	Expects:  "that byte within the timeout",
	Meaning:  "It stores until the end of the stream, or waits for more to recognise the protocol by: a conversation cannot start.",
	run:      runFirstByte,
}

func runFirstByte(p *probe) error {
	s, err := p.open()
	if err != nil {
		return err
	}
	defer s.Close()
	return s.exchange(p.payload(0), p.payload(0), 1)
}
