# sagasu. "make help" lists what there is.

GO       ?= go
FUZZTIME ?= 30s
BENCH    ?= .
# The whole tree, real Milvus and real embedding service included, on two cores and a cold cache.
TIMEOUT  ?= 20m
# How long, and by which dice, "make torture" goes about it.
DURATION ?= 2m
SEED     ?= 1

.DEFAULT_GOAL := help

# What "make bench-peers" measures with; see bench/peers/README.md.
CORPUS  ?=
QUERIES ?=
PEERS   ?=

.PHONY: build release demo demo-stop test lint bench bench-life bench-peers profile fuzz torture help

build: ## build bin/sagasu
	@command -v $(GO) >/dev/null || { echo "go is missing; install Go 1.26 or newer: https://go.dev/doc/install" >&2; exit 1; }
	$(GO) build -trimpath -o bin/sagasu ./cmd/sagasu

release: ## build bin/sagasu with vector instructions, optimised for the searches of "make profile"
	GOEXPERIMENT=simd $(GO) build -trimpath -pgo cmd/sagasu/search.pgo -o bin/sagasu ./cmd/sagasu

demo: build ## start a node with passages in two languages, show three kinds of search, leave it running
	@deploy/demo/demo.sh start

demo-stop: ## end what "make demo" has started
	@deploy/demo/demo.sh stop

test: ## check formatting, vet, and run every test against the real services
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then \
		echo "not formatted, run gofmt -w on:" >&2; echo "$$unformatted" >&2; exit 1; fi
	$(GO) vet ./...
	$(GO) test -timeout $(TIMEOUT) ./...
	GOEXPERIMENT=simd $(GO) test -timeout $(TIMEOUT) ./sparse/simd ./sparse/kernel ./sparse/segment

lint: bin/golangci-lint ## run the linters of .golangci.yml, at the version of tools/go.mod
	bin/golangci-lint run ./...

bench: ## run the benchmarks; BENCH=regexp chooses among them
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem ./...

bench-life: build ## measure how soon documents are in all stores, on real services; CORPUS=documents.jsonl
	$(GO) run ./bench/life -corpus '$(CORPUS)'

bench-peers: ## measure Lucene, tantivy, bleve, bluge, PISA, bm25s beside sagasu; CORPUS=, QUERIES=, PEERS="more flags"
	bench/peers/build.sh
	$(GO) run ./bench/peers -corpus '$(CORPUS)' -queries '$(QUERIES)' -work bin/peers/work -out bin/peers/results $(PEERS)

profile: build ## record the searches that "make release" optimises for; CORPUS=documents.jsonl, QUERIES=web.txt
	for kind in term and or phrase; do bin/sagasu bench local --corpus '$(CORPUS)' --queries '$(QUERIES)' --kind $$kind \
		--ops top10,top100,count --dir bin/profile --repeat 20 --cpuprofile bin/profile-$$kind.pprof >/dev/null || exit 1; done
	# The program's own path is of no use to the compiler and of this machine.
	$(GO) tool pprof -proto bin/profile-*.pprof | gunzip | \
		LC_ALL=C sed "s|$(CURDIR)/bin/sagasu|$$(printf '%s' '$(CURDIR)/bin/sagasu' | tr -c '' x)|g" | \
		gzip -n9 >cmd/sagasu/search.pgo

fuzz: ## run every fuzz target for FUZZTIME (default 30s)
	tools/fuzz.sh $(FUZZTIME)

torture: ## kill, pause and cut off nodes of a cluster under load for DURATION, by SEED, and check every write
	$(GO) run ./tests/torture -duration $(DURATION) -seed $(SEED)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

bin/golangci-lint: tools/go.mod tools/go.sum
	cd tools && $(GO) build -o ../bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint
