package check

import (
	"bytes"
	"slices"
	"testing"
)

// The bytes that are compared may end between the two that are converted to one.
func TestAConversionIsRecognizedIfALineEndIsCut(t *testing.T) {
	due, got := []byte("\r\nbbbbbbbbbb\r"), []byte("\nbbbbbbbbbb\n")
	if kind, found := conversion(got, due); kind != LineEnds || found != "CR LF is converted to LF" {
		t.Errorf("got %q: %s", kind, found)
	}
}

// A conversion that removes bytes makes a few received bytes of more that are due.
func TestAConversionIsRecognizedInTheLastBytes(t *testing.T) {
	p := &probe{rule: concurrency.ID, Options: Options{Seed: 7, Conns: 5}}
	sent := nextBytes(p.payload(1), 1<<20)
	const n = shiftLen + 2
	at := slices.IndexFunc(sent, func(c byte) bool { return c == '\r' })
	for bytes.Count(sent[at:at+n], []byte("\r")) != 2 || sent[at] != '\r' {
		at++
	}
	got := slices.Concat(sent[:at], bytes.ReplaceAll(sent[at:at+n], []byte("\r"), nil))
	if f := failureOf(t, got); f.evidence != LineEnds || f.detail != "CR is removed" {
		t.Errorf("got %q: %s", f.evidence, f.detail)
	}
}

func TestBytesThatAreOmittedAreNotDecoded(t *testing.T) {
	due := bytes.Repeat([]byte("text\xff"), 10)
	if isDecoded(onlyASCII(due), due) {
		t.Error("text without its bytes of 0x80 and above was taken for UTF-8")
	}
	if !isDecoded([]byte(string([]rune(string(due)))), due) {
		t.Error("UTF-8 was not recognized")
	}
}

func TestDamageSaysNoMoreThanItKnows(t *testing.T) {
	due := make([]byte, 200)
	for i := range due {
		due[i] = byte(i) ^ 0x43
	}
	for name, change := range map[string]func(got []byte){
		"a single zero": func(got []byte) { got[0] = 0 },
		"five bytes, of which one bit of the first":     func(got []byte) { copy(got, []byte{due[0] ^ 1, 0xff, 0xfe, 0xfd, 0xfc}) },
		"more bytes in another order than are compared": func(got []byte) { slices.Reverse(got[:100]) },
	} {
		got := bytes.Clone(due)
		change(got)
		if kind, found := damage(got, due, 0); kind != "" {
			t.Errorf("%s: got %s: %s, want nothing", name, kind, found)
		}
	}
}

func TestIndexInKeepsAllThatMayBeginInABlock(t *testing.T) {
	stream := make([]byte, 2<<20)
	needle := []byte("12345678")
	for _, at := range []int{1<<20 - 7, 1<<20 - 1, 1 << 20} {
		clear(stream)
		copy(stream[at:], needle)
		if got := indexIn(bytes.NewReader(stream), needle, int64(len(stream))); got != int64(at) {
			t.Errorf("got %d, want %d", got, at)
		}
	}
}

func TestTheStreamOfEachConnectionIsFound(t *testing.T) {
	p := &probe{rule: concurrency.ID, Options: Options{Seed: 7, Conns: 5}}
	for i := range p.Conns + 1 { // one more is owed bytes
		if got := p.findStream(nextBytes(p.payload(i), shiftLen), 0); got != i {
			t.Errorf("got %d, want %d", got, i)
		}
	}
}
