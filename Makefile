# SPDX-License-Identifier: Apache-2.0
# Hand-written and non-recursive. One static library a folder of src/, one program a main.cc, one unit-test program a folder.
# Variables a user may set: BUILD (where objects go), CXX, CXXFLAGS, LDFLAGS, prefix, DESTDIR, CONFIGURE_FLAGS, JPEGS.

BUILD ?= build
CONFIGURE_FLAGS ?=
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

# demo and check configure by a second make, once what configure looks for is installed.
UNCONFIGURED_GOALS := deps deps-demo deps-check deps-bench deps-fuzz deps-long demo check check-static check-unit check-e2e check-fuzz check-long soak bench fuzz fuzz-build fuzz-minimise clean distclean
ifneq ($(if $(MAKECMDGOALS),$(filter-out $(UNCONFIGURED_GOALS),$(MAKECMDGOALS)),all),)
include config.mk
endif

config.mk: configure config.mk.in
	./configure $(CONFIGURE_FLAGS)
configure: configure.ac
	autoconf

# Which folder a program or a test may link is the folder table of ARCHITECTURE.md; order is the linker's.
LIBRARIES := base config report envelope keystore registry evidence ledger transport sandbox server uploader ingestd doctor custody pam
LIBS_base := base
LIBS_config := config $(LIBS_base)
LIBS_report := report $(LIBS_base)
LIBS_envelope := envelope $(LIBS_base)
LIBS_keystore := keystore envelope $(LIBS_base)
LIBS_registry := registry $(LIBS_base)
LIBS_evidence := evidence $(LIBS_base)
LIBS_ledger := ledger envelope $(LIBS_base)
LIBS_transport := transport $(LIBS_base)
LIBS_sandbox := sandbox $(LIBS_base)
LIBS_server := server ledger evidence registry envelope $(LIBS_base)
LIBS_uploader := uploader transport config report keystore envelope $(LIBS_base)
LIBS_ingestd := ingestd sandbox server ledger evidence registry config envelope $(LIBS_base)
LIBS_doctor := doctor transport envelope $(LIBS_base)
LIBS_custody := custody doctor transport sandbox server ledger evidence registry config report envelope $(LIBS_base)

LIBS_pam := pam registry $(LIBS_base)

EXTERN_base := $(FMT_LIBS)
EXTERN_config := $(BOOST_LIBS)
EXTERN_envelope := $(CRYPTO_LIBS)
EXTERN_keystore := $(TSS_ESYS_LIBS) $(TSS_TCTILDR_LIBS) $(P11_KIT_LIBS)
EXTERN_registry := $(CRYPT_LIBS)
EXTERN_pam := $(PAM_LIBS)
EXTERN_ledger := $(SQLITE_LIBS)
EXTERN_doctor := $(SSH2_LIBS)
EXTERN_transport := $(CURL_LIBS)
EXTERN_sandbox := $(SECCOMP_LIBS)
EXTERN_ingestd := -lpthread
EXTERN_uploader := -lpthread

PROGRAM_shutterseal-upload := uploader
PROGRAM_shutterseal-ingestd := ingestd
PROGRAM_shutterseal := custody
PROGRAMS := shutterseal-upload shutterseal-ingestd shutterseal
PROGRAM_FILES := $(PROGRAMS:%=$(BUILD)/bin/%)

PATH_FLAGS = -DSHUTTERSEAL_VERSION='"$(VERSION)"' -DSHUTTERSEAL_SYSCONFDIR='"$(sysconfdir)"' \
  -DSHUTTERSEAL_LOCALSTATEDIR='"$(localstatedir)"' -DSHUTTERSEAL_RUNSTATEDIR='"$(runstatedir)"'
ALL_CXXFLAGS = $(BASE_FLAGS) -I. $(CPPFLAGS) $(FMT_CFLAGS) $(P11_KIT_CFLAGS) $(CXXFLAGS) $(PATH_FLAGS) -pthread
ALL_LDFLAGS = $(BASE_LDFLAGS) $(LDFLAGS) -pthread

sources = $(filter-out %/main.cc,$(wildcard src/$(1)/*.cc))
objects = $(patsubst %.cc,$(BUILD)/obj/%.o,$(1))
archives = $(foreach l,$(LIBS_$(1)),$(BUILD)/lib/lib$(l).a)
externs = $(foreach l,$(LIBS_$(1)),$(EXTERN_$(l)))

PAM_MODULE := $(BUILD)/lib/pam_shutterseal.so

all: $(PROGRAM_FILES) $(PAM_MODULE)

# A change of flags or compiler rebuilds everything.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$(CXX) $(ALL_CXXFLAGS))' | cmp -s - $@ || echo '$(subst ','\'',$(CXX) $(ALL_CXXFLAGS))' > $@

# Unit tests are compiled more often than run: half the time. What defines a call of libc's, for the fault trials, must not meet
# its fortified double, and is called by a sanitizer's runtime before that is ready.
$(BUILD)/obj/test/unit/%.o: UNFORTIFIED = -O0 -g1 -U_FORTIFY_SOURCE
$(BUILD)/obj/test/fault/%.o: UNFORTIFIED = -U_FORTIFY_SOURCE -fno-sanitize=all
$(BUILD)/obj/%.o: %.cc $(BUILD)/flags
	@mkdir -p $(@D)
	$(CXX) $(ALL_CXXFLAGS) $(UNFORTIFIED) -MMD -MP -c -o $@ $<

define library
$(BUILD)/lib/lib$(1).a: $(call objects,$(call sources,$(1)))
	@mkdir -p $$(@D)
	rm -f $$@ && $$(AR) rcs $$@ $$^
endef
$(foreach l,$(LIBRARIES),$(eval $(call library,$(l))))

define program
$(BUILD)/bin/$(1): $(call objects,src/$(PROGRAM_$(1))/main.cc) $(call archives,$(PROGRAM_$(1)))
	@mkdir -p $$(@D)
	$$(CXX) $$(CXXFLAGS) -o $$@ $$^ $$(ALL_LDFLAGS) $(call externs,$(PROGRAM_$(1)))
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p))))

# Inside sshd only the entry points are seen. A sanitizer's symbols come from the program that loads it, hence the variable.
MODULE_FLAGS = -Wl,-z,defs
$(PAM_MODULE): $(call objects,$(call sources,pam)) $(call archives,pam) src/pam/exports.map
	@mkdir -p $(@D)
	$(CXX) $(CXXFLAGS) -shared -o $@ $(call objects,$(call sources,pam)) $(call archives,pam) \
	  -Wl,--version-script=src/pam/exports.map $(MODULE_FLAGS) $(filter-out -pie,$(ALL_LDFLAGS)) $(call externs,pam)

# test/unit/FOLDER_*_test.cc make build/test/unit-FOLDER.
UNIT_FOLDERS := $(foreach l,$(LIBRARIES),$(if $(wildcard test/unit/$(l)_*_test.cc),$(l)))
define unit
$(BUILD)/test/unit-$(1): $(call objects,$(wildcard test/unit/$(1)_*_test.cc) test/unit/main.cc) $(call archives,$(1))
	@mkdir -p $$(@D)
	$$(CXX) $$(CXXFLAGS) -o $$@ $$^ $$(ALL_LDFLAGS) $(call externs,$(1))
endef
$(foreach l,$(UNIT_FOLDERS),$(eval $(call unit,$(l))))

# What end-to-end tests need beside the programs, never installed: the daemon with a verifier that was taken over (the object comes before the
# archive, so that the archive's own is left out), a maker of whole fleets, and two groups on a failing disk.
$(BUILD)/test/subverted-ingestd: $(call objects,test/subverted/answer.cc src/ingestd/main.cc) $(call archives,ingestd)
	@mkdir -p $(@D)
	$(CXX) $(CXXFLAGS) -o $@ $^ $(ALL_LDFLAGS) $(call externs,ingestd)
$(BUILD)/test/make-fleet: $(call objects,test/fleet/make_fleet.cc) $(call archives,server)
	@mkdir -p $(@D)
	$(CXX) $(CXXFLAGS) -o $@ $^ $(ALL_LDFLAGS) $(call externs,server)
$(BUILD)/test/two-groups: $(call objects,test/disk/two_groups.cc) $(call archives,base)
	@mkdir -p $(@D)
	$(CXX) $(CXXFLAGS) -o $@ $^ $(ALL_LDFLAGS) $(call externs,base)
# An uploader without one mend, for the control of the soak of faults: it takes its capture directory for the one it opened, for ever.
$(BUILD)/test/careless/place.cc: src/uploader/place.cc
	@mkdir -p $(@D)
	sed 's/^bool Place::is_same() const {$$/& if (is_there()) return true;/;s/^bool Place::is_elsewhere() const {/& if (dir_) return false;/' $< > $@ && ! cmp -s $< $@
$(BUILD)/test/careless-upload: $(BUILD)/test/careless/place.cc $(call objects,src/uploader/main.cc) $(call archives,uploader)
	@mkdir -p $(@D)
	$(CXX) $(ALL_CXXFLAGS) -o $@ $^ $(ALL_LDFLAGS) $(call externs,uploader)
test-programs: $(BUILD)/test/careless-upload $(BUILD)/test/subverted-ingestd $(BUILD)/test/make-fleet $(BUILD)/test/two-groups $(BUILD)/bench/delay_proxy

unit-programs: $(UNIT_FOLDERS:%=$(BUILD)/test/unit-%)

# Libraries that a trial preloads (test/fault).
$(BUILD)/fault/%.so: $(BUILD)/obj/test/fault/%.o
	@mkdir -p $(@D)
	$(CXX) $(CXXFLAGS) -shared -o $@ $^ $(filter-out -pie,$(ALL_LDFLAGS)) -ldl
fault-programs: $(patsubst test/fault/%.cc,$(BUILD)/fault/%.so,$(wildcard test/fault/*.cc))

# All cores, unless the caller chose.
SUBMAKE = $(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

# What is missing is installed by name and said; `make deps` alone is what a build needs.
deps:
	sh scripts/deps.sh build
deps-demo:
	sh scripts/deps.sh demo
deps-check:
	sh scripts/deps.sh check
deps-bench:
	sh scripts/deps.sh bench
deps-fuzz:
	sh scripts/deps.sh fuzz
deps-long:
	sh scripts/deps.sh long

# demo and check install first and configure afterwards, hence the second make.
demo: deps-demo
	$(SUBMAKE) all
	sh demo/run.sh $(BUILD)/bin $(BUILD)/demo $(JPEGS)
check: deps-check
	$(SUBMAKE) all unit-programs test-programs fault-programs
	$(SUBMAKE) $(ASAN) all unit-programs fuzz-programs
	sh test/run.sh $(BUILD) static unit fuzz e2e sanitized reports
check-static: deps-check
	sh test/run.sh $(BUILD) static
check-unit: deps-check
	$(SUBMAKE) unit-programs
	sh test/run.sh $(BUILD) unit
check-fuzz: deps-check
	$(SUBMAKE) $(ASAN) fuzz-programs
	sh test/run.sh $(BUILD) fuzz
check-e2e: deps-check
	$(SUBMAKE) all test-programs fault-programs
	sh test/run.sh $(BUILD) e2e

# Every build of its own folder. OpenSSL, libcurl and SQLite are not instrumented: what is found is ours. What g++ then calls uninitialised
# inside {fmt} is the sanitizer's own. Its check of virtual tables asks the kernel through a pipe, which the verifiers' sandbox ends.
ASAN_FLAGS = -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-sanitize=vptr
ASAN = BUILD=$(BUILD)/asan CXXFLAGS='-O1 -g1 $(ASAN_FLAGS) -Wno-uninitialized -Wno-maybe-uninitialized' LDFLAGS='$(ASAN_FLAGS)' MODULE_FLAGS=
TSAN = BUILD=$(BUILD)/tsan CXXFLAGS='-O1 -g1 -fsanitize=thread' LDFLAGS='-fsanitize=thread' MODULE_FLAGS=
runtime = SANITIZER_RUNTIME=$$($(CXX) -print-file-name=lib$(1).so)

# The other compiler, by Debian 12's name or by Debian 13's; asked when it is used, once it is installed.
CLANGXX = $(notdir $(shell command -v clang++-14 || echo clang++-19))

# What takes longer: the other compiler, everything again under the sanitizers, the linters that take minutes, a minute of fuzzing for each target, the long form
# of each trial.
check-long: deps-long
	$(SUBMAKE) all test-programs fault-programs
	$(SUBMAKE) BUILD=$(BUILD)/clang CXX=$(CLANGXX) BASE_FLAGS='$(filter-out -ftrivial-auto-var-init=%,$(BASE_FLAGS))' CXXFLAGS='-O1 -g1 -Werror' all unit-programs test-programs fault-programs bench-programs
	$(SUBMAKE) $(ASAN) all unit-programs test-programs fault-programs
	$(SUBMAKE) $(TSAN) all unit-programs test-programs fault-programs
	sh test/run.sh $(BUILD) lint
	$(SUBMAKE) fuzz MINUTES=1
	/usr/bin/python3 test/fuzz/planted.py $(BUILD)/fuzz
	$(call runtime,asan) sh test/run.sh $(BUILD)/asan unit e2e reports
	$(call runtime,tsan) sh test/run.sh $(BUILD)/tsan unit e2e reports
	LONG=1 CAMERAS=1000 sh test/run.sh $(BUILD) e2e

# Fuzzing (ARCHITECTURE.md, Trials). One program a target: with clang's engine it fuzzes, with replay.cc it runs what it is given.
FUZZ_TARGETS := $(patsubst test/fuzz/target/%.cc,%,$(wildcard test/fuzz/target/*.cc))
FUZZ_MAIN = $(call objects,test/fuzz/replay.cc)
# What reads octets from outside, and no more: a sanitizer's build takes its time.
FUZZED := $(foreach l,base config envelope registry,$(call sources,$(l))) src/transport/url.cc src/keystore/key_uri.cc src/ingestd/wire.cc src/ingestd/settings.cc \
  $(patsubst %,src/uploader/%.cc,settings chain envelope_file gaps kept names receipt spool state) $(patsubst %,src/doctor/%.cc,kexinit octets tcp)
FUZZ_EXTERNS = $(CRYPTO_LIBS) $(CRYPT_LIBS) $(BOOST_LIBS) $(FMT_LIBS)
$(BUILD)/lib/libfuzzed.a: $(call objects,$(FUZZED) $(wildcard test/fuzz/lib/*.cc))
	@mkdir -p $(@D)
	rm -f $@ && $(AR) rcs $@ $^
define fuzz_program
$(BUILD)/bin/fuzz-$(1): $(call objects,$(2)) $(BUILD)/lib/libfuzzed.a $$(FUZZ_MAIN)
	@mkdir -p $$(@D)
	$$(CXX) $$(CXXFLAGS) -o $$@ $$(filter %.o,$$^) $$(filter %.a,$$^) $$(ALL_LDFLAGS) $$(FUZZ_EXTERNS)
endef
$(foreach t,$(FUZZ_TARGETS),$(eval $(call fuzz_program,$(t),test/fuzz/target/$(t).cc)))
$(eval $(call fuzz_program,control,test/fuzz/control.cc))
fuzz-programs: $(FUZZ_TARGETS:%=$(BUILD)/bin/fuzz-%) $(BUILD)/bin/fuzz-control

# The flags of config.mk were tried with another compiler, hence those of this one.
FUZZ_BUILD = $(SUBMAKE) BUILD=$(BUILD)/fuzz CXX=$(CLANGXX) FUZZ_MAIN= BASE_LDFLAGS= \
  BASE_FLAGS='-std=c++20 -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64 -Wall -Wextra -fno-sanitize-recover=undefined' \
  CXXFLAGS='-O1 -g1 -fsanitize=fuzzer-no-link,address,undefined' LDFLAGS='-fsanitize=fuzzer,address,undefined' fuzz-programs
MINUTES ?= 1
TARGETS ?=
fuzz-build:
	$(FUZZ_BUILD)
fuzz: deps-fuzz
	$(FUZZ_BUILD)
	/usr/bin/python3 test/fuzz/run.py $(BUILD)/fuzz $(MINUTES) $(TARGETS)
# After a long run: what is worth keeping goes into test/fuzz/corpus.
fuzz-minimise: deps-fuzz
	$(FUZZ_BUILD)
	/usr/bin/python3 test/fuzz/run.py $(BUILD)/fuzz --minimise $(TARGETS)

# PICTURES=50000 SEED=n: pictures through the real path with kills of everything, then a kill at each system call.
PICTURES ?= 50000
soak: deps-check
	$(SUBMAKE) all test-programs fault-programs
	PICTURES=$(PICTURES) sh test/e2e/a_soak_loses_nothing_and_stores_nothing_twice.sh $(BUILD)
	ALL=1 sh test/fault/kill_at_each_call.sh $(BUILD)

# Figures, not tests: ratios inside one run. Nothing in check depends on them. OLDER=DIR, the build folder of an older version: also those that are held
# side by side with it.
OLDER ?=
$(BUILD)/bench/%: $(BUILD)/obj/test/bench/%.o $(call archives,keystore)
	@mkdir -p $(@D)
	$(CXX) $(CXXFLAGS) -o $@ $^ $(ALL_LDFLAGS) $(call externs,keystore)
bench-programs: $(patsubst test/bench/%.cc,$(BUILD)/bench/%,$(wildcard test/bench/*.cc))
bench: deps-bench
	$(SUBMAKE) all bench-programs test-programs
	OLDER='$(OLDER)' /usr/bin/python3 test/bench/run.py $(BUILD)
	OLDER='$(OLDER)' /usr/bin/python3 test/bench/daemon.py $(BUILD)

# Where the system's own tools look, below any prefix.
unitdir = $(prefix)/lib/systemd/system
sysusersdir = $(prefix)/lib/sysusers.d
tmpfilesdir = $(prefix)/lib/tmpfiles.d
helperdir = $(libexecdir)/shutterseal
fill = sed -e 's,@bindir@,$(bindir),g;s,@sbindir@,$(sbindir),g;s,@helperdir@,$(helperdir),g;s,@sysconfdir@,$(sysconfdir),g'

# An administrator's file is never overwritten: a different one is put beside it as FILE.new.
configuration = install -d "$$(dirname '$(DESTDIR)$(2)')" && $(fill) $(1) > '$(DESTDIR)$(2).new' && chmod 644 '$(DESTDIR)$(2).new' && \
  if [ ! -e '$(DESTDIR)$(2)' ] || cmp -s '$(DESTDIR)$(2)' '$(DESTDIR)$(2).new'; then mv '$(DESTDIR)$(2).new' '$(DESTDIR)$(2)'; \
  else echo "$(2) was changed here: see $(2).new"; fi
ours = install -d "$$(dirname '$(DESTDIR)$(2)')" && $(fill) $(1) > '$(DESTDIR)$(2)' && chmod $(3) '$(DESTDIR)$(2)'

# What `shutterseal server check` compares later: the programs, the module, the units.
MANIFEST = $(helperdir)/alert-mail $(bindir)/shutterseal $(bindir)/shutterseal-upload $(sbindir)/shutterseal-ingestd $(pamdir)/pam_shutterseal.so \
  $(patsubst etc/systemd/%,$(unitdir)/%,$(wildcard etc/systemd/*)) $(sysusersdir)/shutterseal.conf $(tmpfilesdir)/shutterseal.conf

install: all
	@$(MAKE) --no-print-directory install-built
# Nothing is built: for a test of a build whose flags only its maker knows.
install-built:
	install -d '$(DESTDIR)$(bindir)' '$(DESTDIR)$(sbindir)' '$(DESTDIR)$(helperdir)' '$(DESTDIR)$(docdir)/examples'
	install -m 755 $(BUILD)/bin/shutterseal $(BUILD)/bin/shutterseal-upload '$(DESTDIR)$(bindir)'
	install -m 755 $(BUILD)/bin/shutterseal-ingestd '$(DESTDIR)$(sbindir)'
	install -D -m 644 $(PAM_MODULE) '$(DESTDIR)$(pamdir)/pam_shutterseal.so'
	ln -sf /usr/sbin/sshd '$(DESTDIR)$(helperdir)/shutterseal-sshd'
	install -m 644 README.md ARCHITECTURE.md SECURITY.md NEWS LICENSE '$(DESTDIR)$(docdir)'
	install -m 644 etc/ingestd.conf etc/upload.conf etc/motion.conf etc/sshd/shared-host.conf '$(DESTDIR)$(docdir)/examples'
	$(call ours,etc/init.d/shutterseal-ingestd,$(docdir)/examples/shutterseal-ingestd.init,755)
	$(call ours,etc/alert-mail.sh,$(helperdir)/alert-mail,755)
	$(foreach f,$(notdir $(wildcard etc/systemd/*)),$(call ours,etc/systemd/$(f),$(unitdir)/$(f),644) &&) :
	$(call ours,etc/sysusers.d/shutterseal.conf,$(sysusersdir)/shutterseal.conf,644)
	$(call ours,etc/tmpfiles.d/shutterseal.conf,$(tmpfilesdir)/shutterseal.conf,644)
	$(call configuration,etc/sshd/sshd_config,$(sysconfdir)/shutterseal/sshd_config)
	$(call configuration,etc/limits.conf,$(sysconfdir)/shutterseal/limits.conf)
	$(call configuration,etc/proftpd/proftpd.conf,$(sysconfdir)/shutterseal/proftpd.conf)
	$(call configuration,etc/pam.d/shutterseal-sshd,$(sysconfdir)/pam.d/shutterseal-sshd)
	$(call configuration,etc/pam.d/shutterseal-ftp,$(sysconfdir)/pam.d/shutterseal-ftp)
	$(call configuration,etc/cron.d/shutterseal-upload,$(sysconfdir)/cron.d/shutterseal-upload)
	$(call configuration,etc/rsyslog.d/shutterseal.conf,$(sysconfdir)/rsyslog.d/shutterseal.conf)
	$(call configuration,etc/logrotate.d/shutterseal,$(sysconfdir)/logrotate.d/shutterseal)
	$(foreach f,$(patsubst scripts/%,%,$(wildcard scripts/fail2ban/*/*.conf)),$(call configuration,scripts/$(f),$(sysconfdir)/$(f)) &&) :
	for page in man/*.[1-8]; do \
	  install -D -m 644 "$$page" '$(DESTDIR)$(mandir)'/man"$${page##*.}/$${page##*/}" || exit 1; done
	for file in $(MANIFEST); do \
	  echo "$$(sha256sum < '$(DESTDIR)'"$$file" | cut -d' ' -f1) $$(stat -c %a '$(DESTDIR)'"$$file") $$file"; done > '$(DESTDIR)$(helperdir)/manifest'
	chmod 644 '$(DESTDIR)$(helperdir)/manifest'
dist:
	git archive --prefix=shutterseal-$(VERSION)/ -o shutterseal-$(VERSION).tar.gz HEAD

clean:
	rm -rf $(BUILD)
distclean: clean
	rm -rf config.mk config.log config.status configure autom4te.cache

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

.PHONY: all deps deps-demo deps-check deps-bench deps-fuzz deps-long demo check check-static check-unit check-e2e check-fuzz check-long soak bench fuzz fuzz-build fuzz-minimise install install-built dist clean distclean unit-programs test-programs fault-programs bench-programs fuzz-programs FORCE
FORCE:
