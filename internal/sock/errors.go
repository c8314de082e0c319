package sock

// ListenError is an address that could not be bound, and why.
type ListenError struct {
	Spec Spec
	Err  error // the system call and its errno, as *os.SyscallError, or what stood in the way
}

func (e *ListenError) Error() string { return "listen " + e.Spec.String() + ": " + e.Err.Error() }
func (e *ListenError) Unwrap() error { return e.Err }
