package dial

import (
	"runtime"
	"testing"
)

func TestParseTOSReadsBytesAndNamesOfDSCPs(t *testing.T) {
	for text, want := range map[string]uint8{
		"0": 0, "46": 46, "0xb8": 0xb8, "184": 184, "255": 255, // a number is the whole byte
		"ef": 0xb8, "EF": 0xb8, "cs1": 0x20, "af11": 0x28, "af41": 0x88, "af43": 0x98, "va": 0xb0, "le": 0x04, "cs0": 0,
	} {
		if got, err := ParseTOS(text); got != want || err != nil {
			t.Errorf("%s: got %#x, %v; want %#x", text, got, err, want)
		}
	}
	for _, text := range []string{"", "256", "-1", "af44", "ef2", "0xzz", "1.5"} {
		if got, err := ParseTOS(text); err == nil {
			t.Errorf("%q: got %#x, want an error", text, got)
		}
	}
}

func TestTOSTextIsReadAsTheSameTOS(t *testing.T) {
	for tos := 1; tos <= 255; tos++ {
		if got, err := ParseTOS(TOSText(uint8(tos))); int(got) != tos {
			t.Errorf("%d is written as %q, which is read as %d, %v", tos, TOSText(uint8(tos)), got, err)
		}
	}
	if got := TOSText(0); got != "" {
		t.Errorf("got %q for the default", got)
	}
}

func TestOptionsHaveNoEffectForUnixSockets(t *testing.T) {
	for _, s := range []Socket{{Interface: "lo"}, {TOS: 8}, {Discovery: DiscoverDo}} {
		if err := s.Check("unix"); err == nil {
			t.Errorf("%+v: no error for a unix socket", s)
		}
	}
	if err := (Socket{}).Check("unix"); err != nil {
		t.Error(err)
	}
}

func TestOptionsThatTheSystemLacksAreRefused(t *testing.T) {
	for _, tt := range []struct {
		s    Socket
		want bool
	}{
		{Socket{TOS: 8}, hasTOS},
		{Socket{Discovery: DiscoverDo}, HasDiscovery},
	} {
		if err := tt.s.Check("udp"); (err == nil) != tt.want {
			t.Errorf("%+v on %s: got %v", tt.s, runtime.GOOS, err)
		}
	}
}
