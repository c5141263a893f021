/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Group commit: batches that wait together become one transaction and one fsync. Each is under a
 * savepoint of its own, so one that cannot be written takes no other with it; when the transaction
 * as a whole fails each is tried alone, so that each has a verdict of its own.
 */
#ifndef CTRL_STORE_GROUP_H
#define CTRL_STORE_GROUP_H

#include "store/write.h"

/*
 * Write the list of batches that begins with `first`; each then has its verdict. True when a commit
 * failed, so that the journal may hold what was refused. The writer's thread.
 */
bool group_write(struct write *write, struct store_batch *first);

#endif
