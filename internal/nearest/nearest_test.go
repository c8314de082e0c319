package nearest

import "testing"

func TestDistanceCountsEdits(t *testing.T) {
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
		{"pudp", "updp", 1}, // a transposition at the start counts once
		{"seletc", "select", 1},
		{"bench", "tench", 2}, // a substitution of the first byte counts twice
		{"kitten", "sitting", 4},
		{"ca", "abc", 3}, // 2, if a transposed byte could be edited again
	}
	for _, tt := range tests {
		for _, pair := range [][2]string{{tt.a, tt.b}, {tt.b, tt.a}} {
			if got := distance(pair[0], pair[1]); got != tt.want {
				t.Errorf("%q to %q: got %d, want %d", pair[0], pair[1], got, tt.want)
			}
		}
	}
}

func TestWordSuggestsOnlyCloseWords(t *testing.T) {
	commands := []string{"serve", "check", "bench", "ping", "watch", "agent", "report", "selftest"}
	flags := []string{"--max-conns", "--tls-ca", "--listen"}
	shells := []string{"bash", "zsh", "fish", "powershell"}
	schemes := []string{"tcp", "tls", "udp", "unix"}
	formats := []string{"text", "json", "html"}
	tests := []struct {
		name  string
		got   string
		words []string
		want  string
	}{
		{"a missing letter", "srve", commands, "serve"},
		{"a missing first letter", "heck", commands, "check"},
		{"a doubled letter", "checck", commands, "check"},
		{"a transposition", "chekc", commands, "check"},
		{"a transposition at the start", "ebnch", commands, "bench"},
		{"a wrong letter", "banch", commands, "bench"},
		{"another case", "SERVE", commands, "serve"},
		{"a scheme transposed", "tpc", schemes, "tcp"},
		{"a scheme with a missing letter", "unx", schemes, "unix"},
		{"two edits in a long word", "--mx-cons", flags, "--max-conns"},
		{"a wrong first letter in a long word", "--nax-conns", flags, "--max-conns"},
		{"without its dashes", "listn", flags, "--listen"},
		{"the closest of two", "epolll", []string{"poll", "epoll"}, "epoll"},
		{"the first of two as close", "nit", []string{"nat", "net"}, "nat"},

		{"another shell", "tcsh", shells, ""},
		{"another shell with one other letter", "dash", shells, ""},
		{"another short shell", "ksh", shells, ""},
		{"another format", "xml", formats, ""},
		{"another format of the same length", "yaml", formats, ""},
		{"another scheme", "ftp", schemes, ""},
		{"a longer scheme", "http", schemes, ""},
		{"half of the letters wrong", "pxxl", []string{"poll"}, ""},
		{"three edits in a long word", "--mx-cns", flags, ""},
		{"another verb", "start", commands, ""},
		{"an English word of the same length", "catch", commands, ""},
		{"one letter", "s", commands, ""},
		{"only dashes in common", "--abc", flags, ""},
		{"empty", "", commands, ""},
		{"no words", "serve", nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := Word(tt.got, tt.words)
			if got != tt.want || ok != (tt.want != "") {
				t.Errorf("%q: got %q, %t, want %q", tt.got, got, ok, tt.want)
			}
		})
	}
}
