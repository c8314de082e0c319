package comparison

import (
	"context"
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
