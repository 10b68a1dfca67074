#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What `make demo` shows, in this machine.
set -eu
exec sh /demo-oom "$CGROUP"
