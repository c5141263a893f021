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

/*
 * Put a good store where there is a damaged one or none. Of a damaged one, whose verdict is given,
 * the flows are used if they are all good; else the snapshot, else nothing. What is there goes to
 * PATH.corrupt-TIME. Whatever is found, a generation more says that it was recovered, so that
 * numbers go on. *report is filled in but for its reason. 0, or -1 with *fault.
 */
int recover(const char *path, const struct verdict *verdict, struct store_report *report,
	struct fault *fault);

#endif
