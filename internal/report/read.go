package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"echod/internal/draw"
	"echod/internal/load"
)

// FileError is returned when a file cannot be read, or is not a result that this version
// can read.
type FileError struct {
	Name string
	Err  error
}

func (e *FileError) Error() string { return e.Name + ": " + e.Err.Error() }
func (e *FileError) Unwrap() error { return e.Err }

// maxFile is the largest file that is read. A result of a day is smaller.
const maxFile = 1 << 30

// Read reads a result file, or the file of a search. One of the two that it returns is nil.
// The error is a *FileError with that name.
func Read(name string, in io.Reader) (*load.Result, *Find, error) {
	text, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	if err != nil {
		return nil, nil, &FileError{name, err}
	}
	r, f, err := parse(bytes.TrimPrefix(text, []byte("\ufeff"))) // the byte order mark of UTF-8
	if err != nil {
		return nil, nil, &FileError{name, err}
	}
	return r, f, nil
}

func parse(text []byte) (*load.Result, *Find, error) {
	if len(text) > maxFile {
		return nil, nil, fmt.Errorf("larger than %s, which no result is", draw.Bytes.Write(maxFile))
	}
	var head struct {
		Format *string `json:"format"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, nil, jsonError(text, err)
	}
	switch {
	case head.Format == nil:
		return nil, nil, errors.New("not a result of echod bench: it has no format")
	case *head.Format == FindFormat:
		f := new(Find)
		if err := json.Unmarshal(text, f); err != nil {
			return nil, nil, jsonError(text, err)
		}
		return nil, f, f.valid()
	case *head.Format != load.Format:
		return nil, nil, fmt.Errorf("format %q is not supported; this echod reads %s and %s", *head.Format, load.Format, FindFormat)
	}
	r := new(load.Result)
	if err := json.Unmarshal(text, r); err != nil {
		return nil, nil, jsonError(text, err)
	}
	return r, nil, valid(r)
}

// jsonError returns an error of encoding/json with its place.
func jsonError(text []byte, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case len(bytes.TrimSpace(text)) == 0:
		return errors.New("empty: want a file of echod bench --format json")
	case errors.As(err, &syntax) && syntax.Offset >= int64(len(text)):
		return errors.New("incomplete: the JSON ends too early")
	case errors.As(err, &syntax):
		return fmt.Errorf("not JSON: line %d: %w", lineAt(text, syntax.Offset), err)
	case errors.As(err, &kind) && kind.Field == "":
		return errors.New("not a result of echod bench: not a JSON object")
	case errors.As(err, &kind):
		return fmt.Errorf("line %d: %s cannot be a %s", lineAt(text, kind.Offset), kind.Field, kind.Value)
	}
	return err
}

func lineAt(text []byte, offset int64) int {
	return 1 + bytes.Count(text[:min(offset, int64(len(text)))], []byte("\n"))
}

// Larger values cannot have been measured. Arithmetic with them would overflow.
const (
	longestRun = 1e9 // thirty years, in seconds
	largest    = 1e15
)

// valid reports whether r can be the result of a measurement. Code that works with a
// result that was read need not check it again.
func valid(r *load.Result) error {
	switch {
	case r.Latency == nil:
		return errors.New("no latency")
	case r.Seconds < 0 || r.Seconds > longestRun:
		return fmt.Errorf("seconds is %v: want 0 to 1e+09", r.Seconds)
	case min(r.Due, r.Sent, r.Answered, r.Lost, r.Duplicated, r.Reordered, r.Late, r.Foreign, r.Connects, r.BytesIn, r.BytesOut, leastOf(r.Failed), leastOf(r.ConnectsFailed), leastOf(r.Disconnects)) < 0:
		return errors.New("a count is negative")
	case !r.Balanced():
		return fmt.Errorf("due is %d: want the sum of answered, failed and lost, %d", r.Due, r.Answered+r.Failed.Total()+r.Lost)
	}
	for i, a := range r.Addresses {
		if a.Latency == nil || min(a.Answered, a.Lost, a.Connects, leastOf(a.Failed), leastOf(a.ConnectsFailed)) < 0 {
			return fmt.Errorf("addresses[%d] has no latency, or a negative count", i)
		}
	}
	for name, v := range map[string]float64{"cpu.client": r.CPU.Client, "cpu.system": r.CPU.System,
		"cpu.server": *cmp.Or(r.CPU.Server, new(float64))} {
		if v < 0 || v > largest {
			return fmt.Errorf("%s is %v: want 0 to %v", name, v, largest)
		}
	}
	return validIntervals(r)
}

// leastOf returns the smallest count, at most 0.
func leastOf(c load.Classes) (least int64) {
	for _, n := range c {
		least = min(least, n)
	}
	return least
}

func validIntervals(r *load.Result) error {
	end := 0.0
	for i, interval := range r.Intervals {
		switch {
		case interval.Latency == nil:
			return fmt.Errorf("intervals[%d] has no latency", i)
		case interval.At < end || interval.Seconds < 0 || interval.At+interval.Seconds > longestRun:
			return fmt.Errorf("intervals[%d] starts at %v s and is %v s long, which is impossible", i, interval.At, interval.Seconds)
		case min(interval.Due, interval.Answered, interval.BytesIn, interval.Failed, interval.Lost, int64(interval.Conns)) < 0:
			return fmt.Errorf("intervals[%d] has negative counts", i)
		}
		end = interval.At
	}
	return nil
}
