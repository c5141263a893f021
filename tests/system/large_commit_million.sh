#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# large_commit.sh with a million flows.
# timeout: 900
# nightly: minutes, and 4 GB
exec "$(dirname "$0")/large_commit.sh" 1000000 3072
