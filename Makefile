# Each target is one command, which also works without make.

GO ?= go

.PHONY: build dist test race vet lint cross fuzz mutate simulate conformance soak bench bench-engines bench-uring compare profile growth matrix matrix-quick inject inject-quick cluster vulncheck clean

build: ## the binary, static, at bin/echod
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/echod ./cmd/echod

dist: ## archives, packages and images of the commit, in bin/dist; MAINTAINER is who answers for the packages
	cd packaging && $(GO) run ./dist $(DIST)

test: ## all tests
	$(GO) test ./...

race: ## the tests under the race detector, without packages that have one thread
	sh .ci/race

vet: ## vet, staticcheck and gofmt
	$(GO) vet ./...
	$(GO) tool -modfile=.ci/tools.mod staticcheck ./...
	test -z "$$(gofmt -l .)"

lint: ## spelling, and phrases that have a plainer form, in documents, help texts and comments
	sh .ci/prose

cross: ## builds for other systems
	sh .ci/cross

fuzz: ## every fuzz target for FUZZTIME each
	sh .ci/fuzz $(FUZZTIME)

mutate: ## mutation testing, for an hour, or of one package: PKG=./internal/hist
	sh .ci/mutate $(PKG)

simulate: ## whole services on the simulated kernel, from N seeds, of which FIRST is the first; or only SEED; traces are kept in TRACE_DIR
	$(GO) test -timeout 12h ./internal/simulation -trace-dir "$(abspath $(TRACE_DIR))" $(if $(SEED),-run '^TestPromisesHoldForEverySeed$$' -count 1 -v -seed $(SEED),-seeds $(or $(N),20000) -first $(or $(FIRST),1))

conformance: ## N random sequences of calls on the simulated and on the real kernel
	ECHOD_SEQUENCES=$(or $(N),10000) $(GO) test -run '^TestConformance$$' -count 1 -timeout 6h -v ./internal/sys/sim

soak: ## check reports no failure in 50 runs of an honest engine on a busy machine, and of slow or lossy paths
	ECHOD_SOAK=50 $(GO) test -run NoFalseAlarm -count 1 -parallel 12 -timeout 3h -v ./internal/engines ./check

bench: ## Go benchmarks
	$(GO) test -run '^$$' -bench . ./internal/...

bench-engines: ## epoll against a C loop on epoll
	cd lab/compare && $(GO) run ./cmd/compare -only 50x64x1,1000x64x1 -engines epoll -go-servers=false -latency=false $(BENCH)

bench-uring: ## io_uring against epoll, in C
	cd lab/compare && $(GO) run ./cmd/compare -uring -engines epoll -go-servers=false -latency=false \
		-only 1x64x1,50x64x1,1000x64x1,50x64x16,10x65536x4 $(BENCH)

compare: ## echod against C and other Go servers; CELL=50x64x1 for one workload, with A=PROGRAM B=REVISION for two builds; QUICK=1 only tests it
	cd lab/compare && $(GO) run ./cmd/compare $(if $(CELL),-only $(CELL),-out results) \
		$(if $(A)$(B),-a '$(call BUILD,$(A))' -b '$(call BUILD,$(B))') $(if $(QUICK),-quick) $(COMPARE)

profile: ## cmd/echod/default.pgo, the profile with which go build compiles echod, within a minute
	sh .ci/profile

growth: ## how the cost of each engine grows with the number of connections, in seven minutes: writes the documents, too
	cd lab/compare && $(GO) run ./cmd/compare -growth -out results $(GROWTH)

# BUILD is the absolute path of a program, or a revision as it is.
BUILD = $(if $(wildcard $(1)),$(abspath $(1)),$(1))

matrix: ## check through proxies and tunnels that people use: writes docs/matrix.md and docs/matrix.svg
	cd lab/matrix && $(GO) run . $(MATRIX)

matrix-quick: ## the same through haproxy, nginx and socat only: writes nothing
	cd lab/matrix && $(GO) run . -quick $(MATRIX)

inject: ## every system call of the real binary with every errno, under strace, for half an hour
	cd lab/inject && $(GO) run . $(INJECT)

inject-quick: ## a sample of that, the same each time, within a minute
	cd lab/inject && $(GO) run . -sample 90 -seed 1 $(INJECT)

cluster: ## a Kubernetes of three nodes on this machine, with the mesh and a load: needs root
	cd lab/cluster && ./cluster demo

vulncheck: ## known vulnerabilities in what is published; VULNDB=latest for the newest list
	sh .ci/vulnerabilities $(VULNDB)

clean:
	rm -rf bin
