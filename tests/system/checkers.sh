#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The checkers that the other tests and the quickstart rely on do find fault: each is given what
# is right, and then the same with one thing wrong.
source "$(dirname "$0")/_lib.sh"
test_begin
/usr/bin/python3 tests/system/checkers.py "$RIG_RUN"
