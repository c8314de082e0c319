package trace

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"syscall"
)

// textOutput writes lines for people.
type textOutput struct{ w *bufio.Writer }

func newTextOutput(w io.Writer) *textOutput { return &textOutput{bufio.NewWriter(w)} }

func (o *textOutput) write(q *queued) {
	line := Line(&q.Record, "", 0)
	if l := q.life; l != nil {
		line = Line(&q.Record, l.peer, q.Time+q.Took-l.began)
	}
	o.w.WriteString(line + "\n")
}

// flush has no error if standard output has lost its reader: nobody misses the lines.
func (o *textOutput) flush() error {
	err := o.w.Flush()
	if errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return err
}

// fileOutput writes a header and then steps, as JSON, a line each.
type fileOutput struct {
	w     *bufio.Writer
	limit int64 // bytes
	left  int64 // bytes; negative when the file is full
}

// fullLine is more than the longest line of a Full record.
const fullLine = 128

func newFileOutput(w io.Writer, h Header, limit int64) *fileOutput {
	o := &fileOutput{bufio.NewWriter(w), limit, limit - fullLine}
	o.writeLine(h)
	return o
}

func (o *fileOutput) write(q *queued) {
	if o.left < 0 {
		return
	}
	if !o.writeLine(q.Record) {
		o.left = fullLine
		o.writeLine(Record{Time: q.Time, Op: Full})
		o.left = -1
	}
}

// writeLine writes v, unless it is longer than what is left.
func (o *fileOutput) writeLine(v any) (ok bool) {
	line, err := json.Marshal(v)
	if err != nil {
		panic(err) // every field can be written
	}
	if o.left < int64(len(line))+1 {
		return false
	}
	o.left -= int64(len(line)) + 1
	o.w.Write(append(line, '\n'))
	return true
}

func (o *fileOutput) flush() error {
	err := o.w.Flush()
	if err == nil && o.left < 0 {
		return fmt.Errorf("the file has reached its limit of %d bytes", o.limit)
	}
	return err
}

// File is a trace that was read.
type File struct {
	Header  Header
	Records []Record
	Cut     bool // the last line has no end: what was after it is missing
}

// maxLine is the longest line that Read accepts, in bytes.
const maxLine = 1 << 20

// Read reads a trace. A last line without its end, e.g. of a program that was killed or had no room on
// the disk, is omitted, and Cut says so. The error names the line.
func Read(r io.Reader) (*File, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	var f File
	if !lines.Scan() {
		return nil, errors.Join(errors.New("the trace is empty"), lines.Err())
	}
	if err := json.Unmarshal(lines.Bytes(), &f.Header); err != nil || f.Header.Format != Format {
		return nil, fmt.Errorf("line 1: want the header of a trace in format %s", Format)
	}
	var unfinished error // of the line before
	for n := 2; lines.Scan(); n++ {
		if unfinished != nil {
			return nil, unfinished
		}
		var rec Record
		if err := json.Unmarshal(lines.Bytes(), &rec); err != nil {
			unfinished = fmt.Errorf("line %d: %w", n, err)
			if _, cut := errors.AsType[*json.SyntaxError](err); cut {
				continue
			}
			return nil, unfinished
		}
		if rec.Op == "" {
			return nil, fmt.Errorf("line %d: want a step, which has an op: a trace has one header", n)
		}
		f.Records = append(f.Records, rec)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the trace: %w", err)
	}
	f.Cut = unfinished != nil
	return &f, nil
}
