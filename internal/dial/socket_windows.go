package dial

// setTOS does nothing: Windows ignores IP_TOS, and [Socket.Check] refuses it.
func (s Socket) setTOS(int, bool) error { return nil }
