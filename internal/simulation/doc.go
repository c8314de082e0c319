// Package simulation runs whole services, agents and admin servers on a simulated kernel
// and in simulated time, and checks after every step that docs/promises.md holds.
//
// A seed draws a plan: the configuration of the service, what its peers do, how the
// kernel behaves and what the operator does. The same seed draws the same plan, but
// goroutines do not always take the same turns: -count 20 plays a seed 20 times. A plan
// that breaks a promise is shrunk, printed step by step, and its seed is kept in
// testdata/seeds.txt, which every run replays.
//
//	go test ./internal/simulation                    # a thousand seeds
//	go test ./internal/simulation -seeds 1000000     # as many as there is time for
//	go test ./internal/simulation -seed 4711 -v      # one, with its plan
//
// The package holds tests only. Read plan_test.go first (what is drawn), then
// run_test.go and step_test.go (how it is played) and check_test.go (what must hold);
// machine_test.go is the kernel that several goroutines share. What package net makes of
// such a kernel is in network_test.go and descriptor_test.go. outside_test.go is who reads
// the log and who manages the service, secure_test.go the clients of a tls listener. The
// agent and the admin server are in program_test.go, and beside_test.go plays them.
package simulation
