/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DATAPLANE_COMMIT_H
#define DATAPLANE_COMMIT_H

#include <stdbool.h>

struct dp_txn;

/* A step of the commit has been taken: there is no way back. */
bool commit_has_begun(const struct dp_txn *txn);

#endif
