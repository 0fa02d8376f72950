# The usual words for the usual things; CMake does the work (CMakePresets.json has the variants).
PREFIX ?= /usr/local

all:
	@tools/build

demo:
	@./demo

check:
	@./check

install: all
	cmake --install build --prefix $(PREFIX)

format:
	tools/format

clean:
	rm -rf build

.PHONY: all demo check install format clean
