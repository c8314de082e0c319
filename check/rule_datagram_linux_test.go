package check_test

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"echod/check"
	"echod/echotest"
)

// inNewNetwork runs the calling test again, in a process that has a network namespace
// with a loopback of an MTU of 1500 bytes, and returns true there. Rules use several
// threads, so one thread in a namespace is not enough.
func inNewNetwork(t *testing.T) bool {
	t.Helper()
	const variable = "ECHOD_TEST_NETWORK"
	if os.Getenv(variable) == t.Name() {
		configure(t, "ip link set lo up mtu 1500")
		return true
	}
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	child.Env = append(os.Environ(), variable+"="+t.Name())
	child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	out, err := child.CombinedOutput()
	switch text := string(out); {
	case err != nil && len(out) == 0:
		skip(t, "cannot start a process in a network namespace: %v", err)
	case err != nil:
		t.Errorf("%v\n%s", err, text)
	case strings.Contains(text, "--- SKIP"):
		skip(t, "%s", text)
	default:
		t.Log(text)
	}
	return false
}

func configure(t *testing.T, line string) {
	t.Helper()
	words := strings.Fields(line)
	if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
		skip(t, "%s: %v: %s", line, err, out)
	}
}

// The kernel drops packets here, so DF, fragments and their sizes are real.
const dropPackets = "iptables -t raw -A PREROUTING -p udp -j DROP -m u32 --u32 "

const (
	withDF   = "4&0x4000=0x4000"
	longer   = "0&0xFFFF=1401:65535"
	and      = "&&"
	fragment = "4&0x3FFF=1:16383" // MF, or an offset
	later    = "4&0x1FFF=1:8191"  // a fragment that is not the first one
	tiny     = "0&0xFFFF=0:23"    // less than 4 bytes after the header
)

func testLoss(t *testing.T, dropped, detail, cause string) {
	t.Parallel() // the parent waits for its child
	if !inNewNetwork(t) {
		return
	}
	configure(t, dropPackets+dropped)
	got := runRule(t, echotest.NewUDPServer(t).URL(), "datagram/exact", check.Options{})
	wantDetail(t, got, check.Fail, check.Silent, detail)
	if !strings.Contains(got.Cause, cause) {
		t.Errorf("got cause %q, want %q", got.Cause, cause)
	}
}

func TestExactTellsABlackHoleForPacketsWithDF(t *testing.T) {
	testLoss(t, withDF+and+longer, `^datagrams of 1400–1472 B never came back .*; without DF`, "an MTU black hole")
}

func TestExactTellsLostFragments(t *testing.T) {
	testLoss(t, fragment, `^datagrams of 1473–65507 B never came back`, "fragments dropped on the path")
}

func TestExactTellsLostShortFragments(t *testing.T) {
	testLoss(t, later+and+tiny, `^datagrams of 1473–1475 B, 2953 B never came back`, "too short for the ports")
}

func TestExactTellsALinkWithASmallerMTU(t *testing.T) {
	testLoss(t, longer, `^datagrams of 1400–65507 B never came back`, "a link with a smaller MTU")
}
