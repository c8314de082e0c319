package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"echod/internal/load"
)

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

// valid tells whether r can have been measured, so that nothing that works with
// it must ask again.
func valid(r *load.Result) error {
	switch {
	case r.Latency == nil:
		return errors.New("it has no latency")
	case r.Seconds < 0:
		return fmt.Errorf("seconds is %v; it cannot be negative", r.Seconds)
	case r.Messages < 0 || r.Sent < 0 || r.BytesIn < 0 || r.BytesOut < 0:
		return errors.New("messages, sent, bytes_in and bytes_out cannot be negative")
	}
	end := 0.0
	for i, interval := range r.Intervals {
		switch {
		case interval.Latency == nil:
			return fmt.Errorf("intervals[%d] has no latency", i)
		case interval.At < end || interval.Seconds < 0:
			return fmt.Errorf("intervals[%d] is from %v s for %v s; they must be in order", i, interval.At, interval.Seconds)
		case interval.Messages < 0 || interval.BytesIn < 0 || interval.Errors < 0 || interval.Conns < 0:
			return fmt.Errorf("intervals[%d] counts less than nothing", i)
		}
		end = interval.At
	}
	return nil
}
