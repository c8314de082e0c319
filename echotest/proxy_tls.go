package echotest

// HidesTruncation ends TLS, and forwards every end of either side as an orderly one.
func HidesTruncation() ProxyFault {
	return terminatorFault("hides-truncation", "ends TLS, and forwards every end of either side as an orderly one",
		Path{TLS: true, Faults: []PathFault{{On: OnReset, Do: Close}}})
}

// NeverSendsCloseNotify ends TLS, and ends a client's stream with a FIN and without
// close_notify.
func NeverSendsCloseNotify() ProxyFault {
	return terminatorFault("never-sends-close-notify", "ends TLS, and ends a client's stream with a FIN and without close_notify",
		Path{TLS: true, OmitsCloseNotify: true})
}

// NeverSendsResetOrCloseNotify ends TLS, and forwards every end of either side as a FIN.
func NeverSendsResetOrCloseNotify() ProxyFault {
	return terminatorFault("never-sends-reset-or-close-notify", "ends TLS, and forwards every end of either side as a FIN",
		Path{TLS: true, OmitsCloseNotify: true, Faults: []PathFault{{On: OnReset, Do: Close}}})
}

func terminatorFault(name, description string, path Path) ProxyFault {
	return ProxyFault{Name: name, Description: description, Network: "tls", Path: path}
}
