# Targets are one-liners; what they do is typed code in tests/.
.PHONY: up down images run labs check test soak e2e chart-life pictures generate start bench readme docs release

up: ## a Kubernetes of three nodes with the sample shop on it; CLUSTER=kind, k3d, minikube, current: on that cluster of yours, VALUES=file: with Helm values
	@cargo run --bin testbed -- shop-up

down: ## takes away what `make up` made, but for the cache; with CLUSTER as there: the shop and the chart, not the cluster
	@cargo run --bin testbed -- down

images: ## the two images by docker, podman or buildah (BUILDER=…); PROFILE=dev: compiled in a fraction of the time
	@cargo run --bin testbed -- images

run: ## one local Cassandra on loopback and the API in front of it at port 5000
	@cargo run --bin local-cassandra -- --api

labs: ## three Cassandra nodes on this machine with the API in front, and `lab` to break them: docs/labs
	@cargo build --quiet --bin lab && cargo run --bin local-cassandra -- --nodes 3 --api --control

check: ## what must hold before each commit
	@cargo run --bin check

test: ## everything: check, the API on a ring, rings of its own, the stories on a Kubernetes, the README
	@cargo run --bin suite

soak: ## the store's people at work while the ring breaks in every way; figures into docs/soak.md; 10,000 new walks of the operator
	@cargo run --bin soak -- --rounds 4 --people 32 --document docs/soak.md
	@cargo run --bin manners -- --rows 1000000 --seconds 120 --greedy 12
	@cargo run --bin labs -- scaling
	@PROPTEST_CASES=10000 cargo test --workspace --lib -- --nocapture simulation::walks

e2e: ## the end-to-end story on a Kubernetes of its own, under constant load, and the life of the chart; figures into docs/story.md
	@cargo build --bins && cargo run --bin e2e -- --document docs/story.md

chart-life: ## of `make e2e` this alone: install, upgrade, roll back and remove the chart beside a shop that serves, with Helm 3 and 4
	@cargo build --bins && cargo run --bin e2e -- --cluster chart --only chart

pictures: ## the console's screens into docs/console, and the dashboards after a story into docs/dashboards, drawn in Chromium
	@STORE_CONSOLE_SCRIPT=pictures.mjs STORE_CONSOLE_PICTURES=$(CURDIR)/docs/console cargo test --workspace --test api -- --ignored --nocapture the_console_in_a_real_browser
	@cargo build --bins && cargo run --bin e2e -- --cluster pictures --cassandra 5.0 --only stories --pictures docs/dashboards

generate: ## CRD, OpenAPI document, the chart's copy of the CRD, k8s/, the references of chart and StoreCluster
	@cargo run --bin generate

start: ## how long `make up` and `make run` take, from nothing and from the cache; into docs/start.md
	@cargo run --bin start

bench: ## figures and ratios of the API and the operator, into docs/bench.md
	@cargo run --bin bench

readme: ## the README's commands, on a shop of their own
	@cargo run --bin readme

docs: ## the documents as a site, into target/book
	@cargo run --bin book

release: ## VERSION=1.2.3: what that version is released as beside its images, into target/release-1.2.3; REGISTRY=host/path: where they are pulled from
	@cargo run --bin release
