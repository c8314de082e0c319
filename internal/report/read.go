package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

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
		return nil, fmt.Errorf("more than %s; no result is that large", size(maxFile))
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
