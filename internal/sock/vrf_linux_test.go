package sock

import (
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// fakeVRFs is a system with these interfaces: eth0 by itself, red a VRF with eth1
// in it, br0 a bridge with eth2 in it.
func fakeVRFs(t *testing.T) *vrfs {
	t.Helper()
	v := &vrfs{sys: t.TempDir(), accept: filepath.Join(t.TempDir(), "udp_l3mdev_accept")}
	for _, link := range []struct {
		name, kind, master string
		number             int
	}{{"eth0", "", "", 2}, {"eth1", "", "red", 3}, {"eth2", "", "br0", 4}, {"red", "vrf", "", 5}, {"br0", "bridge", "", 6}, {"broken", "vrf", "", 0}} {
		dir := filepath.Join(v.sys, link.name)
		os.Mkdir(dir, 0o700)
		os.WriteFile(filepath.Join(dir, "ifindex"), []byte(strconv.Itoa(link.number)+"\n"), 0o600)
		os.WriteFile(filepath.Join(dir, "uevent"), []byte("DEVTYPE="+link.kind+"\nINTERFACE="+link.name+"\n"), 0o600)
		if link.master != "" {
			os.Symlink("../"+link.master, filepath.Join(dir, "master"))
		}
	}
	return v
}

func (v *vrfs) set(text string) {
	os.WriteFile(v.accept, []byte(text), 0o600)
	v.watch()
}

func TestVRFOfAnInterface(t *testing.T) {
	v := fakeVRFs(t)
	v.set("1\n")
	for index, want := range map[uint32]uint32{0: 0, 2: 0, 3: 5, 4: 0, 5: 5, 6: 0, 9: 0} {
		if got := v.of(index); got != want {
			t.Errorf("interface %d: got VRF %d, want %d", index, got, want)
		}
	}
	if len(v.scan()) != 2 {
		t.Errorf("got %v, want two entries", v.scan())
	}
}

func TestVRFsMatterOnlyIfSocketsReceiveFromThem(t *testing.T) {
	v := fakeVRFs(t)
	for text, want := range map[string]uint32{"0\n": 0, "1\n": 5, "": 0} {
		if v.set(text); v.of(3) != want {
			t.Errorf("udp_l3mdev_accept is %q: got VRF %d, want %d", text, v.of(3), want)
		}
	}
	v.set("1\n")
	os.Remove(v.accept)
	if v.watch(); v.of(3) != 0 {
		t.Error("without the setting, there is a VRF: want none")
	}
}

func TestVRFsAreLookedAtAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := fakeVRFs(t)
		v.set("1\n")
		if got := v.of(3); got != 5 {
			t.Fatalf("got VRF %d, want 5", got)
		}
		os.Remove(filepath.Join(v.sys, "eth1", "master"))
		time.Sleep(10 * time.Second)
		if got := v.of(3); got != 5 {
			t.Errorf("before its time: got VRF %d, want 5", got)
		}
		time.Sleep(time.Nanosecond)
		if got := v.of(3); got != 0 {
			t.Errorf("after its time: got VRF %d, want none", got)
		}
	})
}

// TestAnswerGoesByTheVRF sets the system's VRFs, so it is not parallel.
func TestAnswerGoesByTheVRF(t *testing.T) {
	v := fakeVRFs(t)
	before := systemVRFs.sys
	t.Cleanup(func() {
		systemVRFs.sys = before
		systemVRFs.known.Store(nil)
		systemVRFs.watch()
	})
	systemVRFs.sys = v.sys
	systemVRFs.known.Store(nil)
	systemVRFs.enabled.Store(true)
	control := make([]byte, ControlSize)
	for _, tt := range []struct {
		dst, to    string
		index, out uint32
	}{
		{"10.0.0.1", "10.0.0.9", 3, 5},
		{"10.0.0.1", "10.0.0.9", 2, 0},
		{"10.0.0.1", "169.254.0.9", 3, 3},
		{"2001:db8::1", "2001:db8::9", 3, 5},
		{"fe80::1", "fe80::9", 3, 3},
	} {
		n := PutControl(control, PktInfo{Dst: netip.MustParseAddr(tt.dst), Index: tt.index}, netip.MustParseAddr(tt.to))
		if got := ParseControl(control[:n]).Index; got != tt.out {
			t.Errorf("%s answers %s by %d: got %d, want %d", tt.dst, tt.to, tt.index, got, tt.out)
		}
	}
}
