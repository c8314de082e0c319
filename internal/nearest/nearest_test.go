package nearest_test

import (
	"testing"

	"echod/internal/nearest"
)

func TestSlipsAreCounted(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"poll", "poll", 0},
		{"", "udp", 3},
		{"pol", "poll", 1},
		{"epoll", "poll", 1},
		{"pull", "poll", 1},
		{"upd", "udp", 1},
		{"seletc", "select", 1},
		{"kitten", "sitting", 3},
		{"ca", "abc", 3}, // two, if what was swapped could be parted afterwards
	}
	for _, tt := range tests {
		for _, pair := range [][2]string{{tt.a, tt.b}, {tt.b, tt.a}} {
			if got := nearest.Slips(pair[0], pair[1]); got != tt.want {
				t.Errorf("%q to %q: got %d, want %d", pair[0], pair[1], got, tt.want)
			}
		}
	}
}

func TestWordIsWhatWasMeantIfAnythingWas(t *testing.T) {
	words := []string{"serve", "check", "tcp", "udp", "poll", "epoll", "nat", "net", "--max-conns", "--tls-ca"}
	tests := []struct{ name, got, want string }{
		{"a letter too few", "srve", "serve"},
		{"two that changed places", "chekc", "check"},
		{"the nearer of two", "epolll", "epoll"},
		{"the first of two as near", "nt", "nat"},
		{"another case", "EPOLL", "epoll"},
		{"half of it wrong", "pxxl", "poll"},
		{"more than half of it wrong", "ftp", ""},
		{"two slips in a long word", "--mx-cons", "--max-conns"},
		{"as many slips as a word has letters", "x", ""},
		{"dashes alone in common", "--abc", ""},
		{"something else", "bananas", ""},
		{"nothing", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := nearest.Word(tt.got, words)
			if got != tt.want || ok != (tt.want != "") {
				t.Errorf("%q: got %q, %t, want %q", tt.got, got, ok, tt.want)
			}
		})
	}
}

func TestOfNoWordsNoneWasMeant(t *testing.T) {
	if got, ok := nearest.Word("serve", nil); ok {
		t.Errorf("got %q, want none", got)
	}
}
