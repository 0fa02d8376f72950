# The usual words for the usual things; CMake does the work (CMakePresets.json has the variants).
PREFIX ?= /usr/local
DESTDIR ?=

all:
	@tools/build

demo:
	@./demo

check:
	@./check

# Into DESTDIR/PREFIX: the program, its man pages, both libraries, the header, the pkg-config file.
install:
	@tools/build bitllama bitllama_static bitllama_shared man
	DESTDIR="$(DESTDIR)" cmake --install build --prefix "$(PREFIX)"
	@[ -n "$(DESTDIR)" ] || [ "$$(id -u)" != 0 ] || ldconfig

format:
	tools/format

clean:
	rm -rf build

.PHONY: all demo check install format clean
