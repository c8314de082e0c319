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

// FileError says that a file cannot be read, is no result, or not one that this
// version reads.
type FileError struct {
	Name string
	Err  error
}

func (e *FileError) Error() string { return e.Name + ": " + e.Err.Error() }
func (e *FileError) Unwrap() error { return e.Err }

// maxFile is more than a result of a day takes. What is larger is none.
const maxFile = 1 << 30

// Read reads a result file. Its errors are FileErrors, which call it by name.
func Read(name string, in io.Reader) (*load.Result, error) {
	text, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	if err != nil {
		return nil, &FileError{name, err}
	}
	r, err := parse(text)
	if err != nil {
		return nil, &FileError{name, err}
	}
	return r, nil
}

func parse(text []byte) (*load.Result, error) {
	if len(text) > maxFile {
		return nil, fmt.Errorf("more than %s; no result is that large", draw.Bytes.Write(maxFile))
	}
	var says struct {
		Format *string `json:"format"`
	}
	if err := json.Unmarshal(text, &says); err != nil {
		return nil, noJSON(text, err)
	}
	switch {
	case says.Format == nil:
		return nil, errors.New("no result of echod bench: it has no format")
	case *says.Format != load.Format:
		return nil, fmt.Errorf("format %q is not supported; this echod reads %s", *says.Format, load.Format)
	}
	r := new(load.Result)
	if err := json.Unmarshal(text, r); err != nil {
		return nil, noJSON(text, err)
	}
	return r, valid(r)
}

// noJSON says what encoding/json found, and where.
func noJSON(text []byte, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case len(bytes.TrimSpace(text)) == 0:
		return errors.New("empty; a result file is JSON, as echod bench --format json writes it")
	case errors.As(err, &syntax) && syntax.Offset >= int64(len(text)):
		return errors.New("cut off: the JSON ends too early")
	case errors.As(err, &syntax):
		return fmt.Errorf("no JSON: line %d: %w", lineAt(text, syntax.Offset), err)
	case errors.As(err, &kind) && kind.Field == "":
		return errors.New("no result of echod bench: it is no object")
	case errors.As(err, &kind):
		return fmt.Errorf("line %d: %s cannot be a %s", lineAt(text, kind.Offset), kind.Field, kind.Value)
	}
	return err
}

func lineAt(text []byte, offset int64) int {
	return 1 + bytes.Count(text[:min(offset, int64(len(text)))], []byte("\n"))
}

// Nothing is larger. Arithmetic on what is ends at infinity.
const (
	longestRun = 1e9 // thirty years, in seconds
	most       = 1e15
)

// valid reports whether r can have been measured, so that nothing that works with
// it must ask again.
func valid(r *load.Result) error {
	switch {
	case r.Latency == nil:
		return errors.New("it has no latency")
	case r.Seconds < 0 || r.Seconds > longestRun:
		return fmt.Errorf("seconds is %v; no run is that long", r.Seconds)
	case r.Messages < 0 || r.Sent < 0 || r.BytesIn < 0 || r.BytesOut < 0:
		return errors.New("messages, sent, bytes_in and bytes_out cannot be negative")
	}
	for name, v := range map[string]float64{"cpu.client": r.CPU.Client, "cpu.system": r.CPU.System,
		"cpu.server": *cmp.Or(r.CPU.Server, new(float64)), "plan.rate": r.Plan.Rate} {
		if v < 0 || v > most {
			return fmt.Errorf("%s is %v; it must be from 0 to %v", name, v, most)
		}
	}
	return validIntervals(r)
}

func validIntervals(r *load.Result) error {
	end := 0.0
	for i, interval := range r.Intervals {
		switch {
		case interval.Latency == nil:
			return fmt.Errorf("intervals[%d] has no latency", i)
		case interval.At < end || interval.Seconds < 0 || interval.At+interval.Seconds > longestRun:
			return fmt.Errorf("intervals[%d] is from %v s for %v s; that cannot be", i, interval.At, interval.Seconds)
		case interval.Messages < 0 || interval.BytesIn < 0 || interval.Errors < 0 || interval.Conns < 0:
			return fmt.Errorf("intervals[%d] counts less than nothing", i)
		}
		end = interval.At
	}
	return nil
}
