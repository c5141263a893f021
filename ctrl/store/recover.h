/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A store that is damaged or gone: what can be had instead of it, and the way there. The new file
 * is made whole beside the damaged one before that is moved; a power loss at any point leaves the
 * damaged one, to be recovered again, or the new one, to be moved to its place.
 */
#ifndef CTRL_STORE_RECOVER_H
#define CTRL_STORE_RECOVER_H

#include "store/verify.h"

/* Beside the store: the copy of its last good generation, and a file that is being made. */
#define RECOVER_SNAPSHOT "-good"
#define RECOVER_NEW "-new"
/* Of the copy beside the store at `path`; 0 when there is none that could be read. */
uint64_t recover_copy_generation(const char *path);

/*
 * Put a good store where there is a damaged one or none. Of a damaged one the flows are used
 * if they are all good and no older than the snapshot; else that, else nothing. What is there goes
 * to PATH.corrupt-TIME. Whatever is found, a generation more says that it was recovered, so that
 * numbers go on. *report, whose reason is given, is filled in. 0, or -1 with *fault.
 */
int recover(const char *path, const struct verdict *found, struct store_report *report,
	struct fault *fault);

#endif
