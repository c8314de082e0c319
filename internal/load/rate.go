package load

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Rate is how many messages per second are due: always the same number, or stages, one after
// the other. The zero Rate is that of a closed loop.
type Rate struct {
	stages []stage // a constant rate has one, without an end
}

// stage is a time in which the rate is constant, or grows or falls evenly.
type stage struct {
	from, to float64       // messages per second, at its beginning and at its end
	length   time.Duration // 0: without an end
}

// MaxRate is the highest rate, in messages per second.
const MaxRate = 1e8

// PerSecond returns a constant rate; 0 is that of a closed loop.
func PerSecond(n float64) Rate {
	if n == 0 {
		return Rate{}
	}
	return Rate{[]stage{{n, n, 0}}}
}

// ParseRate reads a number per second, e.g. 5000 or 5000/s, or stages: 100..5000/30s grows
// from 100 to 5000 per second in 30 seconds, 5000/1m lasts for a minute, and 0/10s is a pause.
func ParseRate(text string) (Rate, error) { return parseRate(text, MaxRate) }

func parseRate(text string, most float64) (Rate, error) {
	if n, err := parsePerSecond(strings.TrimSuffix(text, "/s"), most); err == nil {
		return PerSecond(n), nil
	}
	var r Rate
	for part := range strings.SplitSeq(text, ",") {
		s, err := parseStage(strings.TrimSpace(part), most)
		if err != nil {
			return Rate{}, fmt.Errorf("want a number per second from 0 to %.0f, e.g. 5000 or 5000/s, or stages, e.g. 100..5000/30s,5000/1m,0/10s", most)
		}
		r.stages = append(r.stages, s)
	}
	if !r.valid(most) {
		return Rate{}, fmt.Errorf("want stages that take %s at most together", brief(MaxTime))
	}
	if r.peak() == 0 {
		return Rate{}, errors.New("nothing is due in these stages: want a rate above 0 in one of them")
	}
	return r, nil
}

func parsePerSecond(text string, most float64) (float64, error) {
	n, err := strconv.ParseFloat(text, 64)
	if err == nil && !(n >= 0 && n <= most) {
		err = errors.New("out of range")
	}
	return n, err
}

func parseStage(text string, most float64) (stage, error) {
	rates, length, _ := strings.Cut(text, "/")
	from, to, ramp := strings.Cut(rates, "..")
	if !ramp {
		to = from
	}
	var s stage
	var errs [3]error
	s.from, errs[0] = parsePerSecond(from, most)
	s.to, errs[1] = parsePerSecond(to, most)
	s.length, errs[2] = time.ParseDuration(length)
	if s.length < time.Millisecond && errs[2] == nil {
		errs[2] = errors.New("too short")
	}
	return s, errors.Join(errs[:]...)
}

// String returns r in the form that ParseRate reads.
func (r Rate) String() string {
	var parts []string
	for _, s := range r.stages {
		text := strconv.FormatFloat(s.from, 'f', -1, 64)
		if s.to != s.from {
			text += ".." + strconv.FormatFloat(s.to, 'f', -1, 64)
		}
		if s.length > 0 {
			text += "/" + brief(s.length)
		}
		parts = append(parts, text)
	}
	if parts == nil {
		return "0"
	}
	return strings.Join(parts, ",")
}

// brief writes d without parts that are 0: 1m, and not 1m0s.
func brief(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	return strings.TrimSuffix(strings.Replace(text, "h0m", "h", 1), "h0s")
}

// IsZero reports whether r is the rate of a closed loop.
func (r Rate) IsZero() bool { return len(r.stages) == 0 }

// Constant returns the rate if it is always the same; false if it has stages.
func (r Rate) Constant() (perSecond float64, ok bool) {
	if len(r.stages) == 1 && r.stages[0].length == 0 {
		return r.stages[0].from, true
	}
	return 0, len(r.stages) == 0
}

// Duration returns how long all stages take; 0 for a constant rate.
func (r Rate) Duration() (sum time.Duration) {
	for _, s := range r.stages {
		sum += s.length
	}
	return sum
}

// valid reports whether all rates are from 0 to most, and take MaxTime at most.
func (r Rate) valid(most float64) bool {
	left := MaxTime
	for _, s := range r.stages {
		if !(s.from >= 0 && s.to >= 0 && s.from <= most && s.to <= most) || s.length < 0 || s.length > left {
			return false
		}
		left -= s.length
	}
	return true
}

// peak returns the highest rate.
func (r Rate) peak() (peak float64) {
	for _, s := range r.stages {
		peak = max(peak, s.from, s.to)
	}
	return peak
}

// SameTimes reports whether r and other have stages of the same lengths, so that Plus can add
// them.
func (r Rate) SameTimes(other Rate) bool {
	if len(r.stages) != len(other.stages) {
		return false
	}
	for i, s := range r.stages {
		if s.length != other.stages[i].length {
			return false
		}
	}
	return true
}

// Plus returns the rate of two generators together, whose stages have the same lengths.
func (r Rate) Plus(other Rate) Rate {
	sum := Rate{make([]stage, len(r.stages))}
	for i, s := range r.stages {
		o := other.stages[i]
		sum.stages[i] = stage{s.from + o.from, s.to + o.to, s.length}
	}
	return sum
}

// Map returns the rate whose number of messages per second is f of that of r at the beginning and at
// the end of each stage.
func (r Rate) Map(f func(perSecond float64) float64) Rate {
	mapped := Rate{slices.Clone(r.stages)}
	for i, s := range mapped.stages {
		mapped.stages[i].from, mapped.stages[i].to = f(s.from), f(s.to)
	}
	return mapped
}

// Equal reports whether both are the same.
func (r Rate) Equal(other Rate) bool { return slices.Equal(r.stages, other.stages) }

// MarshalText writes r as String does.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// maxMergedRate is more than all generators together can have, in messages per second.
const maxMergedRate = 1e15

// UnmarshalText reads what ParseRate reads, and higher rates: a merged result has the sum of
// several.
func (r *Rate) UnmarshalText(text []byte) (err error) {
	*r, err = parseRate(string(text), maxMergedRate)
	return err
}

// messages returns how many messages are due in the first t seconds of s.
func (s stage) messages(t float64) float64 { return s.from*t + s.slope()*t*t/2 }

// slope is how much the rate grows in a second.
func (s stage) slope() float64 {
	if s.length == 0 {
		return 0
	}
	return (s.to - s.from) / s.length.Seconds()
}

// total returns how many messages are due in s.
func (s stage) total() float64 {
	if s.length == 0 {
		return math.Inf(1)
	}
	return s.messages(s.length.Seconds())
}

// after returns the seconds after which n messages have been due. It is the positive root of
// messages(t) = n, in a form that is exact if the slope is small.
func (s stage) after(n float64) float64 {
	if n == 0 {
		return 0
	}
	return 2 * n / (s.from + math.Sqrt(max(0, s.from*s.from+2*s.slope()*n)))
}
