#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# hostile.sh with a million flows, and the bound on waiting that docs/access.md promises.
# timeout: 300
# nightly: a minute and 2 GB, and the bound needs a machine that does nothing else
exec "$(dirname "$0")/hostile.sh" 1000000 2048 20
