package check

var chunking = Rule{
	ID:       "stream/chunking",
	Networks: streams,
	Sends:    "256 writes of one byte; then messages of 1, 4, 16, 32 and 64 KiB, each also with one byte less and one more",
	Expects:  "the same",
	Meaning:  "Bytes are lost or changed at a buffer boundary.",
	run:      runChunking,
}

func runChunking(p *probe) error {
	s, err := p.open()
	if err != nil {
		return err
	}
	defer s.Close()
	out, back := p.payload(0), p.payload(0)
	const singles = 256
	sendSingles := func() error {
		for range singles {
			if err := s.send(nextBytes(out, 1)); err != nil {
				return err
			}
		}
		return nil
	}
	if err := s.expectWhile(sendSingles, back, singles); err != nil {
		return err
	}
	for _, kib := range []int{1, 4, 16, 32, 64} {
		for _, n := range []int{kib<<10 - 1, kib << 10, kib<<10 + 1} {
			if err := s.exchange(out, back, n); err != nil {
				return err
			}
		}
	}
	return nil
}
