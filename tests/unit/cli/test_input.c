/* SPDX-License-Identifier: BSD-3-Clause */
/* Captures of packets: what is read, and what is refused. */
#include "cli/input.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#define FRAMES 3
#define FRAME_BYTES 20
#define LINK_ETHERNET 1
#define LINK_COOKED 113

struct taken {
	unsigned n;
	uint64_t first;
	uint8_t last[FRAME_BYTES];
};

static char path[] = "/tmp/test_capture.XXXXXX";
static FILE *file;

static void
setup(void)
{
	const int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	file = fdopen(fd, "wb");
	cr_assert_not_null(file);
}

static void
teardown(void)
{
	unlink(path);
}

TestSuite(capture, .init = setup, .fini = teardown);

static void
put(const uint32_t *words, size_t n)
{
	cr_assert_eq(fwrite(words, sizeof(*words), n, file), n);
}

static void
put_frame(unsigned i)
{
	uint8_t frame[FRAME_BYTES];

	memset(frame, (int)i, sizeof(frame));
	cr_assert_eq(fwrite(frame, 1, sizeof(frame), file), sizeof(frame));
}

static void
classic_write(uint32_t link, uint32_t cut)
{
	put((const uint32_t[]){0xa1b2c3d4, 4u << 16 | 2, 0, 0, 65535, link}, 6);
	for (unsigned i = 1; i <= FRAMES; i++) {
		put((const uint32_t[]){i, 0, FRAME_BYTES, FRAME_BYTES + cut}, 4);
		put_frame(i);
	}
	fclose(file);
}

/* Section, interface and enhanced packet blocks. */
static void
next_generation_write(void)
{
	put((const uint32_t[]){0x0a0d0d0a, 28, 0x1a2b3c4d, 1, UINT32_MAX, UINT32_MAX, 28}, 7);
	put((const uint32_t[]){1, 20, LINK_ETHERNET, 65535, 20}, 5);
	for (unsigned i = 1; i <= FRAMES; i++) {
		put((const uint32_t[]){6, 32 + FRAME_BYTES, 0, 0, i, FRAME_BYTES, FRAME_BYTES}, 7);
		put_frame(i);
		put((const uint32_t[]){32 + FRAME_BYTES}, 1);
	}
	fclose(file);
}

static void
take(void *arg, uint64_t number, const uint8_t *frame, size_t bytes)
{
	struct taken *taken = arg;

	cr_assert_eq(bytes, FRAME_BYTES);
	if (taken->n++ == 0)
		taken->first = number;
	memcpy(taken->last, frame, bytes);
}

static void
expect(uint64_t first, unsigned count, int n, uint8_t last)
{
	char error[CAPTURE_ERROR_MAX] = "";
	struct taken taken = {0};

	cr_expect_eq(capture_read(path, first, count, take, &taken, error), n, "%s", error);
	cr_expect_eq(taken.n, (unsigned)n);
	cr_expect_eq(taken.first, first);
	cr_expect_eq(taken.last[FRAME_BYTES - 1], last);
}

static void
refuses(const char *name, uint64_t first, const char *why)
{
	char error[CAPTURE_ERROR_MAX] = "";
	struct taken taken = {0};

	cr_expect_eq(capture_read(name, first, 1, take, &taken, error), -1);
	cr_expect_eq(taken.n, 0);
	cr_expect_not_null(strstr(error, why), "%s", error);
	cr_expect_not_null(strstr(error, name), "%s", error);
}

Test(capture, classic)
{
	classic_write(LINK_ETHERNET, 0);
	expect(1, 1, 1, 1);
	expect(2, 1, 1, 2);
	expect(2, 9, 2, 3);
	refuses(path, 4, "found 3 packets, expected 4");
}

Test(capture, next_generation)
{
	next_generation_write();
	expect(1, 3, 3, 3);
	expect(3, 1, 1, 3);
}

Test(capture, of_no_use)
{
	classic_write(LINK_COOKED, 0);
	refuses(path, 1, "expected Ethernet");
	refuses("/nonexistent/file", 1, "No such file");
}

Test(capture, cut_frames)
{
	classic_write(LINK_ETHERNET, 100);
	refuses(path, 2, "packet 2 was cut to 20 of its 120 bytes");
}

Test(capture, no_capture)
{
	fprintf(file, "this is a text, and none that anybody captured");
	fclose(file);
	refuses(path, 1, "unknown file format");
}

Test(capture, ends_inside_a_frame)
{
	put((const uint32_t[]){0xa1b2c3d4, 4u << 16 | 2, 0, 0, 65535, LINK_ETHERNET}, 6);
	put((const uint32_t[]){1, 0, FRAME_BYTES, FRAME_BYTES}, 4);
	fclose(file);
	refuses(path, 1, "behind packet 0");
}
