package watch

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func asIs(t Target) (Target, error) { return t, nil }

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func urls(list []Target) string {
	var all []string
	for _, t := range list {
		all = append(all, t.URL)
	}
	return strings.Join(all, " ")
}

func TestListOfTargetsIsRead(t *testing.T) {
	noUnix := func(t Target) (Target, error) {
		if t.Dial.Network == "unix" {
			return t, errors.New("no unix here")
		}
		return t, nil
	}
	tests := []struct{ name, text, want, wrong string }{
		{"a line each", "tcp://a:7\nudp://b:7\n", "tcp://a:7 udp://b:7", ""},
		{"comments and room", "# ours\r\n\r\n  tcp://a:7 \n#tcp://b:7\ntcp://c:7", "tcp://a:7 tcp://c:7", ""},
		{"a bad one", "tcp://a:7\n\ntcp://b\n", "", `LIST:3: invalid URL "tcp://b": no port: want tcp://b:PORT`},
		{"one that is refused", "unix:///a\n", "", "LIST:1: no unix here"},
		{"none", "# nobody\n", "", "LIST: no targets: want one URL per line, e.g. tcp://localhost:8080"},
		{"a byte order mark", "\ufefftcp://a:7\r\ntcp://b:7\r\n", "tcp://a:7 tcp://b:7", ""},
		{"a bad one after a byte order mark", "\ufeff# ours\r\ntcp://b\r\n", "", `LIST:2: invalid URL "tcp://b": no port: want tcp://b:PORT`},
		{"too much", strings.Repeat("#", maxFile+1), "", "LIST is too long: want at most 1048576 bytes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "targets")
			write(t, path, test.text)
			list, err := (&File{Path: path, Prepare: noUnix}).Open()
			wrong := ""
			if err != nil {
				wrong = strings.ReplaceAll(err.Error(), path, "LIST")
			}
			if wrong != test.wrong || urls(list) != test.want {
				t.Errorf("got %q and %s, want %q and %s", urls(list), wrong, test.want, test.wrong)
			}
		})
	}
}

// following is a file that is read each second in a bubble, and the lists that were
// applied.
type following struct {
	path    string
	now     chan os.Signal
	mu      sync.Mutex
	applied []string // the targets of each list, or why it is invalid
}

func follow(t *testing.T, text string) *following {
	f := &following{path: filepath.Join(t.TempDir(), "targets"), now: make(chan os.Signal)}
	write(t, f.path, text)
	file := &File{Path: f.path, Prepare: asIs}
	if _, err := file.Open(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		file.Follow(ctx, time.Second, f.now, func(list []Target, err error) {
			f.mu.Lock()
			defer f.mu.Unlock()
			if err != nil {
				f.applied = append(f.applied, strings.ReplaceAll(err.Error(), f.path, "LIST"))
				return
			}
			f.applied = append(f.applied, urls(list))
		})
	}()
	t.Cleanup(func() { cancel(); <-done })
	after(100 * time.Millisecond)
	return f
}

func (f *following) want(t *testing.T, want ...string) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if diff := cmp.Diff(want, f.applied); diff != "" {
		t.Errorf("applied (-want +got)\n%s", diff)
	}
	f.applied = nil
}

func TestChangedListIsAppliedWhenItNoLongerChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := follow(t, "tcp://a:7\n")
		after(5 * time.Second)
		f.want(t)
		write(t, f.path, "tcp://b:7\n")
		after(time.Second)
		f.want(t)
		write(t, f.path, "tcp://b:7\ntcp://c:7\n")
		after(time.Second)
		f.want(t)
		after(time.Second)
		f.want(t, "tcp://b:7 tcp://c:7")
		after(5 * time.Second)
		f.want(t)
	})
}

func TestInvalidListIsReportedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := follow(t, "tcp://a:7\n")
		write(t, f.path, "tcp://b\n")
		after(10 * time.Second)
		if err := os.Remove(f.path); err != nil {
			t.Fatal(err)
		}
		after(10 * time.Second)
		f.want(t, `LIST:1: invalid URL "tcp://b": no port: want tcp://b:PORT`, "open LIST: no such file or directory")
		write(t, f.path, "tcp://b:7\n")
		after(2 * time.Second)
		f.want(t, "tcp://b:7")
	})
}

func TestListIsReadAtOnceOnASignal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := follow(t, "tcp://a:7\n")
		write(t, f.path, "tcp://b:7\n")
		f.now <- os.Interrupt
		synctest.Wait()
		f.want(t, "tcp://b:7")
	})
}
