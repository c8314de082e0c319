package report

import (
	"fmt"
	"io"
	"time"

	"echod/internal/draw"
	"echod/internal/ping"
)

// writeOneWay writes what an agent says of the two directions: first which one is slow and which
// one loses probes, then the figures.
func writeOneWay(w io.Writer, s *ping.OneWaySummary) {
	fmt.Fprintf(w, "\none way to the agent %s: %d sent, %d answered\n", s.URL, s.Sent, s.Exchanges)
	if s.Err != nil {
		fmt.Fprintf(w, "agent       %v\n", s.Err)
	}
	fmt.Fprintf(w, "lossy       %s\n", lossy(s))
	if s.Exchanges == 0 {
		return
	}
	fmt.Fprintf(w, "slow        %s\n", slow(s))
	writeRow(w, "", []string{"min", "p50", "p90", "p99", "max", "lost", "reordered"})
	for _, way := range []struct {
		name string
		of   ping.Way
	}{{"there", s.There}, {"back", s.Back}} {
		v := way.of.Variation
		writeRow(w, way.name, []string{
			draw.Duration(way.of.Delay), above(v.P50), percentileAbove(90, v.P90, s.Exchanges), percentileAbove(99, v.P99, s.Exchanges), above(v.Max), fmt.Sprint(way.of.Lost), fmt.Sprint(way.of.Reordered),
		})
	}
	fmt.Fprintf(w, "error       min ± %s, above it ± %s\n", draw.Duration(s.DelayError), draw.Duration(s.VariationError))
	longer, wrong := s.Asymmetry()
	fmt.Fprintf(w, "asymmetry   the way there takes %s ± %s %s at p50\n", draw.Duration(longer.Abs()), draw.Duration(wrong), either(longer < 0, "less", "more"))
	fmt.Fprintf(w, "clock       the agent's is %s ± %s %s, drift %s ppm ± %s\n", draw.Duration(s.Offset.Abs()), draw.Duration(s.OffsetError),
		either(s.Offset < 0, "behind", "ahead"), draw.ThreeDigits(s.Drift*1e6), draw.ThreeDigits(s.DriftError*1e6))
	for _, step := range s.Steps {
		fmt.Fprintf(w, "clock       at %s, %s\n", step.At.Format(time.TimeOnly), stepText(step))
	}
	if s.More > 0 {
		fmt.Fprintf(w, "clock       further steps: %d\n", s.More)
	}
	if s.Uneven > 0 {
		fmt.Fprintf(w, "clock       changes of its drift: %d. Each part of the time has a min of its own\n", s.Uneven)
	}
}

func above(d time.Duration) string { return "+" + draw.Duration(d) }

func percentileAbove(percentile float64, d time.Duration, replies int64) string {
	if !Known(percentile, replies) {
		return "-"
	}
	return above(d)
}

func either(condition bool, yes, no string) string {
	if condition {
		return yes
	}
	return no
}

// slow says which direction is slow, if that can be told.
func slow(s *ping.OneWaySummary) string {
	there, known := s.Slower()
	at := either(Known(99, s.Exchanges), "at p99", "at most")
	switch {
	case !known:
		return "neither way: they differ by less than the error"
	case there:
		return fmt.Sprintf("the way there: %s %s, the way back %s", above(s.There.Variation.P99), at, above(s.Back.Variation.P99))
	}
	return fmt.Sprintf("the way back: %s %s, the way there %s", above(s.Back.Variation.P99), at, above(s.There.Variation.P99))
}

// lossy says which direction loses probes.
func lossy(s *ping.OneWaySummary) string {
	text := "neither way"
	switch there, back := s.There.Lost, s.Back.Lost; {
	case there > 0 && back > 0:
		text = fmt.Sprintf("both ways: lost there %d, on the way back %d", there, back)
	case there > 0:
		text = fmt.Sprintf("the way there: lost %d, on the way back 0", there)
	case back > 0:
		text = fmt.Sprintf("the way back: lost %d, on the way there 0", back)
	}
	if s.LostUnknown > 0 {
		text += fmt.Sprintf("; lost %d that the agent could not be asked about", s.LostUnknown)
	}
	return text
}

func stepText(s ping.Step) string {
	words := map[ping.Clock]string{
		ping.LocalClock:   "that of this machine was set",
		ping.PeerClock:    "that of the agent was set",
		ping.UnknownClock: "that of the agent jumped, or that of this machine the other way,",
	}[s.Clock]
	return words + " by " + draw.Duration(s.By.Abs()) + either(s.By < 0, " back", " forward")
}

// pingOneWay is the result of a ping with an agent. It has no times if nothing was stamped.
type pingOneWay struct {
	URL         string         `json:"url"`
	Sent        int64          `json:"sent"`
	Exchanges   int64          `json:"exchanges"`
	RoundTrip   float64        `json:"smallest_round_trip_seconds,omitempty"`
	There       pingWay        `json:"there"`
	Back        pingWay        `json:"back"`
	LostUnknown int64          `json:"lost_unknown"`
	Asymmetry   *pingAsymmetry `json:"asymmetry,omitempty"`
	Clock       *pingClock     `json:"clock,omitempty"`
	Error       string         `json:"error,omitempty"`
}

// pingWay is one direction.
type pingWay struct {
	Delay          *float64       `json:"min_seconds,omitempty"`
	DelayError     float64        `json:"min_error_seconds,omitempty"`
	Variation      *pingVariation `json:"above_min,omitempty"`
	VariationError float64        `json:"above_min_error_seconds,omitempty"`
	Lost           int64          `json:"lost"`
	Duplicated     int64          `json:"duplicated"`
	Reordered      int64          `json:"reordered"`
}

type pingVariation struct {
	P50 float64  `json:"p50_seconds"`
	P90 *float64 `json:"p90_seconds,omitempty"` // nil if it is not [Known], and so is P99
	P99 *float64 `json:"p99_seconds,omitempty"`
	Max float64  `json:"max_seconds"`
}

// pingAsymmetry is the way there minus the way back.
type pingAsymmetry struct {
	P50    float64 `json:"p50_seconds"`
	Error  float64 `json:"p50_error_seconds"`
	Slower string  `json:"slower"` // there, back, or unknown
}

// pingClock is the agent's clock, compared with that of this system.
type pingClock struct {
	Offset      float64    `json:"offset_seconds"`
	OffsetError float64    `json:"offset_error_seconds"`
	At          time.Time  `json:"at"`
	Drift       float64    `json:"drift_ppm"`
	DriftError  float64    `json:"drift_error_ppm"`
	Steps       []pingStep `json:"steps,omitempty"`
	More        int        `json:"more_steps,omitempty"`
	Uneven      int        `json:"drift_changes,omitempty"`
}

type pingStep struct {
	At    time.Time  `json:"at"`
	By    float64    `json:"by_seconds"`
	Clock ping.Clock `json:"clock"`
}

func oneWayOf(s *ping.OneWaySummary) *pingOneWay {
	if s == nil {
		return nil
	}
	all := &pingOneWay{
		URL: s.URL, Sent: s.Sent, Exchanges: s.Exchanges, RoundTrip: s.RoundTrip.Seconds(),
		There: wayOf(s, s.There), Back: wayOf(s, s.Back), LostUnknown: s.LostUnknown, Error: errorText(s.Err),
	}
	if s.Exchanges == 0 {
		return all
	}
	longer, wrong := s.Asymmetry()
	all.Asymmetry = &pingAsymmetry{longer.Seconds(), wrong.Seconds(), "unknown"}
	if there, known := s.Slower(); known && there {
		all.Asymmetry.Slower = "there"
	} else if known {
		all.Asymmetry.Slower = "back"
	}
	all.Clock = &pingClock{
		Offset: s.Offset.Seconds(), OffsetError: s.OffsetError.Seconds(), At: s.OffsetAt.UTC(),
		Drift: s.Drift * 1e6, DriftError: s.DriftError * 1e6, More: s.More, Uneven: s.Uneven,
	}
	for _, step := range s.Steps {
		all.Clock.Steps = append(all.Clock.Steps, pingStep{step.At.UTC(), step.By.Seconds(), step.Clock})
	}
	return all
}

func wayOf(s *ping.OneWaySummary, w ping.Way) pingWay {
	way := pingWay{Lost: w.Lost, Duplicated: w.Duplicated, Reordered: w.Reordered}
	if s.Exchanges > 0 {
		delay, v := w.Delay.Seconds(), w.Variation
		way.Delay, way.DelayError, way.VariationError = &delay, s.DelayError.Seconds(), s.VariationError.Seconds()
		known := func(percentile float64, d time.Duration) *float64 {
			if !Known(percentile, s.Exchanges) {
				return nil
			}
			seconds := d.Seconds()
			return &seconds
		}
		way.Variation = &pingVariation{v.P50.Seconds(), known(90, v.P90), known(99, v.P99), v.Max.Seconds()}
	}
	return way
}
