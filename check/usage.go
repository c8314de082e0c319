package check

// UsageError is the caller's mistake, found before anything was sent: what is
// wrong, and what would be right.
type UsageError struct {
	Got  string
	Want string
}

func (e *UsageError) Error() string { return e.Got + "; " + e.Want }
