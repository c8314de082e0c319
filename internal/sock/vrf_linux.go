package sock

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"
)

// vrfs knows which interfaces belong to a VRF, as the files of sysfs and procfs
// tell it. It may be used from any goroutine.
type vrfs struct {
	sys     string // /sys/class/net
	accept  string // the file of udp_l3mdev_accept
	enabled atomic.Bool
	known   atomic.Pointer[vrfTable]
}

// vrfTable is what was found at one moment.
type vrfTable struct {
	read time.Time
	of   map[uint32]uint32 // from an interface's number to its VRF's
}

var systemVRFs = vrfs{sys: "/sys/class/net", accept: "/proc/sys/net/ipv4/udp_l3mdev_accept"}

// vrfTableAge is how long a table is believed: interfaces rarely move from one VRF
// to another.
const vrfTableAge = 10 * time.Second

// watch looks whether sockets that no device is bound to receive datagrams from
// VRFs. As long as they do not, of costs nothing.
func (v *vrfs) watch() {
	text, err := os.ReadFile(v.accept)
	v.enabled.Store(err == nil && string(bytes.TrimSpace(text)) == "1")
}

// of is the number of the VRF that interface index belongs to, or is; 0 if none.
func (v *vrfs) of(index uint32) uint32 {
	if !v.enabled.Load() {
		return 0
	}
	table := v.known.Load()
	if now := time.Now(); table == nil || now.Sub(table.read) > vrfTableAge {
		table = &vrfTable{now, v.scan()}
		v.known.Store(table)
	}
	return table.of[index]
}

// scan reads the table. What cannot be read belongs to no VRF.
func (v *vrfs) scan() map[uint32]uint32 {
	found := make(map[uint32]uint32)
	links, _ := os.ReadDir(v.sys)
	for _, link := range links {
		dir := filepath.Join(v.sys, link.Name())
		for _, vrf := range []string{dir, filepath.Join(dir, "master")} {
			if isVRF(vrf) {
				found[numberOf(dir)] = numberOf(vrf)
			}
		}
	}
	delete(found, 0)
	return found
}

// isVRF reports whether the interface with that directory is a VRF.
func isVRF(dir string) bool {
	text, err := os.ReadFile(filepath.Join(dir, "uevent"))
	return err == nil && bytes.Contains(text, []byte("DEVTYPE=vrf\n"))
}

// numberOf is the number of the interface with that directory, 0 if unknown.
func numberOf(dir string) uint32 {
	text, _ := os.ReadFile(filepath.Join(dir, "ifindex"))
	n, _ := strconv.ParseUint(string(bytes.TrimSpace(text)), 10, 32)
	return uint32(n)
}
