#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The programs of examples/, which were brought along, on this machine's cgroups.
set -eu
export CLI=/cli EXAMPLES=/examples OOMHOG=oomhog LD_LIBRARY_PATH=/examples
exec sh /test-examples.sh
