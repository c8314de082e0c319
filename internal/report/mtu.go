package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"

	"echod/internal/ping"
)

// MTU writes the search for the MTU of a path in one format: what it is, each size that was
// tried, and the result. Each method returns the error of the writer.
type MTU interface {
	Start() error
	Size(ping.MTUSize) error
	End(ping.MTU) error
}

// mtuText writes a line for each size, and lines about the result.
type mtuText struct {
	w      io.Writer
	config ping.MTUConfig
}

// MTUText returns an MTU that writes text for people.
func MTUText(w io.Writer, c ping.MTUConfig) MTU { return &mtuText{w, c} }

func (t *mtuText) Start() error {
	_, err := fmt.Fprintf(t.w, "mtu %s: datagrams that must not be fragmented\n", t.config.Target)
	return err
}

var sizeFates = map[ping.SizeFate]string{
	ping.SizeAnswered: "answered",
	ping.SizeLocal:    "too long for the interface of this machine",
	ping.SizeICMP:     "too long for a router, which reports it (ICMP)",
	ping.SizeSilent:   "no answer",
}

func (t *mtuText) Size(s ping.MTUSize) error {
	words := sizeFates[s.Fate]
	if s.Fate == ping.SizeSilent || s.Sent > 1 {
		words += fmt.Sprintf(", %d sent", s.Sent)
	}
	_, err := fmt.Fprintf(t.w, "%d bytes: %s\n", s.Payload, words)
	return err
}

// End leaves a blank line first.
func (t *mtuText) End(m ping.MTU) error {
	if _, err := fmt.Fprintln(t.w); err != nil {
		return err
	}
	return WriteMTU(t.w, m)
}

// WriteMTU writes the result of a search as text.
func WriteMTU(w io.Writer, m ping.MTU) error {
	_, err := fmt.Fprintf(w, `largest datagram  %d bytes, a packet of %d bytes with its headers
limit             %s
kernel            %s
lost              %d of %d datagrams that are not too long
`, m.Payload, m.Packet(), limitOf(m), kernelMTU(m), m.Lost, m.Sent)
	return err
}

func limitOf(m ping.MTU) string {
	switch more := m.Payload + 1; m.Limit {
	case ping.SizeLocal:
		return fmt.Sprintf("the interface of this machine does not send %d bytes in one packet", more)
	case ping.SizeICMP:
		return fmt.Sprintf("a router reports that %d bytes are too long (ICMP)", more)
	case ping.SizeSilent:
		return fmt.Sprintf("a black hole: %d bytes get neither an answer nor an ICMP message. A link drops longer packets, and the message about it is lost, too; or the service does not answer them", more)
	case ping.SizeMaximum:
		return "UDP has no longer datagrams"
	}
	return "not known: the search did not end"
}

// kernelMTU says what the kernel knew of the path before, and what it has learned.
func kernelMTU(m ping.MTU) string {
	if m.Kernel == m.KernelBefore {
		return fmt.Sprintf("knows a path MTU of %d bytes, as before", m.Kernel)
	}
	return fmt.Sprintf("has learned a path MTU of %d bytes by ICMP; before, %d", m.Kernel, m.KernelBefore)
}

// mtuFormat is the format in the first line of JSON, see pingFormat.
const mtuFormat = "echod-ping-mtu/1"

// mtuJSON writes one JSON object per line; its field event says what it is.
type mtuJSON struct {
	lines  *json.Encoder
	config ping.MTUConfig
	echod  string
}

// MTUJSON returns an MTU that writes JSON lines for programs. Echod is the version that
// writes them.
func MTUJSON(w io.Writer, c ping.MTUConfig, echod string) MTU {
	return &mtuJSON{json.NewEncoder(w), c, echod}
}

func (t *mtuJSON) Start() error {
	return t.lines.Encode(struct {
		Event   string  `json:"event"`
		Format  string  `json:"format"`
		Echod   string  `json:"echod"`
		URL     string  `json:"url"`
		Timeout float64 `json:"timeout_seconds"`
	}{"begin", mtuFormat, t.echod, t.config.Target.String(), t.config.Timeout.Seconds()})
}

func (t *mtuJSON) Size(s ping.MTUSize) error {
	return t.lines.Encode(struct {
		Event   string        `json:"event"`
		Payload int           `json:"payload_bytes"`
		Sent    int           `json:"sent"`
		Fate    ping.SizeFate `json:"fate"`
	}{"size", s.Payload, s.Sent, s.Fate})
}

func (t *mtuJSON) End(m ping.MTU) error {
	return t.lines.Encode(struct {
		Event        string        `json:"event"`
		Address      string        `json:"address"`
		Payload      int           `json:"payload_bytes"`
		Packet       int           `json:"packet_bytes"`
		Headers      int           `json:"header_bytes"`
		Limit        ping.SizeFate `json:"limit"`
		Kernel       int           `json:"kernel_mtu"`
		KernelBefore int           `json:"kernel_mtu_before"`
		Sent         int           `json:"sent"`
		Lost         int           `json:"lost"`
	}{"mtu", m.Addr, m.Payload, m.Packet(), m.Headers, cmp.Or(m.Limit, "unknown"), m.Kernel, m.KernelBefore, m.Sent, m.Lost})
}
