package echod

import (
	"compress/gzip"
	"encoding/binary"
	"go/ast"
	"go/types"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const profile = "cmd/echod/default.pgo"

// TestProfileIsOfThisSource reads the calls that the compiler takes from the profile: the calling and
// the called function, the line, the weight. One of 20 samples may be of functions that do not exist any more.
func TestProfileIsOfThisSource(t *testing.T) {
	declared := map[string]bool{}
	for _, s := range sources(t) {
		for _, decl := range s.file.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok {
				declared["echod/"+s.dir()+"."+linkerName(fn)] = true
			}
		}
	}
	calls, err := exec.Command("go", "tool", "preprofile", "-i", profile).Output()
	if err != nil {
		t.Fatal(err)
	}
	var all, stale int
	missing := map[string]bool{}
	lines := strings.Split(strings.TrimSpace(string(calls)), "\n")
	for call := range slices.Chunk(lines[1:], 3) { // below a header
		_, count, _ := strings.Cut(call[len(call)-1], " ")
		weight, err := strconv.Atoi(count)
		if err != nil || len(call) != 3 {
			t.Fatalf("go tool preprofile prints %q: did the format change?", call)
		}
		for _, name := range call[:2] {
			if !strings.HasPrefix(name, "echod/") {
				continue
			}
			all += weight
			if !exists(declared, name) {
				stale += weight
				missing[name] = true
			}
		}
	}
	if all < 500 || stale*20 > all {
		t.Errorf("%s does not fit the source: run make profile; %d of %d samples are of functions that do not exist: %v",
			profile, stale, all, missing)
	}
}

// linkerName returns the name of a function as it is in profiles, without its package.
func linkerName(fn *ast.FuncDecl) string {
	if fn.Recv == nil {
		return fn.Name.Name
	}
	receiver := types.ExprString(fn.Recv.List[0].Type)
	if strings.HasPrefix(receiver, "*") {
		receiver = "(" + receiver + ")"
	}
	return receiver + "." + fn.Name.Name
}

// exists reports whether a function is declared, or is a closure (f.func1) in one that is.
func exists(declared map[string]bool, name string) bool {
	for strings.LastIndexByte(name, '.') > strings.LastIndexByte(name, '/') {
		if declared[name] {
			return true
		}
		name = name[:strings.LastIndexByte(name, '.')]
	}
	return false
}

// TestProfileNamesNoMachine: a profile has the paths of the programs and of their source files.
func TestProfileNamesNoMachine(t *testing.T) {
	file, err := os.Open(profile)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	message, err := io.ReadAll(unzipped)
	if err != nil {
		t.Fatal(err)
	}
	const text, table = 2, 6 // profile.proto of github.com/google/pprof: Profile.string_table
	found := 0
	for len(message) > 0 {
		key, n := binary.Uvarint(message)
		value, m := binary.Uvarint(message[n:]) // a number, or the length of what follows
		message = message[n+m:]
		if key&7 != text {
			continue
		}
		if s := string(message[:value]); key>>3 == table {
			found++
			if strings.HasPrefix(s, "/") {
				t.Errorf("%s has a path of the machine that made it: %s", profile, s)
			}
		}
		message = message[value:]
	}
	if found < 100 {
		t.Errorf("%s has %d strings: did the format change?", profile, found)
	}
}
