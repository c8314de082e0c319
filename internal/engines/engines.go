package engines

import (
	"fmt"
	"strings"

	"echod/internal/engine"
)

// Lookup returns the engine of that name; "auto" is Auto. An unknown name is an
// error that tells the nearest right one and all of them. Whether this system
// has the engine, its Probe tells.
func Lookup(name string) (engine.Engine, error) {
	if name == "auto" {
		return Auto(), nil
	}
	names := []string{"auto"}
	for _, e := range All() {
		if e.Name() == name {
			return e, nil
		}
		names = append(names, e.Name())
	}
	hint := ""
	if near, ok := nearest(name, names); ok {
		hint = fmt.Sprintf("did you mean %q? ", near)
	}
	return nil, fmt.Errorf("unknown engine %q: %sthere are %s", name, hint, strings.Join(names, ", "))
}

// nearest is the name that the fewest edits make of got, if they leave enough
// of it to have been meant.
func nearest(got string, names []string) (name string, ok bool) {
	best := 0
	for _, n := range names {
		if d := edits(strings.ToLower(got), n); name == "" || d < best {
			name, best = n, d
		}
	}
	return name, best <= 2 && best < len(name)
}

// edits is how many letters must be inserted, deleted or replaced to make b of
// a (Levenshtein's distance).
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
