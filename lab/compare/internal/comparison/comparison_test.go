package comparison

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
)

// toolsDir is the directory of the C programs.
var toolsDir string

func TestMain(m *testing.M) {
	if os.Getenv(greedy) != "" {
		serveGreedily()
	}
	var err error
	if toolsDir, err = os.MkdirTemp("", "comparison-"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(toolsDir)
	os.Exit(code)
}

// compiled compiles the C programs once for all tests.
var compiled = sync.OnceValues(func() (Tools, error) {
	return BuildTools(context.Background(), filepath.Join("..", ".."), toolsDir)
})

// shortRunner returns a Runner with a few very short slices.
func shortRunner(t *testing.T) Runner {
	t.Helper()
	for _, program := range []string{"cc", "taskset"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is needed: %v", program, err)
		}
	}
	if runtime.NumCPU() < 2 {
		t.Skip("two CPUs are needed")
	}
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	tools, err := compiled()
	if err != nil {
		t.Fatal(err)
	}
	b := NewRunner().Quick()
	b.Tools = tools
	return b
}

// greedy is the environment variable with which this program is a server whose first connection
// needs 64 MiB.
const greedy = "COMPARISON_GREEDY_SERVER"

// serveGreedily is that server. It does not return.
func serveGreedily() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println("url=tcp://" + listener.Addr().String())
	var held []byte
	for {
		conn, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		if held == nil {
			held = bytes.Repeat([]byte("e"), 64<<20)
		}
		go io.Copy(conn, conn)
	}
}

func TestIdleMemoryIsWithoutThatOfTheFirstConnection(t *testing.T) {
	b := shortRunner(t)
	const conns = 16
	server := Server{Name: "greedy", Argv: []string{"env", greedy + "=1", os.Args[0]}}
	got, err := b.idleBytes(t.Context(), server, Workload{Idle, conns, 64, 1})
	if err != nil || got > 1<<20 {
		t.Errorf("got %.0f bytes a connection, %v, want less than 1 MiB: the 64 MiB are not the price of each of the other %d", got, err, conns)
	}
}

func TestSharesFindsTheLoops(t *testing.T) {
	b := shortRunner(t)
	got, err := b.Shares(t.Context(), CStreams(b.Tools), 100)
	if err != nil {
		t.Fatal(err)
	}
	if want := []int{100}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v: it has one loop", got, want)
	}
}
