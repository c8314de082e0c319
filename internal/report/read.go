package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"reflect"
	"strconv"
	"strings"
	"unicode"

	"echod/check"
	"echod/internal/draw"
	"echod/internal/load"
	"echod/internal/trace"
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

// Document is what a file holds. One of its fields is set.
type Document struct {
	Result *load.Result // of bench
	Find   *Find        // of bench --find
	Trace  *trace.File
	Check  check.Checked // of check; nil if it is another kind
}

// Read reads a file that echod has written. The error is a *FileError with that name.
func Read(name string, in io.Reader) (Document, error) {
	text, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		err = path.Err // FileError has the name
	}
	if err != nil {
		return Document{}, &FileError{name, err}
	}
	d, err := parse(bytes.TrimPrefix(text, []byte("\ufeff"))) // the byte order mark of UTF-8
	if err != nil {
		return Document{}, &FileError{name, err}
	}
	return d, nil
}

func parse(text []byte) (d Document, err error) {
	if len(text) > maxFile {
		return d, fmt.Errorf("larger than %s, which no result is", draw.Bytes.Write(maxFile))
	}
	text = withoutControls(text)
	var head struct {
		Format         *string `json:"format"`
		AnsweredInTime *int64  `json:"answered_in_time"`
		Schema         *int    `json:"schema"` // of check
	}
	first := text
	if line, rest, _ := bytes.Cut(text, []byte("\n")); len(rest) > 0 && json.Valid(line) {
		first = line // the header of a file with an object in each line
	}
	if err := json.Unmarshal(first, &head); err != nil {
		return d, jsonError(first, reflect.TypeOf(head), err)
	}
	switch {
	case head.Schema != nil:
		if d.Check, err = check.Read(text); err != nil {
			return d, jsonError(text, reflect.TypeFor[check.Report](), err)
		}
		return d, nil
	case head.Format == nil:
		return d, errors.New("not a result of echod bench or check, and not a trace: it has no format")
	case *head.Format == trace.Format:
		d.Trace, err = trace.Read(bytes.NewReader(text))
		return d, err
	case *head.Format == FindFormat:
		d.Find = new(Find)
		if err := json.Unmarshal(text, d.Find); err != nil {
			return d, jsonError(text, reflect.TypeFor[Find](), err)
		}
		return d, d.Find.valid()
	case *head.Format != load.Format:
		return d, fmt.Errorf("format %q is not supported; this echod reads %s, %s and %s", *head.Format, load.Format, FindFormat, trace.Format)
	}
	d.Result = new(load.Result)
	if err := json.Unmarshal(text, d.Result); err != nil {
		return d, jsonError(text, reflect.TypeFor[load.Result](), err)
	}
	if head.AnsweredInTime == nil && d.Result.Latency != nil {
		return d, errors.New("no answered_in_time, which is needed for the throughput: an older echod has measured it")
	}
	return d, Valid(d.Result)
}

// withoutControls returns JSON with U+FFFD in place of the characters in its strings that would change
// a terminal or that XML does not allow (XML 1.0, section 2.2): a file may come from anywhere.
func withoutControls(text []byte) []byte {
	const replacement = `\ufffd`
	var clean []byte
	done := 0
	replace := func(at, length int) {
		clean = append(append(clean, text[done:at]...), replacement...)
		done = at + length
	}
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == 0x7f:
			replace(i, 1)
		case text[i] == 0xc2 && i+1 < len(text) && text[i+1] < 0xa0: // U+0080 to U+009F in UTF-8
			replace(i, 2)
			i++
		case bytes.HasPrefix(text[i:], []byte("\xef\xbf\xbe")), bytes.HasPrefix(text[i:], []byte("\xef\xbf\xbf")):
			replace(i, 3)
			i += 2
		case text[i] != '\\' || i+1 == len(text):
		case bytes.IndexByte([]byte("bfr"), text[i+1]) >= 0:
			replace(i, 2)
			i++
		case text[i+1] == 'u' && i+6 <= len(text):
			r, err := strconv.ParseUint(string(text[i+2:i+6]), 16, 16)
			if err == nil && r != '\n' && r != '\t' && (unicode.IsControl(rune(r)) || r >= 0xfffe) {
				replace(i, 6)
			}
			i += 5
		default:
			i++
		}
	}
	if done == 0 {
		return text
	}
	return append(clean, text[done:]...)
}

// jsonError returns an error of encoding/json with its place.
func jsonError(text []byte, of reflect.Type, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case len(bytes.TrimSpace(text)) == 0:
		return errors.New("empty: want a file that echod has written, e.g. with bench --format json")
	case bytes.HasPrefix(bytes.TrimSpace(text), []byte("<")):
		return errors.New("XML: want a JSON file; check writes it with --format json, in place of junit or html")
	case bytes.HasPrefix(text, []byte("TAP version ")):
		return errors.New("TAP: want a JSON file; check writes it with --format json, in place of tap")
	case errors.As(err, &syntax) && syntax.Offset >= int64(len(text)):
		return errors.New("incomplete: the JSON ends too early")
	case errors.As(err, &syntax):
		return fmt.Errorf("not JSON: line %d: %w", lineAt(text, syntax.Offset), err)
	case errors.As(err, &kind) && kind.Field == "":
		return errors.New("not a result of echod bench or check: not a JSON object")
	case errors.As(err, &kind):
		return fmt.Errorf("line %d: %s cannot be a %s", lineAt(text, kind.Offset), kind.Field, kind.Value)
	}
	if field := fieldOf(text, of); field != "" {
		return fmt.Errorf("%s: %w", strings.TrimPrefix(field, "."), err)
	}
	return err
}

// fieldOf returns which field of text, which is of that type, refuses what it reads, e.g.
// .intervals[3].latency; "" if that is text itself. encoding/json does not tell that for a type that
// decodes itself.
func fieldOf(text []byte, of reflect.Type) string {
	refuses := func(raw json.RawMessage, of reflect.Type) bool {
		return raw != nil && json.Unmarshal(raw, reflect.New(of).Interface()) != nil
	}
	switch of.Kind() {
	case reflect.Pointer:
		return fieldOf(text, of.Elem())
	case reflect.Slice:
		var items []json.RawMessage
		json.Unmarshal(text, &items)
		for i, raw := range items {
			if refuses(raw, of.Elem()) {
				return fmt.Sprintf("[%d]%s", i, fieldOf(raw, of.Elem()))
			}
		}
	case reflect.Struct:
		var fields map[string]json.RawMessage
		json.Unmarshal(text, &fields)
		for _, f := range reflect.VisibleFields(of) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if refuses(fields[name], f.Type) {
				return "." + name + fieldOf(fields[name], f.Type)
			}
		}
	}
	return ""
}

func lineAt(text []byte, offset int64) int {
	return 1 + bytes.Count(text[:min(offset, int64(len(text)))], []byte("\n"))
}

// Larger values cannot have been measured. Arithmetic with them would overflow.
const (
	longestRun = 1e9 // thirty years, in seconds
	largest    = 1e15
)

// Valid reports whether r can be the result of a measurement. Code that works with a
// result that was read need not check it again.
func Valid(r *load.Result) error {
	switch {
	case r.Latency == nil:
		return errors.New("no latency")
	case r.Seconds < 0 || r.Seconds > longestRun:
		return fmt.Errorf("seconds is %v: want 0 to 1e+09", r.Seconds)
	case negative(r) != "":
		return fmt.Errorf("%s is negative", negative(r))
	case r.AnsweredInTime > r.Answered:
		return fmt.Errorf("answered_in_time is %d: want at most answered, %d", r.AnsweredInTime, r.Answered)
	case !r.Balanced():
		return fmt.Errorf("due is %d: want the sum of answered, failed and lost, %d", r.Due, r.Answered+r.Failed.Total()+r.Lost)
	}
	for i, a := range r.Addresses {
		if a.Latency == nil || min(a.Answered, a.Lost, a.Connects, leastOf(a.Failed), leastOf(a.ConnectsFailed)) < 0 {
			return fmt.Errorf("addresses[%d] has no latency, or a negative count", i)
		}
	}
	for i, p := range r.Parts {
		if min(p.Answered, p.BytesIn, p.Due, p.Lost, leastOf(p.Failed)) < 0 || p.Seconds < 0 || p.Seconds > longestRun {
			return fmt.Errorf("parts[%d] has a negative number, or is %v s long", i, p.Seconds)
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

// negative returns the name of a count that is negative, "" if there is none.
func negative(r *load.Result) string {
	trains := load.Trains{}
	if r.Trains != nil {
		trains = *r.Trains
	}
	for _, count := range []struct {
		name string
		n    int64
	}{
		{"trains", min(trains.Sent, trains.SentDatagrams, trains.Received, trains.ReceivedDatagrams)},
		{"due", r.Due}, {"sent", r.Sent}, {"answered", r.Answered}, {"lost", r.Lost}, {"duplicated", r.Duplicated},
		{"reordered", r.Reordered}, {"late", r.Late}, {"foreign", r.Foreign}, {"connects", r.Connects},
		{"bytes_in", r.BytesIn}, {"answered_in_time", r.AnsweredInTime}, {"bytes_in_time", r.BytesInTime}, {"bytes_out", r.BytesOut}, {"failed", leastOf(r.Failed)},
		{"connects_failed", leastOf(r.ConnectsFailed)}, {"disconnects", leastOf(r.Disconnects)},
	} {
		if count.n < 0 {
			return count.name
		}
	}
	return ""
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
