package check_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"echod/check"
	"echod/echotest"
	"echod/internal/endpoint"
)

// resolving returns a context in which every name has these addresses.
func resolving(ctx context.Context, addrs ...string) context.Context {
	return endpoint.WithLookup(ctx, func(context.Context, string) (found []netip.Addr, _ error) {
		for _, addr := range addrs {
			found = append(found, netip.MustParseAddr(addr))
		}
		return found, nil
	})
}

// named returns target with a name in place of its address.
func named(target check.Target) (check.Target, string) {
	_, port, _ := net.SplitHostPort(target.Address)
	target.Address = net.JoinHostPort("echo.test", port)
	return target, port
}

func TestAReportNamesTheAddressThatWasCheckedAndTheOthers(t *testing.T) {
	t.Parallel()
	target, port := named(parse(t, echotest.NewServer(t).URL()))
	for _, tt := range []struct {
		name  string
		addrs []string
		want  []check.Address
		text  []string
	}{
		{"one address", []string{"127.0.0.1"}, []check.Address{{"127.0.0.1:" + port, true, ""}},
			[]string{"tcp://echo.test:" + port + " (127.0.0.1:" + port + ")  seed "}},
		{"another refuses", []string{"127.0.0.1", "127.0.0.3"}, []check.Address{{"127.0.0.1:" + port, true, ""}, {"127.0.0.3:" + port, false, check.Refused}},
			[]string{"also 127.0.0.3:" + port + ": not checked, --all-addresses checks all", "127.0.0.3:" + port + " fails connects (refused)"}},
		{"the first refuses", []string{"127.0.0.3", "127.0.0.1"}, []check.Address{{"127.0.0.1:" + port, true, ""}, {"127.0.0.3:" + port, false, check.Refused}}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			report, err := check.Run(resolving(t.Context(), tt.addrs...), target, check.Options{Rules: []string{"stream/fin-only"}})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, report.Addresses); diff != "" {
				t.Errorf("addresses differ (-want +got):\n%s", diff)
			}
			var text strings.Builder
			report.WriteText(&text, false)
			for _, want := range tt.text {
				if !strings.Contains(text.String(), want) {
					t.Errorf("got\n%s\nwant %q in it", &text, want)
				}
			}
			written, err := json.Marshal(report)
			if err != nil {
				t.Fatal(err)
			}
			var read check.Report
			if err := json.Unmarshal(written, &read); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, read.Addresses); diff != "" {
				t.Errorf("addresses in JSON differ (-want +got):\n%s", diff)
			}
		})
	}
}

// The first connect goes to one address: so do all others, also if the resolver changes the
// order of the addresses each time.
func TestARunChecksOneAddressOfAName(t *testing.T) {
	t.Parallel()
	good := parse(t, echotest.NewServer(t).URL())
	target, port := named(good)
	other, err := net.Listen("tcp", "127.0.0.3:"+port)
	if err != nil {
		skip(t, "%v", err)
	}
	defer other.Close()
	lookups := 0
	ctx := endpoint.WithLookup(t.Context(), func(context.Context, string) ([]netip.Addr, error) {
		addrs := []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.3")}
		if lookups++; lookups > 1 {
			addrs[0], addrs[1] = addrs[1], addrs[0]
		}
		return addrs, nil
	})
	report, err := check.Run(ctx, target, check.Options{Rules: []string{"stream/fin-only", "stream/half-close"}})
	if err != nil {
		t.Fatal(err)
	}
	if report.Verdict() != check.Pass {
		t.Errorf("got %s, want a pass of the first address", report.Summary())
	}
}

func TestAddressesOfANameAreTargetsThatKeepTheNameForTLS(t *testing.T) {
	target := check.Target{Network: "tls", Address: "echo.test:7"}
	all, err := check.AddressesOf(resolving(t.Context(), "127.0.0.1", "::1"), target)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, one := range all {
		got = append(got, one.Address+" "+one.TLS.ServerName)
	}
	if diff := cmp.Diff([]string{"127.0.0.1:7 echo.test", "[::1]:7 echo.test"}, got); diff != "" {
		t.Errorf("targets differ (-want +got):\n%s", diff)
	}
}

func TestReportsOfAllAddressesSayWhichOneFails(t *testing.T) {
	t.Parallel()
	run := func(server *echotest.Server) check.AddressReport {
		target := parse(t, server.URL())
		report, err := check.Run(t.Context(), target, check.Options{Rules: []string{"stream/fin-only"}, Seed: 1})
		return check.AddressReport{Target: target, Report: report, Err: err}
	}
	good, bad := run(echotest.NewServer(t)), run(echotest.NewBroken(t, echotest.ResetsOnFIN()))
	away := check.AddressReport{Target: good.Target, Err: &check.UnreachableError{Target: "tcp://[::1]:7", Class: check.Refused, Err: errors.New("refused")}}
	for _, tt := range []struct {
		all     check.AddressReports
		verdict check.Verdict
		summary string
	}{
		{check.AddressReports{good}, check.Pass, "honest: 1 address"},
		{check.AddressReports{good, bad}, check.Fail, "not honest: 1 of 2 addresses: " + bad.Target.Address},
		{check.AddressReports{away, good}, check.Error, "inconclusive: 1 of 2 addresses: " + good.Target.Address},
	} {
		if tt.all.Verdict() != tt.verdict || tt.all.Summary() != tt.summary {
			t.Errorf("got %s %q, want %s %q", tt.all.Verdict(), tt.all.Summary(), tt.verdict, tt.summary)
		}
		for format, write := range map[string]func(io.Writer) error{
			"text":  func(w io.Writer) error { return tt.all.WriteText(w, false) },
			"json":  tt.all.WriteJSON,
			"junit": tt.all.WriteJUnit,
			"tap":   tt.all.WriteTAP,
		} {
			var out strings.Builder
			if err := write(&out); err != nil {
				t.Fatal(err)
			}
			for _, a := range tt.all {
				if !strings.Contains(out.String(), a.Target.Address) {
					t.Errorf("%s: got\n%s\nwant %s in it", format, &out, a.Target.Address)
				}
			}
		}
	}
}
