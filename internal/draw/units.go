// Package draw writes numbers with their units, folded lines, and the parts of SVG charts that the
// live page and the HTML report share: axes with their ticks, and paths.
package draw

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Unit is the unit of a number. The script of the live page writes numbers by the
// same rules as Write.
type Unit string

// The units.
const (
	Number         Unit = ""
	PerSecond      Unit = "/s"
	Bytes          Unit = "B"
	BytesPerSecond Unit = "B/s"
	Seconds        Unit = "s"
	Percent        Unit = "%"
)

// Unknown stands in place of a number that is not known.
const Unknown = "–"

// Scale is a unit or a multiple of it, and its size in the unit.
type Scale struct {
	Name string
	Size float64
}

var scales = map[Unit][]Scale{
	Bytes:          {{"B", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}},
	BytesPerSecond: {{"B/s", 1}, {"KiB/s", 1 << 10}, {"MiB/s", 1 << 20}, {"GiB/s", 1 << 30}, {"TiB/s", 1 << 40}},
	Seconds:        {{"ns", 1e-9}, {"µs", 1e-6}, {"ms", 1e-3}, {"s", 1}},
	Percent:        {{"%", 1}},
}

// Scale returns the largest scale of which v has at least one, when rounded.
func (u Unit) Scale(v float64) Scale {
	all := scales[u]
	if len(all) == 0 {
		return Scale{string(u), 1}
	}
	best := all[0]
	for _, s := range all[1:] {
		if v >= s.Size*0.9995 {
			best = s
		}
	}
	return best
}

// Write writes v with its unit and three digits. Numbers and single bytes are whole;
// NaN is [Unknown].
func (u Unit) Write(v float64) string {
	switch s := u.Scale(v); {
	case math.IsNaN(v):
		return Unknown
	case u == PerSecond && v < 99.95:
		return ThreeDigits(v) + "/s"
	case u == Number || u == PerSecond:
		return Whole(v) + string(u)
	case s.Name == string(u) && (u == Bytes || u == BytesPerSecond):
		return Whole(v) + " " + s.Name
	default:
		return ThreeDigits(v/s.Size) + " " + s.Name
	}
}

// Label writes a round v, as the ticks of axes have them.
func (u Unit) Label(v float64) string { return u.Scale(v).Label(v) }

// Label writes a round v in this scale.
func (s Scale) Label(v float64) string {
	name := s.Name
	if name != "" && !strings.HasPrefix(name, "/") {
		name = " " + name
	}
	switch v /= s.Size; {
	case v == 0:
		return "0"
	case v >= 1000:
		return Whole(v) + name
	}
	return strconv.FormatFloat(math.Round(v*1e6)/1e6, 'f', -1, 64) + name
}

// ThreeDigits writes v with three digits, or with all digits before the point.
func ThreeDigits(v float64) string {
	if v == 0 {
		return "0"
	}
	decimals := min(max(2-int(math.Floor(math.Log10(math.Abs(v)*1.0005))), 0), 6)
	return strconv.FormatFloat(v, 'f', decimals, 64)
}

// Whole writes v without decimals, in groups of three digits.
func Whole(v float64) string {
	digits := strconv.FormatFloat(math.Round(v), 'f', 0, 64)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// Percentage writes a part of 1 in percent.
func Percentage(part float64) string { return Percent.Write(part * 100) }

// Duration writes d with three digits, e.g. 1.23 ms.
func Duration(d time.Duration) string { return Seconds.Write(d.Seconds()) }

// Brief writes d as Go does, without zero minutes and seconds: 1m0s is 1m.
func Brief(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
