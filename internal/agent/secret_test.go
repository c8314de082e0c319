package agent

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
)

const sesame = "open-Sesame-0123"

func TestSecretIsNeverShown(t *testing.T) {
	s := NewSecret(sesame)
	inside := struct {
		Out Secret
		in  Secret // fmt calls no methods of this one
	}{s, s}
	parsed, err := parseRequest("echod-agent/1 HELLO token=" + sesame)
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"} {
		for _, value := range []any{s, &s, inside, &inside, []Secret{s}, map[Secret]int{s: 1}, &Client{Token: s}, parsed} {
			shown := fmt.Sprintf(verb, value)
			if strings.Contains(shown, sesame) || strings.Contains(shown, fmt.Sprintf("%x", sesame)) || strings.Contains(shown, fmt.Sprintf("%X", sesame)) {
				t.Errorf("%s of %T: got the token in %s", verb, value, shown)
			}
		}
	}
	text, err := json.Marshal(inside)
	if err != nil || string(text) != `{"Out":"[redacted]"}` {
		t.Errorf("JSON: got %s, %v", text, err)
	}
	var log bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(handler).Info("test", slog.Any("value", s), slog.Any("pointer", &s), slog.Any("inside", inside))
	}
	if strings.Contains(log.String(), sesame) || strings.Count(log.String(), redacted) < 4 {
		t.Errorf("got this log:\n%s", &log)
	}
	if s.String() != redacted || s.Reveal() != sesame {
		t.Errorf("got %q and %q", s.String(), s.Reveal())
	}
}

func TestSecretsThatDifferAnywhereAreNotEqual(t *testing.T) {
	right := NewSecret(sesame)
	if !right.Equal(NewSecret(sesame)) || !(Secret{}).Equal(NewSecret("")) {
		t.Error("got the same tokens not equal")
	}
	for i := range len(sesame) {
		wrong := sesame[:i] + "x" + sesame[i+1:]
		for _, got := range []string{wrong, sesame[:i], sesame[i+1:], sesame + wrong} {
			if right.Equal(NewSecret(got)) || NewSecret(got).Equal(right) {
				t.Errorf("got %q equal", got)
			}
		}
	}
}

// TestTokensAreComparedInConstantTimeOnly parses the source: no == or != has a token on
// either side, and crypto/subtle is used.
func TestTokensAreComparedInConstantTimeOnly(t *testing.T) {
	fset := token.NewFileSet()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	subtle := false
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if b, ok := n.(*ast.BinaryExpr); ok && (b.Op == token.EQL || b.Op == token.NEQ) {
				for _, side := range []ast.Expr{b.X, b.Y} {
					if name := lastName(side); name == "Token" || name == "token" || name == "reveal" {
						if other, ok := b.Y.(*ast.BasicLit); !ok || other.Value != `""` {
							t.Errorf("%v: got a token compared with %v", fset.Position(b.Pos()), b.Op)
						}
					}
				}
			}
			if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "ConstantTimeCompare" {
				subtle = true
			}
			return true
		})
	}
	if !subtle {
		t.Error("got no call of ConstantTimeCompare")
	}
}

// lastName returns the last identifier of a field or a call.
func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.CallExpr:
		return lastName(e.Fun)
	case *ast.StarExpr:
		return lastName(e.X)
	}
	return ""
}

func TestCheckToken(t *testing.T) {
	for text, valid := range map[string]bool{
		"": false, "x": true, strings.Repeat("x", 256): true, strings.Repeat("x", 257): false,
		"!": true, "~": true, "a b": false, "a\n": false, "\x7f": false, "ä": false,
	} {
		if err := CheckToken(text); (err == nil) != valid {
			t.Errorf("%q: got %v, want ok %t", text, err, valid)
		}
	}
}

func TestNamesMustNotContainTheToken(t *testing.T) {
	tests := []struct {
		token, name string
		ok          bool
	}{
		{"", "x", true},
		{"x", "x", false},
		{"x", "xy", true}, // possible by chance
		{"1234567", "a1234567", true},
		{"12345678", "a12345678", false},
		{"12345678", "12345678", false},
		{"12345678", "1234567", true},
	}
	for _, tt := range tests {
		r := request{token: NewSecret(tt.token), params: map[string]string{"id": tt.name}}
		if _, err := r.name("id"); (err == nil) != tt.ok {
			t.Errorf("token %q, name %q: got %v, want ok %t", tt.token, tt.name, err, tt.ok)
		}
	}
}

func TestQuotedWordsAreShortAndWithoutTheToken(t *testing.T) {
	r := request{token: NewSecret("x")}
	for word, want := range map[string]string{
		"word": "word", "x": redacted, "axb": redacted,
		strings.Repeat("a", maxQuoted):   strings.Repeat("a", maxQuoted),
		strings.Repeat("a", maxQuoted+1): strings.Repeat("a", maxQuoted) + "...",
	} {
		if got := r.quote(word); got != want {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
	if got := (request{}).quote("word"); got != "word" {
		t.Errorf("without a token: got %q", got)
	}
}

func TestTokenIsRedactedUnlessItIsThereByChance(t *testing.T) {
	tests := []struct{ token, line, want string }{
		{"", "220 mail token=x y", "220 mail token=[redacted] y"},
		{"1234567", "HTTP/1.1 1234567", "HTTP/1.1 1234567"},
		{"12345678", "HTTP/1.1 12345678", "HTTP/1.1 [redacted]"},
		{"12345678", "a12345678 token=12345678 12345678", "a[redacted] token=[redacted] [redacted]"},
	}
	for _, tt := range tests {
		if got := NewSecret(tt.token).redact(tt.line); got != tt.want {
			t.Errorf("token %q in %q: got %q, want %q", tt.token, tt.line, got, tt.want)
		}
	}
}

// TestClientNeverShowsItsToken includes a server that is an echo.
func TestClientNeverShowsItsToken(t *testing.T) {
	for _, secret := range []string{"x", "1234567", sesame} {
		for _, reply := range []func(line string) string{
			func(line string) string { return line },
			func(line string) string { return line[:len(line)-2] },
			func(string) string { return "token=" + secret + "\n" },
			func(string) string { return "token=" + secret }, // without the end of the line
			func(string) string { return "echod-agent/1 error unknown token=" + secret + "\n" },
			func(string) string { return "echod-agent/1 error token=" + secret + " text\n" },
		} {
			c := startReplying(t, reply)
			c.Token = NewSecret(secret)
			_, err := c.Hello(t.Context())
			if err == nil || strings.Contains(err.Error(), "="+secret) {
				t.Errorf("token %q: got %v", secret, err)
			}
		}
	}
	c := startReplying(t, func(string) string { return "HTTP/1.1 400 " + sesame + "\n" })
	c.Token = NewSecret(sesame)
	if _, err := c.Hello(t.Context()); err == nil || !strings.Contains(err.Error(), "400 [redacted]") {
		t.Errorf("got %v", err)
	}
}
