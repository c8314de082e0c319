package sandbox

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_AARCH64

// refusedHere is empty: see the file for amd64.
var refusedHere []uint32
