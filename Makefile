# Each target works on a fresh checkout. `make help` lists them.
PYTHON ?= python3
PIP_FLAGS ?=
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check $(PIP_FLAGS)
REFERENCE := .venv-reference
PEERS := .venv-peers
STUBS := gapless/tts/v1
ENGINE_STUBS := gapless/engine/v1
RIVA := service/riva/protos
RESUME := service/rpc/resume_token
BASELINE := proto/baseline.binpb
LOCK := deploy/requirements.txt
BUF := tests/node/node_modules/.bin/buf
# What a dependency of the service may be licensed under: permissive, or weakly copyleft like the LGPL; never the GPL.
LICENCES := Apache;BSD;MIT;PSF-2.0;Python Software Foundation;LGPL;Lesser General Public

.DEFAULT_GOAL := help
.PHONY: help demo environments test peers reference parity serve check lock stubs sequences scale-test ray-test attack page screenshot replacements faults soak changes baseline bench clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo: $(VENV)/.service  ## set up, start the service, speak, write out/demo.wav, show where the time went, stop
	$(BIN)/python -m benchmarks.demo --out out/demo.wav --timeline out/demo.svg

serve: $(VENV)/.service  ## set up and run the service on 127.0.0.1:50051
	$(BIN)/python -m service

environments: $(VENV)/.dev $(REFERENCE)/.ready $(PEERS)/clients/.ready $(PEERS)/agents/.ready tests/node/node_modules/.ready  ## set up what the tests run in; with -j2 side by side

test: environments  ## set up and run all tests: side by side, and then one by one those that hear or time something
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal -m "not real_time"
	$(BIN)/python -m pytest -m real_time

peers: $(VENV)/.dev $(PEERS)/clients/.ready $(PEERS)/agents/.ready $(PEERS)/pipecat/.ready $(PEERS)/livekit/.ready $(PEERS)/ffmpeg/.ready  ## speak with OpenAI's and NVIDIA's clients, with pipecat, LiveKit and ffmpeg, in environments of their own
	GAPLESS_TURNS=50 $(BIN)/python -m pytest -s tests/peers

reference: $(REFERENCE)/.ready  ## install the reference implementation in an environment of its own

parity: $(VENV)/.dev $(REFERENCE)/.ready  ## compare with the reference implementation at the published sizes, and write the table of docs/parity.md
	GAPLESS_PARITY=full GAPLESS_PARITY_REPORT=docs/parity.md $(BIN)/python -m pytest tests/parity

check: $(VENV)/.dev tests/node/node_modules/.ready  ## check style, format, types, import contracts, licences, proto and its compatibility, and that the stubs are up to date
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	mkdir -p out
	$(BIN)/pip-licenses --from mixed --partial-match --allow-only "$(LICENCES)" --fail-on "AND GPL;AND AGPL" --format csv \
	  --packages torch $$(sed -n 's/==.*//p' $(LOCK)) > out/licences.csv
	$(BUF) lint
	$(BUF) breaking --against $(BASELINE)
	$(MAKE) stubs STUBS_OUT=out/stubs && diff -r -x __pycache__ -x __init__.py -x py.typed out/stubs/$(STUBS) $(STUBS)
	diff -r -x __pycache__ -x __init__.py -x py.typed out/stubs/$(ENGINE_STUBS) $(ENGINE_STUBS)
	cmp out/stubs/$(RIVA)/riva.binpb $(RIVA)/riva.binpb
	cmp out/stubs/$(RESUME)_pb2.py $(RESUME)_pb2.py && cmp out/stubs/$(RESUME)_pb2.pyi $(RESUME)_pb2.pyi

stubs: STUBS_OUT ?= .
stubs: $(VENV)/.dev  ## generate the Python stubs from proto/ and of resume tokens, and the description of NVIDIA Riva's messages
	mkdir -p $(STUBS_OUT)
	$(BIN)/python -m grpc_tools.protoc -I proto --python_out=$(STUBS_OUT) --pyi_out=$(STUBS_OUT) \
	  --grpc_python_out=$(STUBS_OUT) $(STUBS)/tts.proto $(ENGINE_STUBS)/engine.proto
	mkdir -p $(STUBS_OUT)/$(RIVA)
	$(BIN)/python -m grpc_tools.protoc -I $(RIVA) --include_imports \
	  --descriptor_set_out=$(STUBS_OUT)/$(RIVA)/riva.binpb riva/proto/riva_tts.proto
	$(BIN)/python -m grpc_tools.protoc -I . --python_out=$(STUBS_OUT) --pyi_out=$(STUBS_OUT) $(RESUME).proto

# uv resolves for an image of Linux and CPython 3.11; the hashes are those of all files of a release. What the tests run
# with is resolved first, so that the image gets the same versions. torch's wheels for CPUs have an index of their own:
# deploy/torch-cpu.txt, which is kept by hand.
COMPILE := $(BIN)/uv pip compile --quiet --upgrade --python-version 3.11 --python-platform x86_64-manylinux_2_28 \
  --no-annotate --custom-compile-command "make lock" --constraint constraints.txt
TORCH_WHEELS ?= --torch-backend cpu

lock: $(VENV)/.dev  ## pin what the image and the tests install, newest versions with hashes: deploy/*.txt
	mkdir -p out
	$(INSTALL) uv
	$(COMPILE) pyproject.toml --extra dev $(TORCH_WHEELS) -o out/tested.txt
	$(COMPILE) pyproject.toml --extra service --extra http --extra wyoming $(TORCH_WHEELS) --constraint out/tested.txt --no-emit-package torch \
	  --generate-hashes -o $(LOCK)
	sed 's/ \\$$//; /^ *--hash/d' $(LOCK) > out/locked.txt
	echo torch | $(COMPILE) - --constraint out/locked.txt --generate-hashes -o deploy/torch-cuda.txt
	echo setuptools | $(COMPILE) - --constraint out/locked.txt --generate-hashes -o deploy/setuptools.txt

sequences: $(VENV)/.dev  ## play 100,000 random sequences of calls against a scripted engine and 2,000 against the embedded voice
	GAPLESS_SEQUENCES=100000 $(BIN)/python -m pytest -s tests/service/test_sequences.py

page: $(VENV)/.dev  ## hear the page in eight tabs of a browser at once, and take pictures of it in four sizes
	GAPLESS_TABS=8 $(BIN)/python -m pytest -s tests/doors/http/page
	$(BIN)/python -m benchmarks.attribution.browser_page --out out/browser

screenshot: $(VENV)/.dev  ## make the pictures of the page that README and docs show
	$(BIN)/python -m benchmarks.attribution.browser_page --images docs/images

replacements: $(VENV)/.dev  ## replace certificates and tokens of a running service a hundred times under load
	GAPLESS_REPLACEMENTS=100 $(BIN)/python -m pytest -s tests/service/access/test_replaced_files.py
faults: $(VENV)/.dev  ## break a service in some thirty ways, each beside a neighbour, and look at what every caller is told
	$(BIN)/python -m benchmarks.faults.thirty_faults

soak: $(VENV)/.service  ## speak 10,000 utterances, some cancelled, and look at memory and times: half an hour
	$(BIN)/python -m benchmarks.faults.many_utterances

changes: $(VENV)/.service  ## take a core away from a service under load, put other work beside it, start it beside a busy process: 18 minutes
	$(BIN)/python -m benchmarks.scale.changing_machine --scene confined
	$(BIN)/python -m benchmarks.scale.changing_machine --scene outside
	$(BIN)/python -m benchmarks.scale.changing_machine --scene busy_start

baseline: tests/node/node_modules/.ready  ## make the contract as it is the one that later changes are checked against
	$(BUF) build --exclude-source-info -o $(BASELINE)
	@echo "add to CHANGELOG.md: Contract baseline $$(sha256sum $(BASELINE) | cut -c1-16)"

scale-test: $(VENV)/.dev  ## kill, stop, cut off and drain engines, and kill gateways, while listeners play; a thousand listeners; ten minutes without a fault, and ten with
	$(BIN)/python -m benchmarks.scale.kill --rounds 50 --out out/kill.json
	$(BIN)/python -m benchmarks.scale.kill --model embedded --listeners 6 --rounds 10 --kinds kill stop cut drain --out out/kill-embedded.json
	$(BIN)/python -m benchmarks.scale.kill --kinds none --rounds 100 --out out/kill-none.json
	$(BIN)/python -m benchmarks.scale.many_engines --out out/many-engines.json
	$(BIN)/python -m benchmarks.scale.random_faults --minutes 10 --out out/random-faults.json
	$(BIN)/python -m benchmarks.scale.gateway

ray-test: $(VENV)/.dev $(PEERS)/ray/.ready  ## install Ray in an environment of its own, and kill, stop and add nodes of a cluster while listeners play: 5 minutes
	$(BIN)/python -m pytest -s tests/peers/test_ray.py

attack: $(VENV)/.service  ## flood the service with calls, messages and odd texts, beside a neighbour that must notice nothing
	$(BIN)/python -m benchmarks.attack

bench: $(VENV)/.service  ## measure TTFA, RTF and chunk gaps of 40 utterances, one at a time; `python -m benchmarks` lists other measurements
	$(BIN)/python -m benchmarks.latency.one_at_a_time --utterances 40

clean:  ## remove everything that the targets made, environments included
	rm -rf $(VENV) $(REFERENCE) $(PEERS) out build dist *.egg-info tests/node/node_modules

# What the image installs, by hash; torch as the platform has it, at the version that the project is tested with. See
# README.md, "Two commands", for torch. One dependency has no wheel: setuptools builds it, and comes first therefore.
$(VENV)/.service: deploy/setuptools.txt $(LOCK) constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) --require-hashes -r deploy/setuptools.txt
	$(INSTALL) --require-hashes --no-deps --no-build-isolation -r $(LOCK)
	$(INSTALL) -c constraints.txt torch
	touch $@

$(VENV)/.dev: $(VENV)/.service pyproject.toml
	$(INSTALL) -c constraints.txt '.[dev]'
	$(BIN)/pip uninstall --quiet --yes gapless  # the checkout itself is what runs
	touch $@

# The reference's own pins exclude each other; tests/parity/requirements.txt says what is installed instead.
$(REFERENCE)/.ready: tests/parity/requirements.txt tests/parity/packages.txt constraints.txt
	$(PYTHON) -m venv $(REFERENCE)
	$(REFERENCE)/bin/pip install --quiet --disable-pip-version-check $(PIP_FLAGS) -c constraints.txt torch \
	  -r tests/parity/requirements.txt
	$(REFERENCE)/bin/pip install --quiet --disable-pip-version-check $(PIP_FLAGS) --no-deps -r tests/parity/packages.txt
	touch $@

# tests/peers/README.md: other people's programs. The lists of the first two are complete, so pip resolves nothing.
$(PEERS)/clients/.ready $(PEERS)/agents/.ready: $(PEERS)/%/.ready: tests/peers/requirements-%.txt $(VENV)/.dev
	$(PYTHON) -m venv --without-pip $(PEERS)/$*
	$(BIN)/pip --python $(PEERS)/$*/bin/python install --quiet --disable-pip-version-check $(PIP_FLAGS) \
	  --no-compile --no-deps -r tests/peers/requirements-$*.txt
	touch $@

# So is Ray's. It is compiled: a node gives its own parts 15 s to start.
$(PEERS)/ray/.ready: tests/peers/requirements-ray.txt $(VENV)/.dev
	$(PYTHON) -m venv --without-pip $(PEERS)/ray
	$(BIN)/pip --python $(PEERS)/ray/bin/python install --quiet --disable-pip-version-check $(PIP_FLAGS) \
	  --no-deps -r tests/peers/requirements-ray.txt
	touch $@

$(PEERS)/%/.ready: tests/peers/requirements-%.txt $(VENV)/.dev
	$(PYTHON) -m venv --without-pip $(PEERS)/$*
	$(BIN)/pip --python $(PEERS)/$*/bin/python install --quiet --disable-pip-version-check $(PIP_FLAGS) \
	  -r tests/peers/requirements-$*.txt
	touch $@

tests/node/node_modules/.ready: tests/node/package.json tests/node/package-lock.json
	cd tests/node && npm install --no-save --silent --no-audit --no-fund
	touch $@
