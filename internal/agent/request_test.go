package agent

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseRequestReadsFirstLines(t *testing.T) {
	tests := []struct {
		line string
		want request
	}{
		{"echod-agent/1 HELLO", request{1, "HELLO", "", Secret{}, map[string]string{}}},
		{"echod-agent/1 HELLO token=a=b", request{1, "HELLO", "", NewSecret("a=b"), map[string]string{}}},
		{"echod-agent/1 RUN reset id=x take=1", request{1, "RUN", "reset", Secret{}, map[string]string{"id": "x", "take": "1"}}},
		{"echod-agent/1 RUN take id=", request{1, "RUN", "take", Secret{}, map[string]string{"id": ""}}},
	}
	for _, tt := range tests {
		got, err := parseRequest(tt.line)
		if err != nil {
			t.Errorf("%s: %v", tt.line, err)
		}
		if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(request{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.line, diff)
		}
	}
}

func TestParseRequestRefusesInvalidLines(t *testing.T) {
	tests := []struct {
		line string
		kind Kind
	}{
		{"", malformed},
		{"GET / HTTP/1.1", malformed},
		{"echod-agent", malformed},
		{"echod-agent/", malformed},
		{"echod-agent/one HELLO", malformed},
		{"echod-agent/-1 HELLO", malformed},
		{"echod-agent/99999 HELLO", malformed},
		{"echod-agent/0 HELLO", badVersion},
		{"echod-agent/2 HELLO\tand\x00more", badVersion},
		{"echod-agent/1", malformed},
		{"echod-agent/1 ", malformed},
		{"echod-agent/1  HELLO", malformed},
		{"echod-agent/1 HELLO ", malformed},
		{"echod-agent/1 HELLO\r", malformed},
		{"echod-agent/1 RUN take reset", malformed},
		{"echod-agent/1 RUN take =1", malformed},
		{"echod-agent/1 RUN take id=1 id=1", malformed},
		{"echod-agent/1 RUN take id=\xff", malformed},
	}
	for _, tt := range tests {
		_, err := parseRequest(tt.line)
		var refusal *Refusal
		if !errors.As(err, &refusal) || refusal.Kind != tt.kind {
			t.Errorf("%q: got %v, want a refusal of kind %s", tt.line, err, tt.kind)
		}
	}
}

func TestWordsConsistOfVisibleASCII(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, " ": false, "!": true, "~": true, "\x7f": false, "\n": false, "ä": false, "a b": false, "word": true,
	} {
		if got := isWord(text); got != want {
			t.Errorf("%q: got %t, want %t", text, got, want)
		}
	}
}

func TestAnswerIsOneLine(t *testing.T) {
	for body, want := range map[string]string{"": "echod-agent/1 ok\n", `{"open":1}`: "echod-agent/1 ok {\"open\":1}\n"} {
		if got := string(okLine([]byte(body))); got != want {
			t.Errorf("%q: got %q, want %q", body, got, want)
		}
	}
}

func FuzzParseRequest(f *testing.F) {
	f.Add("echod-agent/1 RUN reset id=x take=1 token=t")
	f.Add("echod-agent/1 HELLO")
	f.Add("echod-agent/2 HELLO")
	f.Add("echod-agent/1 REPORT id= wait=-1")
	f.Add("\x00 = = =")
	f.Fuzz(func(t *testing.T, line string) {
		r, err := parseRequest(line)
		var refusal *Refusal
		if err != nil {
			if !errors.As(err, &refusal) {
				t.Fatalf("got %v, want a Refusal", err)
			}
			if answer := string(refusalLine(refusal)); strings.Count(answer, "\n") != 1 {
				t.Fatalf("got %q, want one line", answer)
			}
			return
		}
		again, err := parseRequest(r.line())
		if err != nil {
			t.Fatalf("%q was parsed, and %q is not: %v", line, r.line(), err)
		}
		if diff := cmp.Diff(r, again, cmp.AllowUnexported(request{})); diff != "" {
			t.Fatalf("parsed again it differs (-want +got):\n%s", diff)
		}
		if n, err := r.number("wait", 1000); err == nil && (n < 0 || n > 1000) {
			t.Fatalf("got %d, want 0 to 1000", n)
		}
	})
}

// FuzzParseAnswer checks that every line is an answer, a refusal or an error.
func FuzzParseAnswer(f *testing.F) {
	f.Add("echod-agent/1 ok {}")
	f.Add("echod-agent/1 error token-needed x")
	f.Add("220 mail.example ESMTP")
	f.Fuzz(func(t *testing.T, line string) {
		if body, err := parseAnswer(line); err != nil && (body != "" || err.Error() == "") {
			t.Fatalf("got %q and %v", body, err)
		}
	})
}
