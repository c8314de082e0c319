//go:build linux

package reactor

import (
	"testing"

	"golang.org/x/sys/unix"

	"echod/internal/sys/sim"
)

// FuzzScript runs a scenario on a kernel that fails as the script says, with all three
// pollers. which selects the scenario.
func FuzzScript(f *testing.F) {
	for i := range scenarios {
		f.Add(byte(i), []byte(nil))
		f.Add(byte(i), everyByte(sim.Short(1)))
		f.Add(byte(i), everyByte(sim.Fail(sim.Recv, unix.EINTR)))
	}
	f.Add(byte(2), sim.FailAt(20, sim.Send, unix.ENOBUFS))
	f.Add(byte(7), sim.FailAt(3, sim.Accept4, unix.EMFILE))
	f.Fuzz(func(t *testing.T, which byte, script []byte) {
		sc := scenarios[int(which)%len(scenarios)]
		for _, e := range pollers {
			r, err := newRig(e.make, sc, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.k.SetScript(script) // not while the server is made
			r.run(sc)
			if bad := r.failures(); bad != "" {
				t.Errorf("%s, %s:\n%s", e.name, sc.name, bad)
			}
		}
	})
}

// everyByte returns a script with the same decision for every call of a scenario.
func everyByte(b byte) []byte {
	script := make([]byte, 200)
	for i := range script {
		script[i] = b
	}
	return script
}
