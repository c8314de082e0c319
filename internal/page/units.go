package page

import (
	"math"
	"strconv"
)

// unit is what numbers are of. The page's script writes them by the same rules.
type unit string

const (
	things        unit = ""
	thingsASecond unit = "/s"
	bytes         unit = "B"
	bytesASecond  unit = "B/s"
	seconds       unit = "s"
	percent       unit = "%"
)

// notKnown stands where there is no number.
const notKnown = "–"

// scale is a larger or smaller unit, and how many of the base unit it is.
type scale struct {
	name string
	size float64
}

var scales = map[unit][]scale{
	bytes:        {{"B", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}},
	bytesASecond: {{"B/s", 1}, {"KiB/s", 1 << 10}, {"MiB/s", 1 << 20}, {"GiB/s", 1 << 30}, {"TiB/s", 1 << 40}},
	seconds:      {{"ns", 1e-9}, {"µs", 1e-6}, {"ms", 1e-3}, {"s", 1}},
	percent:      {{"%", 1}},
}

// write writes v, which is not negative, with its unit and to three digits. Of
// things and of single bytes there are whole ones only.
func (u unit) write(v float64) string {
	switch s := u.scaleFor(v); {
	case math.IsNaN(v):
		return notKnown
	case u == thingsASecond && v < 99.95:
		return threeDigits(v) + "/s"
	case u == things || u == thingsASecond:
		return whole(v) + string(u)
	case s.name == string(u) && (u == bytes || u == bytesASecond):
		return whole(v) + " " + s.name
	default:
		return threeDigits(v/s.size) + " " + s.name
	}
}

// scaleFor is the largest scale of which v has at least one, when rounded.
func (u unit) scaleFor(v float64) scale {
	all := scales[u]
	if len(all) == 0 {
		return scale{string(u), 1}
	}
	best := all[0]
	for _, s := range all[1:] {
		if v >= s.size*0.9995 {
			best = s
		}
	}
	return best
}

// threeDigits writes v with three digits, or with all that are before the point.
func threeDigits(v float64) string {
	if v == 0 {
		return "0"
	}
	decimals := min(max(2-int(math.Floor(math.Log10(v*1.0005))), 0), 6)
	return strconv.FormatFloat(v, 'f', decimals, 64)
}

// whole writes a number in groups of three digits.
func whole(v float64) string {
	digits := strconv.FormatFloat(math.Round(v), 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
