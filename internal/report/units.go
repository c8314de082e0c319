package report

import (
	"math"
	"strconv"
	"strings"
)

// scale is a unit, and how many of the base unit it is.
type scale struct {
	name string
	size float64
}

var (
	timeScales = []scale{{"ns", 1e-9}, {"µs", 1e-6}, {"ms", 1e-3}, {"s", 1}}
	byteScales = []scale{{"B", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}}
)

// inScale writes v in the largest unit of which it has at least one, to three
// digits.
func inScale(v float64, scales []scale) string {
	unit := scales[0]
	for _, s := range scales[1:] {
		// What would be rounded up to a thousand of the smaller unit counts too.
		if v >= s.size*0.9995 {
			unit = s
		}
	}
	return threeDigits(v/unit.size) + " " + unit.name
}

// threeDigits writes v with three digits, or with all that are before the point.
func threeDigits(v float64) string {
	if v == 0 {
		return "0"
	}
	decimals := min(max(2-int(math.Floor(math.Log10(math.Abs(v)*1.0005))), 0), 6)
	return strconv.FormatFloat(v, 'f', decimals, 64)
}

// seconds writes a duration.
func seconds(v float64) string { return inScale(v, timeScales) }

// roundSeconds writes a round duration, as axes bear them.
func roundSeconds(v float64) string {
	number, unit, _ := strings.Cut(seconds(v), " ")
	if strings.Contains(number, ".") {
		number = strings.TrimRight(strings.TrimRight(number, "0"), ".")
	}
	return number + " " + unit
}

// size writes a number of bytes.
func size(v float64) string { return inScale(v, byteScales) }

func sizeRate(v float64) string { return size(v) + "/s" }

// whole writes a number in groups of three digits.
func whole(v float64) string {
	digits := strconv.FormatFloat(math.Round(v), 'f', 0, 64)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// rate writes messages a second; below a hundred, where it shows, to three
// digits.
func rate(v float64) string {
	if v < 99.95 {
		return threeDigits(v) + "/s"
	}
	return whole(v) + "/s"
}

// percent writes a part of one.
func percent(v float64) string { return threeDigits(v*100) + " %" }

// ratio writes how many times as much something is.
func ratio(v float64) string {
	if v >= 0.095 && v < 9.995 {
		return "×" + strconv.FormatFloat(v, 'f', 2, 64)
	}
	return "×" + threeDigits(v)
}

// count writes n of something.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return whole(float64(n)) + " " + many
}

// trimmed writes v with that many decimals, but for zeros at their end.
func trimmed(v float64, decimals int) string {
	text := strconv.FormatFloat(v, 'f', decimals, 64)
	if decimals == 0 {
		return text
	}
	return strings.TrimRight(strings.TrimRight(text, "0"), ".")
}
