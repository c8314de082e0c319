package cli

import (
	"bufio"
	"echod/internal/usage"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/pflag"
)

// outputFile is a file that comes into being whole or not at all: it is written
// under another name in the same directory and then renamed.
type outputFile struct{ path string }

// newOutputFile is the file of --output.
func newOutputFile(path string) (*outputFile, error) { return newFileOf("--output", path) }

// newFileOf finds out, before there is anything to write, whether path, which
// that flag names, can be written.
func newFileOf(flag, path string) (*outputFile, error) {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return nil, usage.New(flag+": "+path+" is a directory", "give the name of a file")
	case err == nil && !info.Mode().IsRegular():
		return nil, usage.New(flag+": "+path+" is no file", "give the name of a file, or leave "+flag+" out")
	case err == nil:
		// A symbolic link stays one.
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return nil, &exitError{Usage, fmt.Errorf("%s: %w", flag, err)}
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, &exitError{Usage, fmt.Errorf("%s: %w", flag, err)}
	}
	trial, err := (&outputFile{path}).create()
	if err != nil {
		return nil, &exitError{Usage, fmt.Errorf("%s: %w", flag, err)}
	}
	trial.Close()
	return &outputFile{path}, os.Remove(trial.Name())
}

// endings are what the names of files in a format end in.
var endings = map[string]string{".txt": "text", ".json": "json", ".xml": "junit", ".tap": "tap", ".html": "html"}

// formatFor is the format of a report: what was asked for, or else what the name
// of its file ends in, if that is one of formats.
func formatFor(flags *pflag.FlagSet, getenv func(string) string, formats []string) string {
	asked, file := flags.Lookup("format"), flags.Lookup("output").Value.String()
	meant := endings[filepath.Ext(file)]
	if asked.Changed || getenv(variable("format")) != "" || !slices.Contains(formats, meant) {
		return asked.Value.String()
	}
	return meant
}

// create opens the file under its other name.
func (o *outputFile) create() (*os.File, error) { return createBeside(o.path, 0o666) }

// createBeside opens a new file under another name in path's directory, with what
// the umask leaves of mode.
func createBeside(path string, mode fs.FileMode) (*os.File, error) {
	base := filepath.Base(path)
	name := fmt.Sprintf(".%s.%08x.tmp", base[:min(len(base), maxBase)], rand.Uint32())
	file, err := os.OpenFile(filepath.Join(filepath.Dir(path), name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err == nil {
		return file, nil
	}
	err = causeOf(err)
	dir := filepath.Dir(path)
	if _, missing := os.Stat(dir); errors.Is(missing, fs.ErrNotExist) {
		err = fmt.Errorf("no directory %s; make it first", dir)
	}
	return nil, &fs.PathError{Op: "create", Path: path, Err: err}
}

// maxBase is how much of a file's name its other name has, so that the other name
// is never too long where its own is not.
const maxBase = 128

// causeOf is what went wrong with a file, without the names that it had while it
// was being written, which mean nothing to anybody.
func causeOf(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	if link, ok := errors.AsType[*os.LinkError](err); ok {
		return link.Err
	}
	return err
}

// write puts what fill writes under the final name. After an error, what was
// there before is there still.
func (o *outputFile) write(fill func(io.Writer) error) (err error) {
	defer func() {
		if err != nil {
			err = &exitError{Unknown, fmt.Errorf("write %s: %w", o.path, causeOf(err))}
		}
	}()
	file, err := o.create()
	if err != nil {
		return err
	}
	buffer := bufio.NewWriter(file)
	steps := []func() error{
		func() error { return fill(buffer) }, buffer.Flush, file.Sync, file.Close,
		func() error { return os.Rename(file.Name(), o.path) },
	}
	for _, step := range steps {
		if err = step(); err != nil {
			file.Close()
			os.Remove(file.Name())
			return err
		}
	}
	return nil
}
