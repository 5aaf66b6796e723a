# bramble: SD-card images that become one Neo4j HA cluster
#
#   make            bramble, bramble-proxy and bramble-agent in build/, the card programs in build/ARCH/
#   make demo       four images become one cluster and survive a power cut (CI=1 ends by itself)
#   make check      every test this machine can run; the last line counts them
#   make check-fast unit and golden tests only: no root, no network, under a minute
#   make check-builder the longer tests of images and of hostile input; no root either
#   make faults     ROUNDS=20 [FAULT=NAME] [SEED=N]: hurt a rehearsed cluster; docs/RESULTS.md tells
#   make fuzz       HOURS=1 [TARGET=NAME]: each parser by coverage until it has had so much CPU in all (clang-14)
#   make check-pi   the arm64 card boots on an emulated Raspberry Pi 3
#   make deps       install what the build and the tests need (Debian packages; sudo when not root)
#   make inputs     base images, Java and Neo4j for this machine's rehearsals (cached outside the tree)
#   make lint       formatting, static analysis, shell scripts, lengths, no NSS in static programs
#   make bench      the numbers of docs/BENCHMARKS.md that need no cluster: builder, flashing, proxy (haproxy, nginx, wrk)
#   make install    PREFIX=/usr/local, DESTDIR honoured
#   make clean      remove build/
#
#   V=1 shows the commands, SANITIZE=1 builds with ASan and UBSan (in build/sanitize),
#   DEVELOPER=1 makes warnings errors.

V ?= 0
SANITIZE ?= 0
DEVELOPER ?= 0
PREFIX ?= /usr/local
DESTDIR ?=
CC = gcc
PKG_CONFIG ?= pkg-config
CLANG_FORMAT ?= clang-format-14
export LC_ALL = C
export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 1700000000)

CACHE := $(or $(BRAMBLE_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/bramble)
VERSION := $(shell git describe --always --dirty --match 'v*' 2>/dev/null || echo unknown)
ARCHES = amd64 arm64 armhf
B := build$(if $(filter 1,$(SANITIZE)),/sanitize)
export BRAMBLE_BUILD := $(CURDIR)/$(B)

CC_amd64 = x86_64-linux-gnu-gcc
CC_arm64 = aarch64-linux-gnu-gcc
CC_armhf = arm-linux-gnueabihf-gcc
TRIPLET_amd64 = x86_64-linux-gnu
TRIPLET_arm64 = aarch64-linux-gnu
TRIPLET_armhf = arm-linux-gnueabihf

ifneq ($(V),1)
quiet = @printf '  %-7s %s\n' $(1) $(2);
.SILENT:
endif

WARN = -Wall -Wextra -Wshadow -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef \
  -Wdate-time -Wswitch-enum -Wpointer-arith -Wwrite-strings -Wno-format-nonliteral \
  $(if $(filter 1,$(DEVELOPER)),-Werror)
CFLAGS ?= -O2 -g
BASE_CFLAGS = -std=gnu17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64 $(WARN) \
  -fstack-protector-strong -ffile-prefix-map=$(CURDIR)=. -MMD -MP \
  -DBRAMBLE_VERSION='"$(VERSION)"' -Icommon
FORTIFY = -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
ifeq ($(SANITIZE),1)
SAN = -fsanitize=address,undefined -fno-omit-frame-pointer
FORTIFY =
endif
LDFLAGS += -Wl,-z,relro,-z,now -Wl,--build-id=none

COMMON_SRC := $(sort $(wildcard common/*.c))
BUILDER_SRC := $(sort $(wildcard builder/*.c builder/*/*.c))
STATIC_SRC := $(sort $(wildcard common/static/*.c)) # in the cards' static programs only
PROXY_SRC := $(sort $(wildcard proxy/*.c proxy/*/*.c))
AGENT_SRC := $(sort $(wildcard node-agent/*.c node-agent/*/*.c))

BUILDER_PKGS = com_err e2p expat ext2fs fdisk jansson libarchive libconfuse libcrypt libcrypto libcurl liblzma libsodium
BUILDER_CFLAGS = $(shell $(PKG_CONFIG) --cflags $(BUILDER_PKGS))
BUILDER_LIBS = $(shell $(PKG_CONFIG) --libs $(BUILDER_PKGS))
CARD_LIBS = -lconfuse -ljansson -lsodium
PROXY_LIBS = -lssl -lcrypto # behind $(CARD_LIBS)

.PHONY: all
all: $(B)/bramble $(B)/bramble-proxy $(B)/bramble-agent

# --- this machine's own programs (dynamic; the cards get static ones below)

host_obj = $(patsubst %.c,$(B)/host/%.o,$(1))
HOST_OBJ := $(call host_obj,$(COMMON_SRC) $(BUILDER_SRC) $(PROXY_SRC) $(AGENT_SRC))

$(B)/host/%.o: %.c | $(B)/flags
	$(call quiet,CC,$<) mkdir -p $(@D) && \
	$(CC) $(BASE_CFLAGS) $(FORTIFY) $(CFLAGS) $(SAN) $(BUILDER_CFLAGS) -I$(firstword $(subst /, ,$<)) -c -o $@ $<
$(B)/host/builder/version.o: $(B)/flags

$(B)/bramble-proxy: $(call host_obj,$(COMMON_SRC) $(PROXY_SRC))
$(B)/bramble-agent: $(call host_obj,$(COMMON_SRC) $(AGENT_SRC))
$(B)/bramble-proxy: LIBS = $(PROXY_LIBS)
$(B)/bramble-proxy $(B)/bramble-agent:
	$(call quiet,LINK,$@) $(CC) $(CFLAGS) $(SAN) $(LDFLAGS) -o $@ $^ $(CARD_LIBS) $(LIBS)

$(B)/bramble: $(call host_obj,$(COMMON_SRC) $(BUILDER_SRC)) $(B)/host/assets.o
	$(call quiet,LINK,$@) $(CC) $(CFLAGS) $(SAN) $(LDFLAGS) -o $@ $^ $(BUILDER_LIBS)

# --- the cards' programs, static, one set per architecture

# What functions of common/static/ take the place of.
WRAPPED = dlopen __libc_dlopen_mode __libc_dlsym __libc_dlclose __dcgettext _Unwind_Resume __gcc_personality_v0 \
  __gconv_lock __gconv_release_step __wcsmbs_gconv_fcts_c __wcsmbs_load_conv __wcsmbs_clone_conv __wcsmbs_named_conv \
  __vfwprintf_internal
comma := ,
# Pages are of 4 kB, on a Pi 5 of 16 kB: the linker's 64 kB only pad the file. It goes round an erratum of a Pi 3's
# Cortex-A53 (843419) where functions lie so that one could meet it, at 4 kB and more each time; sorted by name they do not.
PAGES_arm64 = -Wl,-z,max-page-size=16384 -Wl,--sort-section=name
define card_rules
build/$(1)/obj/%.o: %.c | build/$(1)/sysroot.made
	$$(call quiet,CC-$(1),$$<) mkdir -p $$(@D) && \
	$$(CC_$(1)) $$(BASE_CFLAGS) $$(FORTIFY) -Os -g -ffunction-sections -fdata-sections \
	  -isystem build/$(1)/sysroot/usr/include -isystem build/$(1)/sysroot/usr/include/$$(TRIPLET_$(1)) \
	  -I$$(firstword $$(subst /, ,$$<)) -c -o $$@ $$<
build/$(1)/bramble-proxy: $$(patsubst %.c,build/$(1)/obj/%.o,$$(COMMON_SRC) $$(STATIC_SRC) $$(PROXY_SRC))
build/$(1)/bramble-agent: $$(patsubst %.c,build/$(1)/obj/%.o,$$(COMMON_SRC) $$(STATIC_SRC) $$(AGENT_SRC))
build/$(1)/bramble-proxy: LIBS = $(PROXY_LIBS)
build/$(1)/bramble-proxy build/$(1)/bramble-agent: common/static/no_frames.ld
	$$(call quiet,LINK,$$@) $$(CC_$(1)) -Os -g $$(LDFLAGS) $$(PAGES_$(1)) -Wl,--gc-sections -Wl,--fatal-warnings $$(addprefix -Wl$$(comma)--wrap=,$$(WRAPPED)) \
	  -Wl,-T,common/static/no_frames.ld -static -o $$@.full $$(filter %.o,$$^) -Lbuild/$(1)/sysroot/usr/lib/$$(TRIPLET_$(1)) $$(CARD_LIBS) $$(LIBS) && \
	$$(TRIPLET_$(1))-strip -o $$@ $$@.full
# The link leads into the store itself: another tree's recipe may move the cache's own.
build/$(1)/sysroot.made: images/sysroot.sh
	images/sysroot.sh $(1)
	mkdir -p build/$(1) && ln -sfn $$$$(readlink -f $$(CACHE)/sysroot/$(1)) build/$(1)/sysroot && touch $$@
CARD_DEPS += $$(patsubst %.c,build/$(1)/obj/%.d,$$(COMMON_SRC) $$(PROXY_SRC) $$(AGENT_SRC))
endef
$(foreach a,$(ARCHES),$(eval $(call card_rules,$(a))))
CARD_PROGRAMS = $(foreach a,$(ARCHES),build/$(a)/bramble-proxy build/$(a)/bramble-agent)

# What a source takes in by .incbin, which the compiler does not tell.
$(call host_obj,proxy/stats/assets.c) $(foreach a,$(ARCHES),build/$(a)/obj/proxy/stats/assets.o): \
  proxy/stats/page.css proxy/stats/page.js

# --- assets: overlays and the cards' programs in one deterministic tar inside bramble

OVERLAY_FILES := $(shell find overlays -type f -o -type l 2>/dev/null | sort)
build/assets.tar: $(OVERLAY_FILES) $(CARD_PROGRAMS)
	$(call quiet,TAR,$@) rm -rf build/assets && mkdir -p build/assets/overlays && \
	cp -a overlays/. build/assets/overlays/ && \
	for a in $(ARCHES); do install -D -t build/assets/programs/$$a -m 0755 \
	  build/$$a/bramble-proxy build/$$a/bramble-agent; done && \
	tar --sort=name --mtime=@$(SOURCE_DATE_EPOCH) --owner=0 --group=0 --numeric-owner \
	  --mode=u=rwX,go=rX -C build/assets -cf $@ overlays programs
$(B)/host/assets.o: builder/assets.S build/assets.tar examples/garden.conf builder/fetch/catalogue.json
	$(call quiet,AS,$<) mkdir -p $(@D) && $(CC) -c -Wa,-Ibuild -Wa,-I. -o $@ $<

# What tells the version is compiled again when that changes, and only that.
VERSIONED := $(shell grep -l BRAMBLE_VERSION $(COMMON_SRC) $(BUILDER_SRC) $(PROXY_SRC) $(AGENT_SRC))
card_obj = $(patsubst %.c,build/$(1)/obj/%.o,$(filter-out builder/%,$(2)))
$(call host_obj,$(VERSIONED)) $(foreach a,$(ARCHES),$(call card_obj,$(a),$(VERSIONED))): build/version
build/version: FORCE
	@mkdir -p $(@D); echo '$(VERSION)' | cmp -s - $@ || echo '$(VERSION)' > $@

# Remembers the flags, so that changing them rebuilds.
FLAGS_NOW = $(CC) $(CFLAGS) $(SAN) $(DEVELOPER) $(VERSION)
$(B)/flags: FORCE
	@mkdir -p $(@D); echo '$(FLAGS_NOW)' | cmp -s - $@ || echo '$(FLAGS_NOW)' > $@
.PHONY: FORCE
FORCE:

-include $(HOST_OBJ:.o=.d) $(CARD_DEPS)

# --- unit tests: tests/unit/NAME.c, each linked with common and what it names in tests/unit/NAME.use

UNIT := $(patsubst tests/unit/%.c,%,$(sort $(wildcard tests/unit/*_test.c)))
UNIT_BIN = $(UNIT:%=$(B)/unit/%)
$(B)/unit/%: tests/unit/%.c $(HOST_OBJ) tests/unit/tap.h
	$(call quiet,TEST,$@) mkdir -p $(@D) && $(CC) $(BASE_CFLAGS) $(CFLAGS) $(SAN) $(BUILDER_CFLAGS) \
	  -I. -Itests/unit -Ibuilder -Iproxy -MF $@.d -o $@ $< $(call host_obj,$(COMMON_SRC)) \
	  $(call host_obj,$(shell sed -n 's,^// use: ,,p' tests/unit/$*.c)) $(BUILDER_LIBS)

# Libraries that tests put in front of libc: devices that fail.
PRELOAD_BIN = $(patsubst tests/preload/%.c,$(B)/preload/%.so,$(wildcard tests/preload/*.c))
$(B)/preload/%.so: tests/preload/%.c
	$(call quiet,TEST,$@) mkdir -p $(@D) && $(CC) -std=gnu17 -D_GNU_SOURCE -D_LARGEFILE64_SOURCE \
	  $(WARN) $(CFLAGS) -fPIC -shared -o $@ $< -ldl

.PHONY: unit-tests
unit-tests: $(UNIT_BIN) $(PRELOAD_BIN)

.PHONY: check check-fast check-builder check-pi check-cluster faults fuzz demo inputs lint bench deps clean help install
check: deps
	$(MAKE) --no-print-directory -j"$$(nproc)" all unit-tests
	tests/run all
check-fast: all unit-tests
	tests/run fast
check-builder: all unit-tests
	tests/run builder
check-cluster: all inputs
	tests/run cluster
faults: all
	python3 tests/cluster/faults/faults.py --rounds $(or $(ROUNDS),20) \
	  $(if $(FAULT),--fault $(FAULT)) $(if $(SEED),--seed $(SEED))
fuzz:
	tests/fuzz/run.sh $(or $(HOURS),1) $(TARGET)
check-pi: all
	tests/run pi
inputs:
	images/inputs.sh
demo:
	tests/demo.sh $(if $(CI),--ci)
lint:
	tests/lint.sh
bench: all
	tests/bench/run.sh
	tests/bench/flash.sh
	python3 tests/bench/proxy.py
	python3 tests/bench/soak.py
	python3 tests/bench/powercut.py
deps:
	tests/deps.sh
help:
	@sed -n '1,/^$$/{/^#/s/^# \{0,1\}//p}' Makefile
clean:
	rm -rf build
install: all
	install -D -m 0755 -t $(DESTDIR)$(PREFIX)/bin build/bramble build/bramble-proxy
	install -D -m 0644 -t $(DESTDIR)$(PREFIX)/share/man/man1 builder/bramble.1
	install -D -m 0644 -t $(DESTDIR)$(PREFIX)/share/man/man5 builder/cluster.conf.5 proxy/bramble-proxy.conf.5
	install -D -m 0644 -t $(DESTDIR)$(PREFIX)/share/man/man8 node-agent/bramble-agent.8 proxy/bramble-proxy.8
