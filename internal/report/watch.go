package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"echod/internal/draw"
	"echod/internal/watch"
)

// WriteWatch writes the summary of a watch that ended at now as text: a line for
// each address, and one for each target without an address.
func WriteWatch(w io.Writer, s watch.Snapshot, now time.Time) error {
	var out strings.Builder
	for _, t := range s.Targets {
		for _, a := range t.Addresses {
			name := t.URL
			if t.All {
				name += " " + a.Address
			}
			fmt.Fprintf(&out, "%-7s  %s  %s\n", upDown(a), name, addressSummary(a))
		}
		if len(t.Addresses) == 0 {
			fmt.Fprintf(&out, "%-7s  %s  no addresses; %d failed look-ups\n", "unknown", t.URL, t.FailedLookups())
		}
	}
	fmt.Fprintf(&out, "watched for %v\n", now.Sub(s.Started).Round(time.Second))
	_, err := io.WriteString(w, out.String())
	return err
}

func upDown(a watch.AddressSnapshot) string {
	switch {
	case !a.Known:
		return "unknown"
	case a.Up:
		return "up"
	}
	return "down"
}

// addressSummary returns the counts and round trips of one address.
func addressSummary(a watch.AddressSnapshot) string {
	lost := a.LostTotal()
	text := fmt.Sprintf("%d sent, %d received, %d lost", a.Sent, a.Received, lost)
	if part, ok := divide(float64(lost), float64(a.Sent)); ok {
		text += " (" + draw.Percentage(part) + ")"
	}
	if lost > 0 {
		text += ": " + classCounts(a.Lost)
	}
	if besides := a.Besides(); besides != "" {
		text += "; also " + besides
	}
	if n := len(a.Recent); n > 0 {
		of := a.Quantiles(0.5, 0.99, 1)
		text += fmt.Sprintf("; of the last %d p50 %s, p99 %s, max %s", n, draw.Duration(of[0]), draw.Duration(of[1]), draw.Duration(of[2]))
	}
	return text
}
