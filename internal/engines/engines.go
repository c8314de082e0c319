// Package engines lists all engines, and chooses the one that "auto" means.
package engines

import (
	"fmt"
	"strings"

	"echod/internal/engine"
	"echod/internal/nearest"
)

// Lookup returns the engine with this name. "auto" is Auto. The error for an unknown name
// suggests the nearest name and lists all. Lookup does not check whether the engine works
// on this system; its Probe does.
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
	last := len(names) - 1
	want := strings.Join(names[:last], ", ") + " or " + names[last]
	if near, ok := nearest.Word(name, names); ok {
		want += " (did you mean " + near + "?)"
	}
	return nil, fmt.Errorf("unknown engine %q: want %s", name, want)
}
