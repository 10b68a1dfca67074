#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The program on cgroups that come and go, as suite cli asks it natively; here also where v2 is.
set -eu
export OOMNOTIFY=/usr/local/bin/oomnotify
exec sh /cli/test-real.sh
