package plan

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestEveryUseHasErrnos(t *testing.T) {
	for _, target := range Targets() {
		if len(target.Calls) == 0 {
			t.Errorf("%s: no calls", target.Name)
		}
		for _, use := range target.Calls {
			if len(use.Errnos(target)) == 0 {
				t.Errorf("%s: %s has no errno", target.Name, use.Call)
			}
		}
	}
}

func TestEveryErrnoIsUsed(t *testing.T) {
	used := make(map[string]bool)
	for _, target := range Targets() {
		for _, use := range target.Calls {
			used[use.key()] = true
		}
	}
	name := regexp.MustCompile(`^E[A-Z0-9]+$`)
	for key, list := range errnos {
		if !used[key] {
			t.Errorf("no target uses %s", key)
		}
		for i, errno := range list {
			if !name.MatchString(errno) || slices.Contains(list[:i], errno) {
				t.Errorf("%s: %s is not an errno, or a duplicate", key, errno)
			}
		}
	}
}

func TestCasesAreDistinct(t *testing.T) {
	seen := make(map[Case]bool)
	for _, c := range All() {
		if seen[c] {
			t.Errorf("%s is a duplicate", c)
		}
		seen[c] = true
	}
}

func TestExcludedCallsDoNotFail(t *testing.T) {
	for _, target := range Targets() {
		for _, use := range target.Calls {
			if why := target.Excluded(use.Call); why != "" {
				t.Errorf("%s: Excluded has %s: %s", target.Name, use.Call, why)
			}
		}
	}
}

// TestNoFalseEAGAIN exists because edge-triggered epoll reports no second event after an
// injected EAGAIN.
func TestNoFalseEAGAIN(t *testing.T) {
	for _, c := range All() {
		if c.Errno != "EAGAIN" {
			continue
		}
		engine, focus, _ := strings.Cut(c.Target, "/")
		if !slices.Contains([]string{"select", "poll", "epoll"}, engine) || focus == "admin" {
			t.Errorf("%s", c)
		}
	}
	if _, err := Select(All(), "epoll/tcp recvfrom EAGAIN"); err != nil {
		t.Error(err)
	}
}

func TestExpression(t *testing.T) {
	tests := []struct {
		c    Case
		want string
	}{
		{Case{"net/tcp", "accept4", "ENOMEM", First}, "inject=accept4:error=ENOMEM:when=1"},
		{Case{"net/tcp", "accept4", "ENOMEM", Tenth}, "inject=accept4:error=ENOMEM:when=10"},
		{Case{"net/tcp", "accept4", "ENOMEM", Always}, "inject=accept4:error=ENOMEM:when=1+"},
		{Case{"epoll/tcp", "recvfrom", "EINTR", Always}, "inject=recvfrom:error=EINTR:when=1+3"},
		{Case{"epoll/tcp", "recvfrom", "EAGAIN", Always}, "inject=recvfrom:error=EAGAIN:when=1+3"},
		{Case{"net/tcp", "accept4", "ECONNABORTED", Always}, "inject=accept4:error=ECONNABORTED:when=1+3"},
		{Case{"epoll/tcp", "sendto", "EAGAIN", Always}, "inject=sendto:error=EAGAIN:when=1+"},
	}
	for _, tt := range tests {
		if got := tt.c.Expression(); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.c, got, tt.want)
		}
	}
	for _, c := range All() {
		if strings.HasSuffix(c.Expression(), "when=") {
			t.Errorf("%s has no expression: %s", c, c.Expression())
		}
	}
}

func TestSelect(t *testing.T) {
	all := []Case{{"net/tcp", "read", "EIO", First}, {"net/udp", "recvmsg", "EIO", Always}}
	tests := []struct {
		pattern string
		want    []Case
		err     string
	}{
		{"", all, ""},
		{"net/*", all, ""},
		{"*", all, ""},
		{"net/udp", all[1:], ""},
		{"* read", all[:1], ""},
		{"* * EIO always", all[1:], ""},
		{"net/sctp", nil, "no case matches"},
		{"a b c d e", nil, "has 5 words"},
		{"[", nil, "syntax error"},
	}
	for _, tt := range tests {
		got, err := Select(all, tt.pattern)
		if !slices.Equal(got, tt.want) || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%q: got %v, %v; want %v, %q", tt.pattern, got, err, tt.want, tt.err)
		}
	}
}

func TestSampleIsRepeatableAndHasEveryTarget(t *testing.T) {
	all := All()
	n := len(Targets())
	first, second := Sample(all, n, 7), Sample(all, n, 7)
	if !slices.Equal(first, second) {
		t.Error("the same seed: got other cases")
	}
	if slices.Equal(first, Sample(all, n, 8)) {
		t.Error("another seed: got the same cases")
	}
	targets := make(map[string]bool)
	for _, c := range first {
		targets[c.Target] = true
	}
	if len(first) != n || len(targets) != n {
		t.Errorf("got %d cases of %d targets, want one of each of %d", len(first), len(targets), n)
	}
	if got := Sample(all, 0, 7); len(got) != len(all) {
		t.Errorf("a sample of 0: got %d cases, want all %d", len(got), len(all))
	}
}
