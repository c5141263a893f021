/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The journal beside the file, looked at before SQLite does. SQLite ends it at the first frame
 * whose checksum does not fit, as it must after a write that was cut short, and so takes a bit that
 * flipped in the middle for the end. The two can be told apart: the checksum of a frame covers that
 * of the one before, and each commit is synced before the next one is begun, so that a frame which
 * follows on a commit proves that the commit was durable.
 *
 * The format is that of sqlite.org/fileformat2.html, section 4.
 */
#ifndef CTRL_STORE_JOURNAL_H
#define CTRL_STORE_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "schema/fault.h"

struct journal {
	unsigned page_bytes;
	bool big_endian; /* the words that are summed */
	bool header_good;
	uint32_t salts[2]; /* of its frames; those of others are of a time before */
	uint64_t damaged; /* the first frame that is not what was written, from 1; 0 = the header */
	uint64_t end; /* the last frame, a commit, that was durable for certain */
};

/*
 * Look at the journal of the store at `path`. 1 with *journal when a frame is damaged and what was
 * durable lies behind it; 0 when not, or there is no journal: it may be cut short. -1 with *fault
 * when it cannot be read. Reads all of it, changes nothing.
 */
int journal_look(const char *path, struct journal *journal, struct fault *fault);

/*
 * A second name for the store, `made`, with a journal of its own that has all frames up to the end,
 * the damaged ones too, under checksums that fit: whether rows are good is for theirs to say. The
 * file is shared: nothing may be checkpointed through `made`. 0, or -1 with *fault.
 */
int journal_mend(
	const char *path, const struct journal *journal, const char *made, struct fault *fault);

#endif
