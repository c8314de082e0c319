package sock

import "echod/internal/sys"

// Calls makes the system calls on sockets of package net for which that package has no
// method. The zero value makes them on the real kernel.
type Calls struct {
	Kernel sys.Kernel // nil means the real one
}

func (c Calls) kernel() sys.Kernel {
	if c.Kernel == nil {
		return (*sys.Linux)(nil) // it has no state
	}
	return c.Kernel
}
