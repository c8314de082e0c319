package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// common is what is made once for all platforms.
type common struct {
	documents []file
	lister    string // the path of the program that lists modules
}

// download fetches the modules that are needed, so that a machine without a network says so at
// once.
func (r release) download() error {
	for _, args := range [][]string{{"mod", "download"}, {"list", "-deps", "-modfile=.ci/tools.mod", "github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod"}} {
		if said, err := r.command(host(), "go", args...).CombinedOutput(); err != nil {
			lines := strings.Split(strings.TrimSpace(string(said)), "\n")
			return fmt.Errorf("the modules of echod cannot be downloaded: go %s: %s", args[0], lines[len(lines)-1])
		}
	}
	return nil
}

// common makes it, in a folder for temporary files.
func (r release) common(stage string) (common, error) {
	lister, err := r.lister(stage)
	if err != nil {
		return common{}, err
	}
	documents, err := r.documents(stage)
	return common{documents, lister}, err
}

// documents returns what accompanies the binary, by path: man pages, completions, the changes
// and the licences. They are the same on all platforms. A binary for this machine prints them.
func (r release) documents(stage string) ([]file, error) {
	if _, err := r.build(host(), stage); err != nil {
		return nil, err
	}
	copyright, err := r.copyright()
	if err != nil {
		return nil, err
	}
	files := []file{{copyrightFile, 0o644, copyright}}
	page := func(path string, args ...string) error {
		out, err := output(exec.Command(filepath.Join(stage, host().executable()), args...))
		files = append(files, file{path, 0o644, out})
		return err
	}
	for shell, path := range map[string]string{"bash": "echod.bash", "zsh": "_echod", "fish": "echod.fish", "powershell": "echod.ps1"} {
		if err := page("completions/"+path, "completion", shell); err != nil {
			return nil, err
		}
	}
	if err := page("man/echod.1", "man"); err != nil {
		return nil, err
	}
	_, seeAlso, _ := strings.Cut(string(files[len(files)-1].data), ".SH SEE ALSO\n")
	for name := range strings.SplitSeq(strings.TrimSpace(seeAlso), ", ") {
		verb := strings.TrimSuffix(strings.ReplaceAll(strings.TrimPrefix(name, `echod\-`), `\-`, "-"), "(1)")
		if err := page("man/echod-"+verb+".1", "man", verb); err != nil {
			return nil, err
		}
	}
	for _, name := range []string{"README.md", "CHANGELOG.md"} {
		f, err := r.source(name, name)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return byPath(files), nil
}

const copyrightFile = "copyright"

// copyright returns the licence of echod and those of the modules in its binaries.
func (r release) copyright() ([]byte, error) {
	own, err := r.ownLicence()
	if err != nil {
		return nil, err
	}
	b := bytes.NewBuffer(own)
	b.WriteString("\nThe binary contains the Go standard library and these modules:\n")
	list, err := r.modules()
	if err != nil {
		return nil, err
	}
	for _, m := range list {
		texts, err := filepath.Glob(filepath.Join(m.Dir, "[Ll][Ii][Cc][Ee][Nn][CcSs][Ee]*"))
		if err != nil || len(texts) == 0 {
			return nil, fmt.Errorf("module %s has no file LICENSE", m.Path)
		}
		notices, _ := filepath.Glob(filepath.Join(m.Dir, "NOTICE*"))
		fmt.Fprintf(b, "\n%s\n%s %s\n\n", strings.Repeat("-", 72), m.Path, m.Version)
		for _, path := range append(texts, notices...) {
			text, err := os.ReadFile(path)
			if err != nil {
				return nil, err
			}
			b.Write(text)
		}
	}
	return b.Bytes(), nil
}

// ownLicence returns the licence of echod, or that there is none.
func (r release) ownLicence() ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(r.root, "LICENSE"))
	if errors.Is(err, fs.ErrNotExist) {
		return []byte("echod: no licence granted. Its authors have not chosen a licence, so the law of your\ncountry decides what you may do with it.\n"), nil
	}
	return append([]byte("echod\n\n"), text...), err
}

// debianCopyright replaces the texts that every Debian has by their place, as section 12.5 of
// its policy demands.
func debianCopyright(copyright []byte) []byte {
	for name, text := range commonLicences {
		copyright = text.ReplaceAll(copyright, []byte(name+": on Debian, see /usr/share/common-licenses/"+name+"."))
	}
	return copyright
}

// commonLicences are the texts that Debian has and that modules of echod have.
var commonLicences = map[string]*regexp.Regexp{
	"Apache-2.0": regexp.MustCompile(`(?s) *Apache License\s+Version 2\.0, January 2004\s.*?any\s+such\s+warranty\s+or\s+additional\s+liability\.(\s*END OF TERMS AND CONDITIONS)?`),
	"GPL-2":      regexp.MustCompile(`(?s) *GNU GENERAL PUBLIC LICENSE\s+Version 2, June 1991\s.*?\sLesser\s+General\s+Public\s+License\s+instead\s+of\s+this\s+License\.`),
}

// module is a module whose code is in a binary, or the Go standard library.
type module struct{ Path, Version, Dir string }

// modules lists the modules in the binaries of all platforms, by their path.
func (r release) modules() ([]module, error) {
	all := map[string]module{}
	for _, p := range platforms {
		out, err := output(r.command(p, "go", "list", "-deps", "-json=Module,Standard", "./cmd/echod"))
		if err != nil {
			return nil, err
		}
		for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
			var found struct {
				Module *struct {
					module
					Main bool
				}
			}
			if err := d.Decode(&found); err != nil {
				return nil, err
			}
			if m := found.Module; m != nil && !m.Main {
				all[m.Path] = m.module
			}
		}
	}
	root, err := output(r.command(host(), "go", "env", "GOROOT", "GOVERSION"))
	if err != nil {
		return nil, err
	}
	dir, version, _ := strings.Cut(strings.TrimSpace(string(root)), "\n")
	all["Go"] = module{"Go", version, dir}
	return slices.SortedFunc(maps.Values(all), func(a, b module) int { return strings.Compare(a.Path, b.Path) }), nil
}
