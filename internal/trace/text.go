package trace

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"echod/internal/sys"
)

// Line returns a step as one line of text, without the newline: the peer, the time since the
// beginning of the connection, the call, what the kernel holds, and why.
func Line(r *Record, peer string, since time.Duration) string {
	switch r.Op {
	case Lost:
		return fmt.Sprintf("%d steps are missing: the output is too slow", r.N)
	case Full:
		return "the file has reached its limit"
	case Omitted:
		return fmt.Sprintf("%d steps are not kept: %d bytes received, %d bytes sent", r.N, r.Received, r.Sent)
	}
	held := HeldText(r.Held) + pathText(r)
	return strings.TrimRight(fmt.Sprintf("%-21s %10s  %-44s  %-19s %s", peer, "+"+Short(since), CallText(r), held, r.Why), " ")
}

// pathText returns what the kernel knows of the path: in the first step, and in those after which
// bytes are on the way; and for how long something limited sending.
func pathText(r *Record) string {
	h, text := r.Held, ""
	if h == nil {
		return ""
	}
	if first := r.Op == Accept || r.Op == Connect || r.Op == Begin; first || h.Unacknowledged > 0 {
		if h.PeerWindow > 0 {
			text += fmt.Sprintf(" peer window %d", h.PeerWindow)
		}
		if h.RTT > 0 {
			text += " rtt " + Short(time.Duration(h.RTT)*time.Microsecond)
		}
	}
	for _, limit := range []struct {
		by string
		us uint64
	}{{"peer's window", h.PeerLimited}, {"send buffer", h.BufferLimited}} {
		if limit.us > 0 {
			text += fmt.Sprintf(", limited by the %s for %s", limit.by, Short(time.Duration(limit.us)*time.Microsecond))
		}
	}
	return text
}

// CallText returns the call in the notation of strace(1), with the beginning of the bytes that
// were moved.
func CallText(r *Record) string {
	var b strings.Builder
	b.WriteString(r.Call + "(" + r.Args + ")")
	switch {
	case r.Errno == "":
		b.WriteString(" = " + strconv.Itoa(r.N))
	case r.N > 0: // package net: it moved bytes and then failed
		b.WriteString(" = " + strconv.Itoa(r.N) + " " + r.Errno)
	default:
		b.WriteString(" = -1 " + r.Errno)
	}
	if r.Result != "" {
		b.WriteString(" " + r.Result)
	}
	if len(r.Data) > 0 {
		b.WriteString(" " + quote(r.Data, r.N))
	}
	return b.String()
}

// shownBytes is how many bytes of the payload a line shows.
const shownBytes = 12

// quote returns the beginning of n bytes as a quoted string.
func quote(data []byte, n int) string {
	data = data[:min(len(data), n)]
	shown := data[:min(len(data), shownBytes)]
	text := quoteBytes(shown)
	if len(shown) < n {
		text += "…"
	}
	return text
}

// quoteBytes quotes each byte for itself, as strace(1) does: two bytes of UTF-8 are two bytes.
func quoteBytes(data []byte) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range data {
		if c < 0x80 {
			quoted := strconv.Quote(string(rune(c)))
			b.WriteString(quoted[1 : len(quoted)-1])
		} else {
			fmt.Fprintf(&b, `\x%02x`, c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// HeldText returns what the kernel holds in a few words. A queue that is empty is omitted.
func HeldText(h *sys.Held) string {
	if h == nil {
		return ""
	}
	var parts []string
	if h.State != "" {
		parts = append(parts, h.State)
	}
	for _, one := range []struct {
		name string
		n    int
	}{{"in", h.Arrived}, {"out", h.Unacknowledged}, {"unsent", h.Unsent}, {"retransmits", h.Retransmits}} {
		if one.n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", one.name, one.n))
		}
	}
	if h.Unsent > 0 && h.PeerWindow == 0 && h.PeerLimited > 0 && h.State != "CLOSE" { // PeerLimited: the window is known to the kernel
		parts = append(parts, "peer window 0")
	}
	return strings.Join(parts, " ")
}

// Short returns d with about four digits.
func Short(d time.Duration) string {
	switch {
	case d < 10*time.Microsecond:
		return d.Round(10 * time.Nanosecond).String()
	case d < time.Millisecond:
		return d.Round(time.Microsecond).String()
	case d < time.Second:
		return d.Round(10 * time.Microsecond).String()
	}
	return d.Round(time.Millisecond).String()
}
