package enginetest

// stall connects n peers that send as much as fits and never read.
func (t trial) stall(s *server, n int) []*peer {
	t.Helper()
	peers := make([]*peer, n)
	for i := range peers {
		peers[i] = t.dialNarrow(s)
		peers[i].flood(64 << 20)
	}
	return peers
}

// crowd is how many connections a case may open, both ends of which are in this
// process: at most n, and not so many that the engine runs out of descriptors
// that it can wait for.
func (t trial) crowd(n int) int {
	if most := t.engine.Caps().MaxFD; most > 0 {
		return min(n, most*2/5)
	}
	return n
}
