# Every target is one line that can be typed without make.

GO ?= go

.PHONY: build test race vet lint cross fuzz mutate simulate conformance soak bench bench-engines compare matrix matrix-quick inject inject-quick clean

build: ## the binary, static, at bin/echod
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/echod ./cmd/echod

test: ## everything that can be proven without a clock
	$(GO) test ./...

race: ## the same under the race detector, where there is something to race
	sh .ci/race

vet: ## vet, staticcheck and gofmt
	$(GO) vet ./...
	$(GO) tool -modfile=.ci/tools.mod staticcheck ./...
	test -z "$$(gofmt -l .)"

lint: ## spelling, and phrases that have a plainer form, in documents, help texts and comments
	sh .ci/prose

cross: ## what must also build elsewhere
	sh .ci/cross

fuzz: ## every fuzz target for FUZZTIME each
	sh .ci/fuzz $(FUZZTIME)

mutate: ## mutation testing of what computes, or of PKG alone (./internal/hist): takes an hour
	sh .ci/mutate $(PKG)

simulate: ## whole services on a simulated kernel, from N seeds (FIRST is the first of them)
	$(GO) test -timeout 12h ./internal/simulation -seeds $(or $(N),20000) -first $(or $(FIRST),1)

conformance: ## N random sequences of calls on the simulated and on the real kernel
	ECHOD_SEQUENCES=$(or $(N),10000) $(GO) test -run '^TestConformance$$' -count 1 -timeout 6h -v ./internal/sys/sim

soak: ## an honest engine passes check 50 times on a busy machine
	ECHOD_SOAK=50 $(GO) test -run NoFalseAlarm -count 1 -parallel 12 -timeout 3h -v ./internal/engines

bench: ## Go benchmarks of single parts
	$(GO) test -run '^$$' -bench . ./internal/...

bench-engines: ## the engines against a C epoll loop: ratios of interleaved pairs
	cd lab/compare && $(GO) run ./cmd/compare -only 50x64x1,1000x64x1 -engines epoll -peers=false $(BENCH)

compare: ## echod against C and other Go servers; QUICK=1: within three minutes
	cd lab/compare && $(GO) run ./cmd/compare -out results $(if $(QUICK),-quick) $(COMPARE)

matrix: ## check through programs that people use: writes docs/matrix.md
	cd lab/matrix && $(GO) run . $(MATRIX)

matrix-quick: ## the same through haproxy, nginx and socat alone: writes nothing
	cd lab/matrix && $(GO) run . -quick $(MATRIX)

inject: ## every system call of the real binary with every errno, under strace: half an hour
	cd lab/inject && $(GO) run . $(INJECT)

inject-quick: ## a sample of that, the same each time: within a minute
	cd lab/inject && $(GO) run . -sample 90 -seed 1 $(INJECT)

clean:
	rm -rf bin
