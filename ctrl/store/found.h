/* SPDX-License-Identifier: BSD-3-Clause */
/* From what is at the path to a connection for the writer. */
#ifndef CTRL_STORE_FOUND_H
#define CTRL_STORE_FOUND_H

#include <sqlite3.h>

#include "store/store.h"

/*
 * The writer's connection to a store that is whole and of our layout, made, migrated or recovered
 * as needed, *report says how. `path` is a file whose lock we hold. NULL with *fault.
 */
sqlite3 *found_open(const char *path, struct store_report *report, struct fault *fault);

/* The same in memory, always fresh; `name` is a URI for db_open(). */
sqlite3 *found_open_memory(const char *name, struct store_report *report, struct fault *fault);

#endif
