//go:build linux

package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"echod/internal/draw"
	"echod/internal/sys"
	"echod/internal/trace"
)

var update = flag.Bool("update", false, "rewrite what is stale in docs/engines")

// wantDocument fails if a file of docs/engines is not want. With -update it writes the file.
func wantDocument(t *testing.T, name, want string) {
	t.Helper()
	path := filepath.Join("..", name)
	got, err := os.ReadFile(path)
	if *update {
		if err = nil; string(got) != want {
			err = os.WriteFile(path, []byte(want), 0o644)
		}
		got = []byte(want)
	}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/engines/%s is stale: go generate ./docs/... (-now +document)\n%s", name, diff)
	}
}

// wantBlock fails if a chapter does not have want between these lines:
//
//	<!-- NAME -->
//	<!-- end -->
func wantBlock(t *testing.T, chapter, name, want string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", chapter))
	if err != nil {
		t.Fatal(err)
	}
	marker := "<!-- " + name + " -->\n"
	before, after, begun := strings.Cut(string(text), marker)
	_, after, ended := strings.Cut(after, "<!-- end -->\n")
	if !begun || !ended {
		t.Fatalf("docs/engines/%s has no block %s<!-- end -->", chapter, marker)
	}
	wantDocument(t, chapter, before+marker+want+"<!-- end -->\n"+after)
}

// The columns of a life: the call, what the kernel holds, and why. Together they have 100.
const callWidth, heldWidth, whyWidth = 46, 16, 34

// lines writes steps for a chapter.
func lines(steps []trace.Record) string {
	var b strings.Builder
	b.WriteString("```\n")
	for i := range steps {
		r := &steps[i]
		calls := split(draw.Fold(trace.CallText(r), callWidth, "", "  "))
		whys := split(draw.Fold(r.Why, whyWidth, "", ""))
		held := trace.HeldText(r.Held)
		for row := range max(len(calls), len(whys)) {
			line := fmt.Sprintf("%-*s  %-*s  %s", callWidth, cell(calls, row), heldWidth, held, cell(whys, row))
			b.WriteString(strings.TrimRight(line, " ") + "\n")
			held = ""
		}
	}
	return b.String() + "```\n"
}

// table writes the calls of several lives side by side. The last life has every step that the
// others have.
func table(t *testing.T, names []string, lives []*trace.File) string {
	t.Helper()
	longest := lives[len(lives)-1].Records
	var b strings.Builder
	fmt.Fprintf(&b, "| | %s |\n|%s\n", strings.Join(names, " | "), strings.Repeat("---|", len(names)+1))
	shown := make([]int, len(lives)) // steps of each life
	for i := range longest {
		step := string(longest[i].Op)
		if longest[i].Asked > 0 {
			step += fmt.Sprintf(" %d", longest[i].N)
		}
		fmt.Fprintf(&b, "| %s ", step)
		for at, life := range lives {
			cell := ""
			if next := shown[at]; next < len(life.Records) && life.Records[next].Op == longest[i].Op {
				cell = "`" + life.Records[next].Call + "`"
				shown[at]++
			}
			fmt.Fprintf(&b, "| %s ", cell)
		}
		b.WriteString("|\n")
	}
	b.WriteString("| calls ")
	for at, life := range lives {
		if shown[at] < len(life.Records) {
			t.Errorf("%s makes the call %s, which %s does not make here", names[at], life.Records[shown[at]].Call, names[len(names)-1])
		}
		fmt.Fprintf(&b, "| %d ", len(life.Records))
	}
	return b.String() + "|\n"
}

func split(text string) []string { return strings.Split(strings.TrimRight(text, "\n"), "\n") }

func cell(rows []string, at int) string {
	if at < len(rows) {
		return rows[at]
	}
	return ""
}

// The descriptors in the chapters: what wakes the server or waits for it, the listener, and the
// connection.
const waiter, listener, connection = 5, 6, 7

// normalize gives descriptors these numbers, and removes what depends on the machine: times,
// the port of the peer, and when the peer's kernel acknowledges.
func normalize(steps []trace.Record) {
	fd := steps[0].N // of the connection
	from, _, _ := strings.Cut(steps[0].Args, ",")
	for i := range steps {
		r := &steps[i]
		r.Time, r.Took = 0, 0
		if r.Op == trace.Accept {
			r.Peer = "127.0.0.1:50264"
		}
		if r.Call == "accept4" {
			r.N, r.FD = connection, connection
		}
		r.Held = withoutTimes(r.Held)
		r.Args, r.Result = renumber(r.Call, r.Args), renumberSets(r.Result, fmt.Sprint(fd), from)
		r.Result = inEvent.ReplaceAllString(r.Result, fmt.Sprintf("{%d, $1", connection))
		r.Args = renumberSets(r.Args, fmt.Sprint(fd), from)
	}
}

// withoutTimes returns the part of h that is the same on each machine.
func withoutTimes(h *sys.Held) *sys.Held {
	if h == nil {
		return nil
	}
	return &sys.Held{State: h.State, Arrived: h.Arrived, Resets: h.Resets}
}

var (
	first   = regexp.MustCompile(`^\d+`)
	added   = regexp.MustCompile(`(EPOLL_CTL_\w+), \d+`)
	inEvent = regexp.MustCompile(`\{\d+, (E?POLL)`)
	words   = regexp.MustCompile(`\[\d+\]=([01]+)`)
)

// renumber replaces the descriptors in the arguments of a call.
func renumber(call, args string) string {
	number := connection
	switch call {
	case "accept4":
		number = listener
	case "epoll_ctl", "epoll_wait":
		number = waiter
	case "select":
		number = connection + 1 // or every bit of the set
		if strings.HasPrefix(args, "1024,") {
			number = 1024
		}
	}
	if call != strings.ToUpper(call[:1])+call[1:] { // else it is a method of package net
		args = first.ReplaceAllString(args, fmt.Sprint(number))
	}
	args = added.ReplaceAllString(args, fmt.Sprintf("$1, %d", connection))
	return inEvent.ReplaceAllString(args, fmt.Sprintf("{%d, $1", connection))
}

// renumberSets moves the bits of the connection and of the listener in the words of an fd_set.
func renumberSets(text, fd, from string) string {
	return words.ReplaceAllStringFunc(text, func(word string) string {
		shown := words.FindStringSubmatch(word)[1]
		bits := []byte(strings.Repeat("0", connection+1))
		for at, bit := range shown {
			number := fmt.Sprint(len(shown) - 1 - at)
			switch {
			case bit == '0':
			case number == fd:
				bits[0] = '1'
			case number == from:
				bits[connection-listener] = '1'
			default:
				bits[connection-waiter] = '1'
			}
		}
		return "[0]=" + strings.TrimLeft(string(bits[:connection]), "0") + string(bits[connection])
	})
}
