package check_test

import (
	"runtime"
	"strings"
	"testing"

	"echod/check"
	"echod/echotest"
)

func TestChunkingNotesThatSmallMessagesAreHeld(t *testing.T) {
	proxy := echotest.NewBrokenProxy(t, echotest.HoldsSmallMessages(), echotest.NewServer(t).URL())
	got := runRule(t, proxy.URL(), "stream/chunking", check.Options{})
	if got.Verdict != check.Pass || !strings.Contains(got.Detail, "messages of 2 bytes take ") {
		t.Errorf("got %s: %q, want a pass with a note", got.Verdict, got.Detail)
	}
}

func TestNoUnsolicitedWaitsForALateBanner(t *testing.T) {
	t.Parallel()
	proxy := echotest.NewBrokenProxy(t, echotest.SendsLateBanner(), echotest.NewServer(t).URL())
	got := runRule(t, proxy.URL(), "stream/no-unsolicited", check.Options{})
	wantDetail(t, got, check.Fail, check.ExtraBytes, "")
}

func TestAbortsReportsHowManyUsedUpThePath(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		path    echotest.Path
		verdict check.Verdict
		class   check.Class
		detail  string
	}{
		{"honest", echotest.Path{}, check.Pass, "", "^67 of 260 connections were aborted, the others were served$"},
		{"slots that are reused", echotest.Path{MaxConns: 50}, check.Pass, "", "^67 of 260 "},
		{"slots that are not", echotest.Path{MaxConns: 50, LeaksOnReset: true}, check.Fail, check.Reset,
			`^after 1[0-5]\d connections, (4\d|50) of them aborted: .`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			proxy := echotest.NewRelay(t, tt.path, echotest.NewServer(t).URL())
			wantDetail(t, runRule(t, proxy.URL(), "stream/aborts", check.Options{}), tt.verdict, tt.class, tt.detail)
		})
	}
}

// One of the connections has a wrong byte: with fewer connections at a time, it would be met by
// none.
func TestAbortsDoesNotForgiveAWrongByte(t *testing.T) {
	t.Parallel()
	path := echotest.Path{Faults: []echotest.PathFault{{Conns: echotest.Nth(60), Direction: echotest.ToClient, Offset: 100, Do: echotest.ChangeByte}}}
	proxy := echotest.NewRelay(t, path, echotest.NewServer(t).URL())
	got := runRule(t, proxy.URL(), "stream/aborts", check.Options{})
	wantDetail(t, got, check.Fail, check.Corrupt, `^after [45]\d connections, 1\d of them aborted: 1 of 8 failed, the first with: `)
}

func TestUrgentNamesTheMissingByte(t *testing.T) {
	for _, tt := range []struct {
		name    string
		server  *echotest.Server
		verdict check.Verdict
		class   check.Class
		detail  string
	}{
		{"honest server", echotest.NewServer(t), check.Pass, "", "^$"},
		{"honest proxy", echotest.NewProxy(t, echotest.NewServer(t).URL()), check.Pass, "", "^$"},
		{"without SO_OOBINLINE", echotest.NewBroken(t, echotest.DropsUrgentByte()), check.Fail, check.Corrupt,
			"^in the middle of a message: byte 32 of the 49 sent is missing: the urgent one$"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := runRule(t, tt.server.URL(), "stream/urgent", check.Options{})
			if got.Verdict == check.Skip && runtime.GOOS != "linux" {
				t.Skip(got.Detail)
			}
			wantDetail(t, got, tt.verdict, tt.class, tt.detail)
		})
	}
}
