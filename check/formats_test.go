package check_test

import (
	"encoding/json"
	"flag"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"echod/check"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// wantGolden compares what write writes with testdata/name.
func wantGolden(t *testing.T, name string, write func(io.Writer) error) {
	t.Helper()
	var got strings.Builder
	if err := write(&got); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("%s differs (-want +got); to rewrite it: go test ./check -update:\n%s", path, diff)
	}
}

// hard returns a report full of characters that the formats must escape.
func hard() *check.Report {
	r := sample()
	r.Echod, r.Interrupted = "1.2.3 (abc)", true
	r.Results = append(r.Results,
		check.Result{Rule: "stream/bulk", Verdict: check.Fail, Class: check.Corrupt, Offset: 0, Elapsed: time.Millisecond,
			Got: "\"\\\x1b #<&>]]>", Want: "ä: - 'x'\nnext", Detail: "C:\\ # 1", Meaning: "Bytes differ."},
		check.Result{Rule: "stream/slow-reader", Verdict: check.Pass, Offset: -1, Detail: "5 KiB: # exact", Elapsed: time.Second},
		check.Result{Rule: "stream/churn", Verdict: check.Skip, Offset: -1, Detail: `needs --agent # \`},
		check.Result{Rule: "stream/half-close-owed", Verdict: check.Fail, Class: check.PrematureEOF, Offset: 0, Size: 512 << 10,
			Detail: "512.0 KiB owed: the stream ended after 0 of 524288 bytes", Meaning: "Owed bytes are dropped.",
			Cause: "another cause", Remedy: "another remedy", ExplainedBy: "stream/half-close", Elapsed: time.Second},
		check.Result{Rule: "stream/zero-window", Verdict: check.Error, Class: check.Local, Offset: -1,
			Detail: "connect: this machine has no free local port", Elapsed: time.Second},
		check.Result{Rule: "stream/size-sweep", Verdict: check.Error, Offset: -1, Detail: "interrupted"})
	return r
}

func TestFormatsOfAReport(t *testing.T) {
	text := func(w io.Writer) error { return hard().WriteText(w, false) }
	for name, write := range map[string]func(io.Writer) error{
		"report.txt":  text,
		"brief.txt":   func(w io.Writer) error { return hard().WriteStyled(w, check.TextStyle{Brief: true}) },
		"report.json": hard().WriteJSON,
		"report.xml":  hard().WriteJUnit,
		"report.tap":  hard().WriteTAP,
	} {
		t.Run(name, func(t *testing.T) { wantGolden(t, name, write) })
	}
}

// notEcho returns a report of a target that is not an echo.
func notEcho() *check.Report {
	r := sample()
	r.Results = nil
	r.NotEcho = &check.NotEcho{
		Kind: check.KindText, Detail: `it said "SSH-2.0-x"`, Got: "53 53 48  |SSH|", Remedy: "check the port",
		Seen: "64 bytes sent: 11 other bytes within 5s; sent again and half-closed: nothing within 5s",
	}
	return r
}

func TestFormatsOfATargetThatIsNotAnEcho(t *testing.T) {
	echo := sample()
	echo.Results = nil
	c := check.Compare(notEcho(), echo)
	for name, write := range map[string]func(io.Writer) error{
		"not-echo.txt":             func(w io.Writer) error { return notEcho().WriteText(w, false) },
		"not-echo.json":            notEcho().WriteJSON,
		"not-echo.xml":             notEcho().WriteJUnit,
		"not-echo.tap":             notEcho().WriteTAP,
		"comparison-not-echo.txt":  func(w io.Writer) error { return c.WriteText(w, false) },
		"comparison-not-echo.json": c.WriteJSON,
		"comparison-not-echo.xml":  c.WriteJUnit,
		"comparison-not-echo.tap":  c.WriteTAP,
	} {
		t.Run(name, func(t *testing.T) { wantGolden(t, name, write) })
	}
}

// readBack returns the report after it was written and read as JSON.
func readBack(t interface{ Fatal(...any) }, r *check.Report) *check.Report {
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	got := new(check.Report)
	if err := json.Unmarshal(text, got); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestJSONHoldsTheWholeReport(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := &check.Report{
			Echod: rapid.String().Draw(t, "echod"),
			Target: check.Target{Network: rapid.SampledFrom([]string{"tcp", "tls", "udp", "unix"}).Draw(t, "network"),
				Address: rapid.String().Draw(t, "address")},
			Elapsed:     time.Duration(rapid.Int64Range(0, int64(24*time.Hour)).Draw(t, "elapsed")),
			Interrupted: rapid.Bool().Draw(t, "interrupted"),
		}
		if rapid.Bool().Draw(t, "options of sockets") {
			want.Target.Source = netip.MustParseAddr("2001:db8::1")
			want.Target.Socket = check.SocketOptions{Interface: "eth0", TOS: 0xb8, Discovery: "do"}
		}
		fill(t, reflect.ValueOf(&want.Options).Elem())
		want.Options.Token = ""
		if rapid.Bool().Draw(t, "not an echo") {
			want.NotEcho = new(check.NotEcho)
			fill(t, reflect.ValueOf(want.NotEcho).Elem())
		}
		for range rapid.IntRange(0, 3).Draw(t, "results") {
			var result check.Result
			fill(t, reflect.ValueOf(&result).Elem())
			result.Offset = max(result.Offset, -1)
			want.Results = append(want.Results, result)
		}
		if diff := cmp.Diff(want, readBack(t, want), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
			t.Fatalf("a report written and read (-want +got):\n%s", diff)
		}
	})
}

// fill sets every field of a struct, to find fields that JSON does not contain.
func fill(t *rapid.T, v reflect.Value) {
	for i := range v.NumField() {
		if name := v.Type().Field(i).Name; name != "Trace" { // it is not a part of a report
			set(t, name, v.Field(i))
		}
	}
}

func set(t *rapid.T, name string, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(rapid.String().Draw(t, name))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, name))
	case reflect.Int, reflect.Int64:
		least := int64(0) // the steps of a life have no negative counts
		if name == "Offset" || name == "FD" {
			least = -1
		}
		v.SetInt(rapid.Int64Range(least, int64(24*time.Hour)).Draw(t, name))
	case reflect.Uint8, reflect.Uint64:
		v.SetUint(rapid.Uint64().Draw(t, name) >> (64 - v.Type().Bits()))
	case reflect.Slice:
		for range rapid.IntRange(1, 3).Draw(t, name) {
			one := reflect.New(v.Type().Elem()).Elem()
			set(t, name, one)
			v.Set(reflect.Append(v, one))
		}
	case reflect.Struct:
		fill(t, v)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		set(t, name, v.Elem())
	case reflect.Func:
	default:
		t.Fatalf("%s has kind %s, which fill does not know", name, v.Kind())
	}
}

func TestNoFormatContainsTheToken(t *testing.T) {
	r := sample()
	r.Options.Token = "swordfish"
	for name, write := range map[string]func(io.Writer) error{"json": r.WriteJSON, "junit": r.WriteJUnit, "tap": r.WriteTAP} {
		var text strings.Builder
		if err := write(&text); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(text.String(), r.Options.Token) {
			t.Errorf("%s contains the agent's token:\n%s", name, &text)
		}
	}
}

func TestJSONWithAnotherSchemaIsRefused(t *testing.T) {
	err := json.Unmarshal([]byte(`{"schema": 2}`), new(check.Report))
	if err == nil || err.Error() != "the report has schema 2, want 1" {
		t.Errorf("got %v, want an error that names both schemas", err)
	}
}
