// Package simulation runs whole services on a simulated kernel and in simulated time,
// and checks after every step that docs/promises.md holds.
//
// A seed draws a plan: the configuration of the service, what its peers do, how the
// kernel behaves and what the operator does. The same seed draws the same plan. A plan
// that breaks a promise is shrunk, printed step by step, and its seed is kept in
// testdata/seeds.txt, which every run replays.
//
//	go test ./internal/simulation                    # a few thousand seeds
//	go test ./internal/simulation -seeds 1000000     # as many as there is time for
//	go test ./internal/simulation -seed 4711 -v      # one, with its plan
//
// The package holds tests only. Read plan_test.go first (what is drawn), then
// run_test.go (how it is played) and check_test.go (what must hold); machine_test.go is
// the kernel that several goroutines share.
package simulation
