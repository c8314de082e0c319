package engines

import (
	"fmt"
	"strings"

	"echod/internal/engine"
	"echod/internal/nearest"
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
	if near, ok := nearest.Word(name, names); ok {
		hint = fmt.Sprintf("did you mean %q? ", near)
	}
	return nil, fmt.Errorf("unknown engine %q: %sthere are %s", name, hint, strings.Join(names, ", "))
}
