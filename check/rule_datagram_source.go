package check

var datagramSource = Rule{
	ID:       "datagram/source",
	Networks: datagrams,
	Sends:    "a datagram from a socket that receives from any address",
	Expects:  "the answer from the address that it was sent to",
	Meaning:  "The answer comes from another address: firewalls and connected sockets drop it.",
	Causes: []Cause{
		{
			Classes: []Class{WrongSource},
			Text:    "a server bound to all addresses lets the kernel choose the source, or answers from a second socket",
			Remedy:  "answer from the address that received the datagram (IP_PKTINFO, IPV6_PKTINFO), on the same socket",
		},
	},
	run: runDatagramSource,
}

func runDatagramSource(p *probe) error {
	if p.target.Dial != nil {
		return skipped("needs a socket that is not connected, and the target has its own Dial")
	}
	socket, err := openPacket(p)
	if err != nil {
		return err
	}
	defer socket.Close()
	_, from, err := exchangeDatagram(p, socket, nextBytes(p.payload(0), 64))
	if err != nil {
		return err
	}
	if to := socket.(unconnectedSocket).to; from != to {
		f := fail(WrongSource, "sent to %v, answered by %v", to, from)
		f.got, f.want = from.String(), to.String()
		return f
	}
	return nil
}
