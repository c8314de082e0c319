package ping

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOnlyProbesOfTheSameRunAreRecognized(t *testing.T) {
	ours, theirs := newPayloads(64), newPayloads(64)
	probe := slices.Clone(ours.probe(7, 1234))
	if seq, stamp, ok := ours.parse(probe); seq != 7 || stamp != 1234 || !ok {
		t.Errorf("got %d, %d, %t; want 7, 1234, true", seq, stamp, ok)
	}
	tests := []struct {
		name string
		p    []byte
	}{
		{"nothing", nil},
		{"of another run", theirs.probe(7, 1234)},
		{"a cut tag", probe[:headerSize-1]},
		{"zeros", make([]byte, 64)},
	}
	for i := range headerSize {
		forged := slices.Clone(probe)
		forged[i] ^= 1
		tests = append(tests, struct {
			name string
			p    []byte
		}{"another bit in the header", forged})
	}
	for _, tt := range tests {
		if _, _, ok := ours.parse(tt.p); ok {
			t.Errorf("%s: % x is recognized", tt.name, tt.p)
		}
	}
}

func TestSmallestProbeIsItsHeader(t *testing.T) {
	s := newPayloads(headerSize)
	if seq, stamp, ok := s.parse(s.probe(7, 1234)); seq != 7 || stamp != 1234 || !ok {
		t.Errorf("got %d, %d, %t; want 7, 1234, true", seq, stamp, ok)
	}
}

func TestProbeContainsItsNumberAndTime(t *testing.T) {
	s := newPayloads(64)
	for _, want := range []struct {
		seq   uint64
		stamp int64
	}{{1, 10}, {1, 11}, {2, 11}, {1, 10}, {1, 10}} {
		if seq, stamp, ok := s.parse(slices.Clone(s.probe(want.seq, want.stamp))); seq != want.seq || stamp != want.stamp || !ok {
			t.Errorf("got %d, %d, %t; want %d, %d", seq, stamp, ok, want.seq, want.stamp)
		}
	}
}

// TestNoTwoProbesAreEqual: services take repeated payloads for a loop.
func TestNoTwoProbesAreEqual(t *testing.T) {
	s := newPayloads(96)
	first := slices.Clone(s.probe(1, 1234))
	second := s.probe(2, 1234)
	if bytes.Equal(first[headerSize:], second[headerSize:]) {
		t.Errorf("two probes have the same rest: % x", first[headerSize:])
	}
	if third := slices.Clone(s.probe(1, 1234)); !bytes.Equal(first, third) {
		t.Errorf("the same probe is once % x and once % x", first, third)
	}
}

func TestWrongByteIsFoundWithItsOffset(t *testing.T) {
	s := newPayloads(48)
	probe := slices.Clone(s.probe(1, 1234))
	other := slices.Clone(probe)
	other[40] ^= 0xff
	tests := []struct {
		name string
		got  []byte
		want *WrongError
	}{
		{"right", probe, nil},
		{"another byte", other, &WrongError{40, excerpt(other[40:]), excerpt(probe[40:])}},
		{"too short", probe[:44], &WrongError{44, "nothing", excerpt(probe[44:])}},
		{"too long", append(slices.Clone(probe), 1), &WrongError{48, "01", "nothing more"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, s.compareWhole(tt.got, 1, 1234)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}
