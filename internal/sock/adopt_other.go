//go:build !linux

package sock

import (
	"fmt"
	"os"
)

// SpecOf knows inherited sockets on Linux only, where systemd passes them.
func SpecOf(file *os.File) (Spec, error) {
	return Spec{}, fmt.Errorf("inherit %s: inherited sockets are served on linux only", file.Name())
}
