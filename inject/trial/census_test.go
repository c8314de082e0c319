package trial

import (
	"echod/inject/plan"
	"fmt"
	"os"
	"sort"
	"testing"
)

func TestX(t *testing.T) {
	s, err := Open(t.TempDir(), os.Getenv("ECHOD"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, target := range plan.Targets() {
		Held(func() {
			m, err := s.Census(target)
			if err != nil {
				t.Error(target.Name, err)
				return
			}
			var names []string
			for n := range m {
				names = append(names, fmt.Sprint(n, "=", m[n]))
			}
			sort.Strings(names)
			if target.Phase == plan.Draining || target.Lean {
				fmt.Println(target.Name, names)
			}
		})
	}
}
