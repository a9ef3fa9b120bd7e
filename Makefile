# Makefile of connector: a PGXS extension.
#
#   make                 the library and the install script
#   make install         into the PostgreSQL that PG_CONFIG belongs to
#   make installcheck    pg_regress and isolation tests against a running server that preloads connector
#   make check-sql       is the committed install script the sum of its parts?
#   make check-unit      the pure modules outside the server, under ASan and UBSan
#   make transformations docs/transformations.md anew, after a change of the table in src/expr/filters.c
#   make fuzz            every parser of outside bytes, until interrupted
#   make bench           the benchmarks
#
# bin/test runs all tests, in a private cluster.  WERROR=1 adds the strict warnings that CI uses.

EXTENSION = connector
MODULE_big = connector
DATA = connector--1.0.sql

# The install script is the concatenation of these parts, in this order.  It is committed, because it must
# be in every checkout and tarball; it is not in DATA_built, because `make clean` deletes what is.
SQL_PARTS = 00_guard 10_tenancy 15_audit 20_credentials 22_providers 23_oauth 25_limits 30_connectors 35_manage 40_history \
	41_fence 42_queue 43_dead_letters 44_pauses 45_templates 46_official_templates 50_stats 55_schema \
	56_transformations 60_execute 61_provider_call 62_async 63_fetch 65_openapi 67_catalog_reports 68_try_providers \
	70_maintain 75_schedules 76_triggers 80_views 85_operations 90_installed
SQL_PART_FILES = $(SQL_PARTS:%=src/sql/%.sql)

OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/*.c src/*/*.c)))
DEPS = $(OBJS:.o=.d)
EXTRA_CLEAN = $(wildcard src/*.o src/*/*.o src/*.d src/*/*.d) src/catalog/provider_schema.inc

PKG_CONFIG ?= pkg-config
LIB_CFLAGS := $(shell $(PKG_CONFIG) --cflags libcurl libssl libcrypto 2>/dev/null)
LIB_LIBS := $(shell $(PKG_CONFIG) --libs libcurl libssl libcrypto 2>/dev/null || echo -lcurl -lssl -lcrypto)

# -MMD writes a .d file beside each object, which is how a changed header rebuilds what includes it;
# PGXS has no dependency tracking of its own unless the server was built with it.
PG_CPPFLAGS = -Isrc $(LIB_CFLAGS) -MMD -MP
SHLIB_LINK = $(LIB_LIBS)

# Places where tests have a process killed (src/core/testpoint.h); bin/test builds so, nobody else should.
ifdef CN_TEST_POINTS
PG_CPPFLAGS += -DCN_TEST_POINTS
endif

# What `bin/test sanitizer` runs.  Overflows are defects here, though the server is compiled to allow them.
ifdef CN_SANITIZE
OBJS += test/sanitizer/malloc_context.o test/sanitizer/defects.o
EXTRA_CLEAN += $(wildcard test/sanitizer/*.o test/sanitizer/*.d)
PG_CPPFLAGS += -DAllocSetContextCreateInternal=cn_sanitizer_context_create
PG_CFLAGS += -O1 -fno-omit-frame-pointer -fno-wrapv -fsanitize=address,undefined,float-cast-overflow
SHLIB_LINK += -fsanitize=address,undefined
endif

ifdef WERROR
PG_CFLAGS += -Wall -Wextra -Werror -Wno-unused-parameter -Wno-sign-compare \
	-Wno-missing-field-initializers
endif

# Bitcode would need the exact clang the server was built with, and nothing here is worth inlining.
override with_llvm := no

REGRESS = $(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql)))
REGRESS_OPTS = --inputdir=.
ISOLATION = $(patsubst test/specs/%.spec,%,$(sort $(wildcard test/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
ifeq ($(PGXS),)
$(error cannot run '$(PG_CONFIG) --pgxs': install postgresql-server-dev-15 or set PG_CONFIG)
endif
include $(PGXS)

# The catalog goes where connector_catalog_load() looks for it.  Files of an earlier version that are
# gone must not stay behind.
CATALOG = $(sort $(wildcard catalog/*.json))
catalogdir = $(datadir)/extension/connector

.PHONY: install-catalog uninstall-catalog
install: install-catalog
install-catalog:
	$(MKDIR_P) '$(DESTDIR)$(catalogdir)'
	rm -f '$(DESTDIR)$(catalogdir)'/*.json
	$(INSTALL_DATA) docs/provider.schema.json $(CATALOG) '$(DESTDIR)$(catalogdir)/'

uninstall: uninstall-catalog
uninstall-catalog:
	rm -f '$(DESTDIR)$(catalogdir)'/*.json
	-rmdir '$(DESTDIR)$(catalogdir)'

all: connector--1.0.sql

connector--1.0.sql: $(SQL_PART_FILES)
	cat $(SQL_PART_FILES) > $@

# The schema of providers as a C string: the library checks by the one it was built with.
src/catalog/provider_schema.o: src/catalog/provider_schema.inc
src/catalog/provider_schema.inc: docs/provider.schema.json
	sed -e 's/[\\"]/\\&/g' -e 's/^/"/' -e 's/$$/\\n"/' $< > $@

.PHONY: check-sql check-unit transformations fuzz bench

check-sql:
	@for part in $(SQL_PART_FILES); do \
		test -f "$$part" || { echo "check-sql: $$part is listed in the Makefile but missing" >&2; exit 1; }; \
	done; \
	for file in src/sql/*.sql; do \
		case " $(SQL_PART_FILES) " in *" $$file "*) ;; \
		*) echo "check-sql: $$file is not listed in SQL_PARTS" >&2; exit 1;; esac; \
	done; \
	cat $(SQL_PART_FILES) | cmp -s - connector--1.0.sql || { \
		echo "check-sql: connector--1.0.sql differs from src/sql/*.sql." >&2; \
		echo "check-sql: Edit the parts, run 'make connector--1.0.sql' and commit both." >&2; \
		exit 1; \
	}

check-unit:
	$(MAKE) -C test/unit check

transformations:
	$(MAKE) -s -C test/unit transformations

fuzz:
	$(MAKE) -C test/fuzz fuzz

bench: all
	bench/sync
	bench/engine
	bench/queue
	bench/fetch

-include $(wildcard $(DEPS))
