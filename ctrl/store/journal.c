/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/journal.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/place.h"
#include "store/store.h"

#define MAGIC UINT32_C(0x377f0682) /* its lowest bit: words are summed as big-endian */
#define VERSION UINT32_C(3007000)
#define HEADER_WORDS 8 /* magic, version, page size, sequence, salts, sums */
#define HEADER_SUMMED 6
#define FRAME_WORDS 6 /* page, pages after a commit or 0, salts, sums */
#define FRAME_SUMMED 2
#define WORD sizeof(uint32_t)
#define PAGE_BYTES_MIN 512U
#define PAGE_BYTES_MAX 65536U
#define FILE_PAGE_BYTES_AT 16 /* in the file's own header: two bytes, 1 for 65536 */

struct sums {
	uint32_t s[2];
};

struct frame {
	uint32_t words[FRAME_WORDS];
	unsigned char page[PAGE_BYTES_MAX];
};

static int
journal_fault(struct fault *fault, const char *what, const char *path)
{
	return fault_set(fault, FAULT_STORE, "",
		"cannot %s %s: %s; check disk and file system (dmesg)", what, path,
		strerror(errno ? errno : EIO));
}

static struct sums
sums_add(struct sums sums, const void *bytes, size_t n, bool big_endian)
{
	const unsigned char *at = bytes, *end = at + n;
	uint32_t words[2];

	for (; at < end; at += sizeof(words)) {
		memcpy(words, at, sizeof(words));
		sums.s[0] += (big_endian ? be32toh(words[0]) : le32toh(words[0])) + sums.s[1];
		sums.s[1] += (big_endian ? be32toh(words[1]) : le32toh(words[1])) + sums.s[0];
	}
	return sums;
}

static struct sums
sums_stored(const uint32_t *words)
{
	return (struct sums){{be32toh(words[0]), be32toh(words[1])}};
}

static bool
sums_equal(struct sums a, struct sums b)
{
	return a.s[0] == b.s[0] && a.s[1] == b.s[1];
}

static struct sums
frame_sums(const struct journal *journal, const struct frame *frame, struct sums before)
{
	const struct sums sums =
		sums_add(before, frame->words, FRAME_SUMMED * WORD, journal->big_endian);

	return sums_add(sums, frame->page, journal->page_bytes, journal->big_endian);
}

static bool
frame_has_salts(const struct journal *journal, const struct frame *frame)
{
	return frame->words[2] == journal->salts[0] && frame->words[3] == journal->salts[1];
}

static bool
frame_is_commit(const struct frame *frame)
{
	return frame->words[1] != 0;
}

/* Whether there was a whole one. An error shows in ferror(). */
static bool
frame_read(FILE *file, const struct journal *journal, struct frame *frame)
{
	return fread(frame->words, sizeof(frame->words), 1, file) == 1 &&
	       fread(frame->page, journal->page_bytes, 1, file) == 1;
}

static bool
page_bytes_fit(unsigned bytes)
{
	return bytes >= PAGE_BYTES_MIN && bytes <= PAGE_BYTES_MAX && (bytes & (bytes - 1)) == 0;
}

/* As the file itself has it; 0 when it cannot be had. */
static unsigned
file_page_bytes(const char *path)
{
	unsigned char bytes[2];
	FILE *file = fopen(path, "rbe");
	unsigned n = 0;

	if (!file)
		return 0;
	if (fseek(file, FILE_PAGE_BYTES_AT, SEEK_SET) == 0 && fread(bytes, 2, 1, file) == 1)
		n = (unsigned)bytes[0] << 8 | bytes[1];
	fclose(file);
	return n == 1 ? PAGE_BYTES_MAX : n;
}

/* A header that is damaged does not know the salts: those of the second frame are as good. */
static bool
header_guess(FILE *file, const char *path, struct journal *journal, struct frame *frame)
{
	*journal = (struct journal){.page_bytes = file_page_bytes(path)};
	if (!page_bytes_fit(journal->page_bytes) || !frame_read(file, journal, frame) ||
		!frame_read(file, journal, frame))
		return false;
	memcpy(journal->salts, frame->words + 2, sizeof(journal->salts));
	return fseek(file, HEADER_WORDS * WORD, SEEK_SET) == 0;
}

/* False when there is nothing that one could follow. */
static bool
header_read(FILE *file, const char *path, struct journal *journal, struct frame *frame,
	struct sums *sums)
{
	uint32_t words[HEADER_WORDS];

	*sums = (struct sums){{0, 0}};
	if (fread(words, sizeof(words), 1, file) != 1)
		return false;
	*journal = (struct journal){
		.page_bytes = be32toh(words[2]),
		.big_endian = be32toh(words[0]) & 1,
		.salts = {words[4], words[5]},
	};
	*sums = sums_stored(words + HEADER_SUMMED);
	journal->header_good =
		(be32toh(words[0]) | 1) == (MAGIC | 1) && page_bytes_fit(journal->page_bytes) &&
		sums_equal(*sums, sums_add((struct sums){{0, 0}}, words, HEADER_SUMMED * WORD,
					  journal->big_endian));
	return journal->header_good || header_guess(file, path, journal, frame);
}

/* A walk over the frames. */
struct walk {
	struct sums stored; /* by the frame before */
	struct sums summed; /* what it comes to, which differs if it is damaged */
	bool was_commit;
	bool is_broken; /* a frame was damaged */
	bool is_torn; /* one behind the last that is certain, so that what follows is not */
};

/* Whether it was written behind the frame before, be that damaged in its page or in its sums. */
static bool
frame_follows(const struct journal *journal, const struct frame *frame, struct walk *walk)
{
	const struct sums stored = sums_stored(frame->words + 4);
	const struct sums from_stored = frame_sums(journal, frame, walk->stored);
	const struct sums from_summed = sums_equal(walk->stored, walk->summed)
						? from_stored
						: frame_sums(journal, frame, walk->summed);
	const bool follows = sums_equal(stored, from_stored) || sums_equal(stored, from_summed);

	walk->stored = stored;
	walk->summed = sums_equal(stored, from_summed) ? from_summed : from_stored;
	return follows && frame_has_salts(journal, frame);
}

static void
frame_judge(struct journal *journal, const struct frame *frame, uint64_t number, struct walk *walk)
{
	if (!frame_follows(journal, frame, walk)) {
		if (!walk->is_broken)
			journal->damaged = number;
		walk->is_broken = true;
		walk->is_torn = true;
	} else if (walk->is_broken) {
		if (walk->was_commit) {
			journal->end = number - 1;
			walk->is_torn = false;
		}
		/* The last commit may be whole, too, with nothing behind it. */
		if (frame_is_commit(frame) && !walk->is_torn)
			journal->end = number;
	}
	walk->was_commit = frame_is_commit(frame);
}

static int
frames_look(FILE *file, const char *path, struct journal *journal, struct frame *frame,
	struct fault *fault)
{
	struct walk walk = {.is_broken = false};
	uint64_t number;

	if (!header_read(file, path, journal, frame, &walk.stored))
		return ferror(file) ? journal_fault(fault, "read the journal of", path) : 0;
	walk.summed = walk.stored;
	walk.is_broken = walk.is_torn = !journal->header_good;
	for (number = 1; frame_read(file, journal, frame); number++)
		frame_judge(journal, frame, number, &walk);
	if (ferror(file))
		return journal_fault(fault, "read the journal of", path);
	return journal->end > 0;
}

static FILE *
part_open(const char *path, const char *mode)
{
	char name[STORE_PATH_MAX + 2 * PLACE_SUFFIX_MAX];

	snprintf(name, sizeof(name), "%s-wal", path);
	return fopen(name, mode);
}

int
journal_look(const char *path, struct journal *journal, struct fault *fault)
{
	FILE *file = part_open(path, "rbe");
	struct frame *frame;
	int rc;

	*journal = (struct journal){.end = 0};
	if (!file)
		return errno == ENOENT ? 0 : journal_fault(fault, "open the journal of", path);
	frame = malloc(sizeof(*frame));
	rc = frame ? frames_look(file, path, journal, frame, fault)
		   : fault_set(fault, FAULT_NO_ROOM, "", "no memory to read the journal");
	free(frame);
	fclose(file);
	return rc;
}

static void
sums_store(uint32_t *words, struct sums sums)
{
	words[0] = htobe32(sums.s[0]);
	words[1] = htobe32(sums.s[1]);
}

static bool
header_write(FILE *file, const struct journal *journal, struct sums *sums)
{
	uint32_t words[HEADER_WORDS] = {
		htobe32(MAGIC | journal->big_endian),
		htobe32(VERSION),
		htobe32(journal->page_bytes),
		0,
		journal->salts[0],
		journal->salts[1],
	};

	*sums = sums_add((struct sums){{0, 0}}, words, HEADER_SUMMED * WORD, journal->big_endian);
	sums_store(words + HEADER_SUMMED, *sums);
	return fwrite(words, sizeof(words), 1, file) == 1;
}

static bool
frame_write(FILE *file, const struct journal *journal, struct frame *frame, struct sums *sums)
{
	/* No page has this number: SQLite would end the journal here. */
	if (frame->words[0] == 0)
		return true;
	*sums = frame_sums(journal, frame, *sums);
	memcpy(frame->words + 2, journal->salts, sizeof(journal->salts));
	sums_store(frame->words + 4, *sums);
	return fwrite(frame->words, sizeof(frame->words), 1, file) == 1 &&
	       fwrite(frame->page, journal->page_bytes, 1, file) == 1;
}

static bool
frames_copy(FILE *from, FILE *to, const struct journal *journal)
{
	struct frame *frame = malloc(sizeof(*frame));
	struct sums sums;
	uint64_t number;
	bool good;

	good = frame && fseek(from, HEADER_WORDS * WORD, SEEK_SET) == 0 &&
	       header_write(to, journal, &sums);
	for (number = 1; good && number <= journal->end; number++)
		good = frame_read(from, journal, frame) && frame_write(to, journal, frame, &sums);
	free(frame);
	return good;
}

int
journal_mend(const char *path, const struct journal *journal, const char *made, struct fault *fault)
{
	FILE *from, *to;
	bool good;

	place_file_remove(made);
	if (link(path, made) < 0)
		return journal_fault(fault, "link", path);
	from = part_open(path, "rbe");
	to = part_open(made, "wbex"); /* x: what is there is not ours, nor a link */
	good = from && to && frames_copy(from, to, journal);
	if (from)
		fclose(from);
	if (to && fclose(to) != 0)
		good = false;
	return good ? 0 : journal_fault(fault, "mend the journal of", path);
}
