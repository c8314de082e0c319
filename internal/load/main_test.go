package load

import (
	"flag"
	"os"
	"testing"
)

// TestMain runs more tests side by side than there are processors: most of their time is
// spent waiting.
func TestMain(m *testing.M) {
	flag.Parse()
	flag.Set("test.parallel", "12")
	os.Exit(m.Run())
}
