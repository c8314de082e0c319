package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// lister compiles the program that lists the modules in a binary, and returns its path. It is
// not run with "go tool": a bill has the checksum of this program, which must not depend on
// paths.
func (r release) lister(stage string) (string, error) {
	path := filepath.Join(stage, "cyclonedx-gomod")
	_, err := output(r.command(host(), "go", "build", "-trimpath", "-buildvcs=false", "-modfile=.ci/tools.mod", "-o", path,
		"github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod"))
	return path, err
}

// materials writes a bill of materials in the format of CycloneDX: the modules in a binary.
// Their licences are what the lister recognized in their files, so they are evidence only;
// the texts themselves are in the file copyright of each package.
func (r release) materials(out, stage string, p platform, lister string) error {
	bill := filepath.Join(out, r.name(p)+".cdx.json")
	cmd := r.command(host(), lister, "bin", "-json", "-std", "-licenses", "-noserial", "-notimestamp",
		"-version", r.version.file, "-output", bill, filepath.Join(stage, p.executable()))
	// It finds the modules with go mod download, outside of this repository and its go.sum, and
	// omits the licences of those that it cannot verify. It compares them with the checksums in
	// the binary, so it need not ask the database for that.
	cmd.Env = append(cmd.Env, "GOSUMDB=off")
	if _, err := output(cmd); err != nil {
		return err
	}
	text, err := os.ReadFile(bill)
	if err != nil {
		return err
	}
	return licensed(text)
}

// licensed checks that a bill has a licence for each module.
func licensed(bill []byte) error {
	var listed struct {
		Components []struct {
			Name     string
			Evidence struct{ Licenses []any }
		}
	}
	if err := json.Unmarshal(bill, &listed); err != nil {
		return err
	}
	for _, c := range listed.Components {
		if len(c.Evidence.Licenses) == 0 && c.Name != "std" { // not a module
			return fmt.Errorf("the bill of materials has no licence for %s", c.Name)
		}
	}
	return nil
}

// name is the name of a file for a platform, without its extension.
func (r release) name(p platform) string { return "echod-" + r.version.file + "-" + p.String() }

const sumsFile = "SHA256SUMS"

// sums writes the file SHA256SUMS, for sha256sum -c.
func sums(out string) error {
	entries, err := os.ReadDir(out) // sorted
	if err != nil {
		return err
	}
	var b bytes.Buffer
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(out, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%x  %s\n", sha256.Sum256(data), e.Name())
	}
	return os.WriteFile(filepath.Join(out, sumsFile), b.Bytes(), 0o644)
}
