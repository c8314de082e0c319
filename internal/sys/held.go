package sys

// Held is what the kernel holds for the socket of a stream. It is for people who look at a
// connection; no engine needs it.
type Held struct {
	// State is the state of the TCP connection, e.g. "ESTABLISHED" (RFC 9293, section
	// 3.3.2). It is empty for a unix socket, for which only Arrived has a meaning.
	State string `json:"state,omitempty"`
	// Arrived is how many bytes have arrived and are not read yet: ioctl(2) SIOCINQ.
	Arrived int `json:"arrived"`
	// Unacknowledged is how many bytes were given to the kernel and are not acknowledged by the
	// peer, including Unsent: SIOCOUTQ.
	Unacknowledged int `json:"unacknowledged"`
	// Unsent is how many of them are not sent yet: SIOCOUTQNSD.
	Unsent int `json:"unsent"`
	// PeerWindow is how many bytes the peer has room for beyond those that it has
	// acknowledged: tcpi_snd_wnd. It is 0 before Linux 5.4.
	PeerWindow int `json:"peer_window"`
	// Window is the receive window that the peer was last told: tcpi_rcv_wnd. It is 0
	// before Linux 6.2.
	Window int `json:"window"`
	// Resets reports whether close(2) would reset the connection: SO_LINGER is set, with a
	// time of 0 (socket(7)).
	Resets bool `json:"resets,omitempty"`
	// RTT is the smoothed round trip in microseconds.
	RTT int `json:"rtt_us"`
	// Retransmits is how many segments were sent again since the connection began.
	Retransmits int `json:"retransmits,omitempty"`
	// PeerLimited and BufferLimited are for how many microseconds sending was limited by the
	// window of the peer (tcpi_rwnd_limited) and by the send buffer of this socket
	// (tcpi_sndbuf_limited).
	PeerLimited   uint64 `json:"peer_limited_us,omitempty"`
	BufferLimited uint64 `json:"buffer_limited_us,omitempty"`
}
