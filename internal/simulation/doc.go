// Package simulation runs whole services, agents and admin servers on a simulated kernel
// and in simulated time, and checks after every step that docs/promises.md holds.
//
// A seed decides the plan of a run: the configuration of the service, what its peers do, how
// the kernel behaves and what the operator does. The same seed gives the same plan, but the
// goroutines of a step may run in another order: -count 20 plays a seed 20 times. If a plan
// breaks a promise, the test shrinks it and prints its steps. It keeps the trace of the shrunk plan
// (docs/trace.md), in which time is that of the simulated machine, and prints the command that draws
// it. The seed is then kept in testdata/seeds.txt, which every run repeats.
//
//	go test ./internal/simulation                    # a thousand seeds
//	go test ./internal/simulation -seeds 1000000     # more of them
//	go test ./internal/simulation -seed 4711 -v      # one, with its plan and its trace
//
// The package has tests only. Read plan_test.go first (what a seed decides), then run_test.go
// and step_test.go (how a plan is played) and check_test.go (the promises). machine_test.go
// lets several goroutines share the simulated kernel. network_test.go and descriptor_test.go
// are package net on that kernel. trace_test.go records a run. environment_test.go has the
// reader of the log and the service manager, tls_test.go the clients of a tls listener,
// program_test.go the runs of the agent and of the admin server.
//
// calls_test.go has no seeds: it counts the system calls of each engine for what a peer does.
package simulation
