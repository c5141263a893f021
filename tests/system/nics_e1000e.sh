#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 240
# nightly: boots a guest
# Two e1000e (82574L) NICs, vfio-pci and an IOMMU: what is relayed and replicated from one to the other is byte for
# byte as it was computed outside, and sluiced counts what came out.
source "$(dirname "$0")/_guest.sh"
test_begin
guest_relay e1000e
