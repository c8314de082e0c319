package load

// newDriver takes epoll where that can do it, and the net package for TLS and
// for connections that somebody else makes.
func newDriver(c *course) (driver, error) {
	if c.Target.Network == "tls" || c.Target.Via != nil {
		return newNetDriver(c)
	}
	return newEpollDriver(c)
}
