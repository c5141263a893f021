/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Declared flows and relays: a YAML file (or JSON, which is YAML), or all *.yaml of a directory by
 * name. Each file is a mapping with the members `flows`, a list of flows as flow.install takes
 * them, and `relays`, as relay.add takes them, or one of them; here each flow needs an id, and no
 * two flows, nor relays, of all files share one. sluicectl and sluiced read them the same.
 *
 * Every fault names file, line and field. A file that is at fault is read once more for the line,
 * so that a hundred thousand flows do not cost the memory of all their lines.
 */
#ifndef CTRL_SCHEMA_FLOW_FILES_H
#define CTRL_SCHEMA_FLOW_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "base/fault.h"

struct flow_files;

/*
 * Read the file or directory and check every item against the schema, defaults filled in. On
 * failure returns NULL with *fault set; its message then is the whole line for people, "FILE:LINE:
 * flow ID: /pointer: found ..., expected ...". A directory without a *.yaml has no flows. Control
 * thread.
 */
struct flow_files *flow_files_load(const char *path, struct fault *fault);

/* NULL is allowed. */
void flow_files_destroy(struct flow_files *files);

/*
 * All flows and relays, in the order of files, and of each the flows first: an array, borrowed
 * until the files go.
 */
json_t *flow_files_items(const struct flow_files *files);

/* Whether one of them is a relay: these have sides. */
static inline bool
flow_files_is_relay(const json_t *item)
{
	return json_object_get(item, "a") != NULL;
}

/* How many relays there are. */
size_t flow_files_relays(const struct flow_files *files);

/* How many files were read. */
size_t flow_files_count(const struct flow_files *files);

/*
 * A fault that was found later in the item of that index, its pointer relative to that: put
 * file, line, id and field before its message. An index past the end names no file.
 */
void flow_files_locate(const struct flow_files *files, size_t index, struct fault *fault);

#endif
