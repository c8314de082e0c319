package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"echod/internal/usage"
)

// outputFlags are --format, and --output where a verb has it.
type outputFlags struct {
	formats []string // of which the first is the default
	format  string
	path    string
}

func newOutputFlags(formats ...string) outputFlags {
	return outputFlags{formats: formats, format: formats[0]}
}

func (f *outputFlags) register(cmd *cobra.Command) {
	cmd.Flags().Var(choice(&f.format, f.formats), "format", "how to write the report: "+orList(f.formats))
	cmd.Flags().StringVarP(&f.path, "output", "o", "", "write the report to this file")
}

// extension is the end of a file name, and the format that it stands for.
type extension struct{ name, format string }

var extensions = []extension{
	{".txt", "text"}, {".json", "json"}, {".xml", "junit"}, {".tap", "tap"}, {".html", "html"}, {".htm", "html"},
	{".csv", "csv"}, {".hgrm", "hgrm"}, {".hlog", "hlog"}, {".svg", "svg"}, {".md", "markdown"}, {".pdf", "pdf"}, {".yaml", "yaml"}, {".yml", "yaml"},
}

// open returns the file of --output, nil if there is none. Unless --format was given,
// the extension of the file decides on the format.
func (f *outputFlags) open(flags *pflag.FlagSet) (*outputFile, error) {
	if f.path == "" {
		return nil, nil
	}
	ext := strings.ToLower(filepath.Ext(f.path))
	i := slices.IndexFunc(extensions, func(e extension) bool { return e.name == ext })
	if i >= 0 && !flags.Changed("format") {
		if !slices.Contains(f.formats, extensions[i].format) {
			return nil, usage.New("--output: cannot write "+ext, "want a name that ends in "+orList(f.extensions())+", or add --format")
		}
		f.format = extensions[i].format
	}
	return newOutputFile("--output", f.path)
}

// extensions returns those of the formats that can be written.
func (f *outputFlags) extensions() []string {
	var names []string
	for _, e := range extensions {
		if slices.Contains(f.formats, e.format) {
			names = append(names, e.name)
		}
	}
	return names
}

// writeReport writes to file or, if that is nil, to standard output.
func (p *Process) writeReport(file *outputFile, write func(w io.Writer, color bool) error) error {
	if file != nil {
		return file.write(func(w io.Writer) error { return write(w, false) })
	}
	if err := write(p.Stdout, colorful(p)); err != nil {
		return &exitError{Unknown, fmt.Errorf("write the report: %w", err)}
	}
	return nil
}

// outputFile is a file that is written completely or not at all: it is written under a
// temporary name in the same directory and then renamed.
type outputFile struct{ path string }

// newOutputFile reports an error at once, before there is anything to write, if path
// cannot be written. flag is the flag that names it.
func newOutputFile(flag, path string) (*outputFile, error) {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return nil, usage.New(flag+": "+path+" is a directory", "want the name of a file")
	case err == nil && !info.Mode().IsRegular():
		return nil, usage.New(flag+": "+path+" is not a regular file", "want the name of a file, or omit "+flag)
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

// create opens the file under its temporary name.
func (o *outputFile) create() (*os.File, error) { return createTemp(o.path, 0o666) }

// createTemp opens a new file under a temporary name in path's directory. The umask
// applies to mode.
func createTemp(path string, mode fs.FileMode) (*os.File, error) {
	base := filepath.Base(path)
	name := fmt.Sprintf(".%s.%08x.tmp", base[:min(len(base), maxBase)], rand.Uint32())
	file, err := os.OpenFile(filepath.Join(filepath.Dir(path), name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err == nil {
		return file, nil
	}
	err = causeOf(err)
	dir := filepath.Dir(path)
	if _, missing := os.Stat(dir); errors.Is(missing, fs.ErrNotExist) {
		err = fmt.Errorf("no directory %s: create it first", dir)
	}
	return nil, &fs.PathError{Op: "create", Path: path, Err: err}
}

// maxBase is how many bytes of its name a file keeps in its temporary name, which must
// not be too long where the name itself is not.
const maxBase = 128

// causeOf returns the cause of an error without the temporary name of the file.
func causeOf(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	if link, ok := errors.AsType[*os.LinkError](err); ok {
		return link.Err
	}
	return err
}

// write replaces the file by what fill writes. After an error, the old file is still
// there.
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
