# AArch64 without such a machine: a cross compiler and an emulator (Debian: g++-aarch64-linux-gnu, qemu-user-static).
ARM_CXX ?= aarch64-linux-gnu-g++
QEMU ?= $(or $(shell command -v qemu-aarch64-static),$(shell command -v qemu-aarch64))
ARM_LACKS = $(strip $(if $(shell command -v $(firstword $(ARM_CXX))),,$(firstword $(ARM_CXX))) $(if $(QEMU),,qemu-aarch64))

# $(call arm,commands): the commands, or what they lack. Programs are linked statically: the emulator then needs no
# system libraries of the other architecture.
define arm
@+if [ -n "$(ARM_LACKS)" ]; then echo "skipped: not installed: $(ARM_LACKS)"; else set -e; $(1); fi
endef
arm_make = $(MAKE) --no-print-directory CXX="$(ARM_CXX)" LINK=-static BUILD=$(BUILD)/arm
