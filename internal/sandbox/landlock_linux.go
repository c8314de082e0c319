package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/landlock-lsm/go-landlock/landlock"
	llsys "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// restricted is what Landlock forbids, except for what the rules allow: every access to
// files, to bind and to connect TCP sockets, and abstract unix sockets of others. UDP is not
// among it, because answers go to every port; nor are signals, because the filter allows
// them only to this process. Kernels restrict what they know of it.
var restricted = landlock.Config{
	HandledAccessFS:  landlock.V9.HandledAccessFS,
	HandledAccessNet: llsys.AccessNetBindTCP | llsys.AccessNetConnectTCP,
	Scoped:           llsys.ScopeAbstractUnixSocket,
}

// landlockNewest is the newest ABI in restricted.
const landlockNewest = 9

func landlockSupported() error {
	_, err := landlockVersion()
	return err
}

// landlockVersion returns the newest ABI that both the kernel and restricted know.
func landlockVersion() (int, error) {
	version, err := llsys.LandlockGetABIVersion()
	switch {
	case errors.Is(err, unix.ENOSYS):
		return 0, errors.New("this kernel has no Landlock (Linux 5.13)")
	case errors.Is(err, unix.EOPNOTSUPP):
		return 0, errors.New("this kernel has Landlock switched off (lsm= of its command line)")
	case err != nil:
		return 0, fmt.Errorf("no Landlock: %w", err)
	}
	return min(version, landlockNewest), nil
}

// restrictFiles enforces Landlock. It returns the ABI that is in use, or why none is.
func restrictFiles(needs Needs) (version int, err error) {
	if version, err = landlockVersion(); err != nil {
		return 0, err
	}
	config := restricted
	if strings.HasPrefix(needs.Manager, "@") {
		config.Scoped = 0
	}
	if err := config.BestEffort().Restrict(rules(needs)...); err != nil {
		return 0, fmt.Errorf("no Landlock: %w", err)
	}
	return version, nil
}

// rules returns what Landlock allows.
func rules(needs Needs) []landlock.Rule {
	var all []landlock.Rule
	allow := func(access landlock.AccessFSSet, paths ...string) {
		all = append(all, landlock.PathAccess(access, paths...).IgnoreIfMissing())
	}
	for _, file := range needs.Certificates {
		allow(llsys.AccessFSReadFile, folders(file)...)
	}
	for _, socket := range needs.Sockets {
		// It exists: the socket is in it. Were it ignored, the file could not be removed later.
		all = append(all, landlock.PathAccess(llsys.AccessFSRemoveFile, filepath.Dir(socket)))
	}
	if strings.HasPrefix(needs.Manager, "/") {
		allow(llsys.AccessFSResolveUnix, filepath.Dir(needs.Manager))
	}
	if needs.Metrics {
		// CPU time, memory, descriptors and limits; when the machine was started; and for
		// profiles where the program is in memory.
		pin("/proc/self", "/proc/stat")
		allow(llsys.AccessFSReadFile|llsys.AccessFSReadDir, "/proc/self")
		allow(llsys.AccessFSReadFile, "/proc/stat")
	}
	if needs.VRFs {
		// /sys/class/net has links to the folders of interfaces, which come and go.
		allow(llsys.AccessFSReadDir, "/sys/class/net")
		allow(llsys.AccessFSReadFile, "/sys/devices")
	}
	if folder := coreFolder(); folder != "" {
		allow(llsys.AccessFSMakeReg|llsys.AccessFSWriteFile|llsys.AccessFSTruncate, folder)
	}
	return all
}

// coreFolder returns the folder of a core dump, "" if none is written into a file (core(5)).
// Go ends in a way that dumps core only with GOTRACEBACK=crash. The kernel then writes with
// the rights of the process.
func coreFolder() string {
	var limit unix.Rlimit
	pattern, err := os.ReadFile("/proc/sys/kernel/core_pattern")
	if err != nil || bytes.HasPrefix(pattern, []byte("|")) || os.Getenv("GOTRACEBACK") != "crash" ||
		unix.Getrlimit(unix.RLIMIT_CORE, &limit) != nil || limit.Cur == 0 {
		return ""
	}
	return filepath.Dir(string(pattern))
}

// pin keeps paths in the kernel's memory. A rule is about an inode. Procfs makes another
// inode for a path when the first one was freed because memory was short, and the rule
// would not be about that one. An open descriptor prevents this. It stays open until the
// process ends.
func pin(paths ...string) {
	for _, path := range paths {
		unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0) // on an error there is nothing to pin
	}
}
