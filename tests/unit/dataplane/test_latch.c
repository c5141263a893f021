/* SPDX-License-Identifier: BSD-3-Clause */
/* Learning a source: the rules of it, and several workers at it at once. */
#include <criterion/criterion.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "draw.h"
#include "latch.h"

#define MS UINT64_C(1000000)

static const uint8_t frame_start[] = {2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 8, 0x08, 0x00};
static const struct latch_frame frame = {.start = frame_start, .l2_bytes = 14, .port = 3};

static struct latch *
latch_new(unsigned n_workers)
{
	/* Not zero before: latch_init() has to make it so. */
	struct latch *latch = aligned_alloc(
		RTE_CACHE_LINE_SIZE, RTE_ALIGN(latch_bytes(n_workers), RTE_CACHE_LINE_SIZE));

	cr_assert_not_null(latch);
	memset(latch, 0xff, latch_bytes(n_workers));
	latch_init(latch, n_workers, 0);
	return latch;
}

/* Source n: every byte of address and port follows from it, so that a torn one shows. */
static struct latch_source
source_of(uint8_t n)
{
	struct latch_source source;
	uint8_t address[16];

	memset(address, n, sizeof(address));
	latch_source_set(&source, address, sizeof(address), (rte_be16_t)(n * 0x0101));
	return source;
}

static bool
accept(struct latch *latch, uint8_t worker, uint8_t n, enum dp_latch mode, uint64_t now_ns)
{
	const struct latch_source source = source_of(n);

	return latch_accept(latch, worker, &source, &frame, mode, 1000 * MS, now_ns);
}

static bool
latched_is_whole(const struct dp_latched *latched)
{
	for (unsigned i = 1; i < sizeof(latched->src); i++) {
		if (latched->src[i] != latched->src[0])
			return false;
	}
	return latched->src_port == latched->src[0] * 0x0101;
}

static void
expect_latched(const struct latch *latch, uint8_t n, uint32_t moves)
{
	struct dp_latched latched;

	latch_read(latch, &latched);
	cr_expect_eq(latched.valid, 1);
	cr_expect_eq(latched.src[0], n);
	cr_expect(latched_is_whole(&latched));
	cr_expect_eq(latched.moves, moves);
}

Test(latch, nothing_is_learned_at_first)
{
	struct latch *latch = latch_new(2);
	const struct dp_latched none = {.valid = 0};
	struct dp_latched latched;

	memset(&latched, 0xff, sizeof(latched));
	latch_read(latch, &latched);
	cr_expect_eq(memcmp(&latched, &none, sizeof(none)), 0);
	free(latch);
}

Test(latch, first_takes_the_first_for_ever)
{
	struct latch *latch = latch_new(2);

	cr_expect(accept(latch, 1, 7, DP_LATCH_FIRST, 0));
	cr_expect(accept(latch, 1, 7, DP_LATCH_FIRST, 1));
	cr_expect(accept(latch, 0, 7, DP_LATCH_FIRST, 2));
	cr_expect_not(accept(latch, 0, 8, DP_LATCH_FIRST, 3));
	cr_expect_not(accept(latch, 1, 8, DP_LATCH_FIRST, UINT64_MAX / 4));
	expect_latched(latch, 7, 1);
	free(latch);
}

/* Address alike and port not, and the other way round; IPv4 in the first four bytes. */
Test(latch, a_source_is_address_and_port)
{
	const uint8_t address[16] = {192, 0, 2, 1, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9};
	struct latch *latch = latch_new(1);
	struct latch_source source;
	struct dp_latched latched;

	latch_source_set(&source, address, 4, 5004);
	cr_expect(latch_accept(latch, 0, &source, &frame, DP_LATCH_FIRST, 0, 0));
	latch_read(latch, &latched);
	cr_expect_arr_eq(latched.src, address, 4);
	for (unsigned i = 4; i < 16; i++)
		cr_expect_eq(latched.src[i], 0);
	cr_expect_eq(latched.src_port, 5004);
	latch_source_set(&source, address, 4, 5005);
	cr_expect_not(latch_accept(latch, 0, &source, &frame, DP_LATCH_FIRST, 0, 0));
	latch_source_set(&source, address, 16, 5004);
	cr_expect_not(latch_accept(latch, 0, &source, &frame, DP_LATCH_FIRST, 0, 0));
	latch_source_set(&source, address + 1, 4, 5004);
	cr_expect_not(latch_accept(latch, 0, &source, &frame, DP_LATCH_FIRST, 0, 0));
	free(latch);
}

/* The interval counts from the last change, not from the last packet. */
Test(latch, follow_moves_once_an_interval)
{
	struct latch *latch = latch_new(2);

	cr_expect(accept(latch, 0, 1, DP_LATCH_FOLLOW, 5000 * MS));
	cr_expect_not(accept(latch, 1, 2, DP_LATCH_FOLLOW, 5000 * MS));
	cr_expect_not(accept(latch, 1, 2, DP_LATCH_FOLLOW, 6000 * MS - 1));
	cr_expect(accept(latch, 0, 1, DP_LATCH_FOLLOW, 6000 * MS - 1));
	cr_expect(accept(latch, 1, 2, DP_LATCH_FOLLOW, 6000 * MS));
	expect_latched(latch, 2, 2);
	cr_expect_not(accept(latch, 0, 1, DP_LATCH_FOLLOW, 6999 * MS));
	cr_expect_not(accept(latch, 0, 1, DP_LATCH_FOLLOW, 5999 * MS), "a clock that is behind");
	cr_expect(accept(latch, 0, 1, DP_LATCH_FOLLOW, 7000 * MS));
	expect_latched(latch, 1, 3);
	free(latch);
}

/* One worker again and again: each of its places is the current one in turn. */
Test(latch, without_an_interval_each_packet_may_move_it)
{
	struct latch *latch = latch_new(2);

	for (uint32_t i = 1; i <= 1000; i++) {
		const struct latch_source source = source_of((uint8_t)i);

		cr_assert(latch_accept(
			latch, (uint8_t)(i / 3 % 2), &source, &frame, DP_LATCH_FOLLOW, 0, 9));
		expect_latched(latch, (uint8_t)i, i);
	}
	free(latch);
}

/* What makes a copy whole: no move touches the slot that is current. */
Test(latch, the_current_slot_is_not_written)
{
	struct latch *latch = latch_new(3);
	uint64_t state = 1;

	cr_assert(accept(latch, 0, 1, DP_LATCH_FOLLOW, 0));
	for (uint32_t i = 0; i < 1000; i++) {
		const uint64_t word = latch->word;
		const struct latch_source source = source_of((uint8_t)i);
		struct latch_slot before = {0}, after = {0};

		cr_assert(latch_load_all(latch, word, &before));
		cr_assert(latch_move(
			latch, word, (uint8_t)draw_below(&state, 3), &source, &frame, 1000000 + i));
		cr_assert_not(latch_load_all(latch, word, &after), "the word has moved on");
		cr_assert_eq(memcmp(&before, &after, sizeof(before)), 0);
	}
	free(latch);
}

/* Two workers learn from the same state: the second one fails and changes nothing. */
Test(latch, of_two_moves_from_one_state_the_second_fails)
{
	const struct latch_source first = source_of(1), second = source_of(2);
	struct latch *latch = latch_new(2);

	cr_expect(latch_move(latch, 0, 0, &first, &frame, 0));
	cr_expect_not(latch_move(latch, 0, 1, &second, &frame, 0));
	expect_latched(latch, 1, 1);
	free(latch);
}

/* Whatever the mode and the interval, the next one is learned; the moves go on. */
Test(latch, forgotten_source_gives_way_to_the_next)
{
	struct latch *latch = latch_new(2);
	struct dp_latched forgotten;

	latch_forget(latch, &forgotten);
	cr_expect_not(forgotten.valid);
	cr_expect_eq(forgotten.moves, 0);
	cr_assert(accept(latch, 0, 1, DP_LATCH_FIRST, 0));
	latch_forget(latch, &forgotten);
	cr_expect_eq(forgotten.valid, 1);
	cr_expect_eq(forgotten.src[0], 1);
	cr_expect(latched_is_whole(&forgotten));
	cr_expect_eq(forgotten.moves, 1);
	latch_read(latch, &forgotten);
	cr_expect_not(forgotten.valid);
	cr_expect_eq(forgotten.moves, 1);
	latch_forget(latch, &forgotten);
	cr_expect_not(forgotten.valid, "twice");
	cr_expect(accept(latch, 0, 2, DP_LATCH_FOLLOW, 1));
	expect_latched(latch, 2, 2);
	cr_expect_not(accept(latch, 1, 1, DP_LATCH_FOLLOW, 1));
	free(latch);
}

/* One that has begun to move it fails, and one that reads it notices. */
Test(latch, forgetting_is_a_move_to_nothing)
{
	const struct latch_source source = source_of(2);
	struct latch *latch = latch_new(2);
	struct dp_latched forgotten;
	struct latch_slot copy;
	uint64_t word;

	cr_assert(accept(latch, 0, 1, DP_LATCH_FOLLOW, 0));
	word = latch->word;
	latch_forget(latch, &forgotten);
	cr_expect_not(latch_load(latch, word, &copy));
	cr_expect_not(latch_move(latch, word, 1, &source, &frame, 0));
	cr_expect(latch_move(latch, latch->word, 1, &source, &frame, 0));
	expect_latched(latch, 2, 2);
	free(latch);
}

/* By a packet of this SSRC, or by one that may not move the latch (-1). */
static enum latch_pass
accept_ssrc(struct latch *latch, uint8_t worker, uint8_t n, int64_t ssrc, uint64_t now_ns)
{
	const struct latch_source source = source_of(n);
	struct latch_frame media = frame;

	media.passive = ssrc < 0;
	media.has_ssrc = ssrc >= 0;
	media.ssrc = (uint32_t)ssrc;
	return latch_accept(latch, worker, &source, &media, DP_LATCH_FOLLOW, 1000 * MS, now_ns);
}

static void
expect_ssrc(const struct latch *latch, uint32_t ssrc)
{
	struct dp_latched latched;

	latch_read(latch, &latched);
	cr_expect_eq(latched.has_ssrc, 1);
	cr_expect_eq(latched.ssrc, ssrc);
}

Test(latch, passive_packets_neither_open_nor_move_it)
{
	struct latch *latch = latch_new(2);

	cr_expect_eq(accept_ssrc(latch, 0, 1, -1, 0), LATCH_REFUSED);
	cr_expect_eq(accept_ssrc(latch, 0, 1, 7, 0), LATCH_MOVED);
	cr_expect_eq(accept_ssrc(latch, 0, 1, -1, 1), LATCH_SAME);
	cr_expect_eq(accept_ssrc(latch, 1, 2, -1, 5000 * MS), LATCH_REFUSED);
	expect_latched(latch, 1, 1);
	expect_ssrc(latch, 7);
	free(latch);
}

/* Each bit of it counts, and none of the count of moves, which stands beside it. */
Test(latch, another_ssrc_does_not_move_it)
{
	const uint32_t ssrc = 0x80000001;
	struct latch *latch = latch_new(2);
	uint64_t now_ns = 0;

	cr_assert_eq(accept_ssrc(latch, 0, 1, ssrc, now_ns), LATCH_MOVED);
	for (uint8_t n = 2; n < 40; n++) {
		now_ns += 1000 * MS;
		for (unsigned bit = 0; bit < 32; bit++)
			cr_assert_eq(accept_ssrc(latch, 1, n, ssrc ^ UINT32_C(1) << bit, now_ns),
				LATCH_REFUSED);
		cr_assert_eq(accept_ssrc(latch, 1, n, ssrc, now_ns - 1), LATCH_REFUSED);
		cr_assert_eq(accept_ssrc(latch, n % 2, n, ssrc, now_ns), LATCH_MOVED);
		expect_latched(latch, n, n);
		expect_ssrc(latch, ssrc);
	}
	free(latch);
}

/* Learned while no SSRC was asked for: none moves it, until the source has sent one. */
Test(latch, unknown_ssrc_moves_nothing)
{
	struct latch *latch = latch_new(1);
	struct dp_latched latched;

	cr_expect(accept(latch, 0, 1, DP_LATCH_FOLLOW, 0));
	latch_read(latch, &latched);
	cr_expect_eq(latched.has_ssrc, 0);
	cr_expect_eq(accept_ssrc(latch, 0, 2, 0, 5000 * MS), LATCH_REFUSED);
	cr_expect_eq(accept_ssrc(latch, 0, 1, 0, 5000 * MS), LATCH_SAME);
	expect_ssrc(latch, 0);
	cr_expect_eq(accept_ssrc(latch, 0, 2, 0, 5000 * MS), LATCH_MOVED);
	free(latch);
}

/* Of two streams by turns it stays the first one's, until that has been silent for a second. */
Test(latch, ssrc_of_the_source_is_adopted_when_the_former_is_silent)
{
	struct latch *latch = latch_new(2);

	cr_assert_eq(accept_ssrc(latch, 0, 1, 1, 1000 * MS), LATCH_MOVED);
	for (unsigned i = 0; i <= 5000; i++) {
		cr_assert_eq(
			accept_ssrc(latch, i / 2 % 2, 1, 1 + i % 2, (1000 + i) * MS), LATCH_SAME);
		expect_ssrc(latch, 1);
	}
	for (unsigned i = 6001; i < 7000; i++) {
		cr_assert_eq(accept_ssrc(latch, i % 2, 1, 2, i * MS), LATCH_SAME);
		expect_ssrc(latch, 1);
		/* Nor may a stranger move it. */
		cr_assert_eq(accept_ssrc(latch, 0, 2, 2, i * MS), LATCH_REFUSED);
	}
	cr_assert_eq(accept_ssrc(latch, 0, 1, 2, 7000 * MS), LATCH_SAME);
	expect_ssrc(latch, 2);
	expect_latched(latch, 1, 1);
	free(latch);
}

/* The slot has another source meanwhile, which may even have the same SSRC. */
Test(latch, ssrc_is_not_adopted_for_a_later_move)
{
	struct latch *latch = latch_new(1);
	uint64_t word, before;

	cr_assert_eq(accept_ssrc(latch, 0, 1, 7, 1000 * MS), LATCH_MOVED);
	word = latch->word;
	before = latch_slot_at(latch, word)->ssrc;
	cr_assert_eq(accept_ssrc(latch, 0, 2, 7, 2000 * MS), LATCH_MOVED);
	cr_assert_eq(accept_ssrc(latch, 0, 3, 7, 3000 * MS), LATCH_MOVED);
	cr_assert_eq(latch_slot_at(latch, word), latch_slot_at(latch, latch->word));
	latch_note_ssrc(latch, word, before, 8, 9000 * MS);
	expect_ssrc(latch, 7);
	free(latch);
}

#define THREADS 4

struct racer {
	pthread_t thread;
	pthread_barrier_t *start;
	struct latch *latch;
	bool forgets; /* the reader, all the time */
	uint64_t interval_ns;
	unsigned packets;
	unsigned passed;
	uint8_t worker;
	uint8_t n_sources; /* it sends from so many, by turns */
	bool has_ssrc; /* one of two by turns; a packet takes a second then */
	enum dp_latch mode;
};

static void *
race(void *arg)
{
	struct racer *racer = arg;

	pthread_barrier_wait(racer->start);
	for (unsigned i = 0; i < racer->packets; i++) {
		const uint8_t n = (uint8_t)(1 + racer->worker + THREADS * (i % racer->n_sources));
		const struct latch_source source = source_of(n);
		struct latch_frame media = frame;

		media.has_ssrc = racer->has_ssrc;
		media.ssrc = 1 + i / 3 % 2;
		racer->passed += latch_accept(racer->latch, racer->worker, &source, &media,
					 racer->mode, racer->interval_ns,
					 racer->has_ssrc ? i * LATCH_ADOPT_NS : i) != LATCH_REFUSED;
	}
	return NULL;
}

/* Start all, read until they are done, and return how often a source was read. */
static unsigned
race_run(struct racer racers[THREADS], const struct racer *pattern, struct latch *latch)
{
	pthread_barrier_t start;
	unsigned reads = 0;

	pthread_barrier_init(&start, NULL, THREADS + 1);
	for (unsigned i = 0; i < THREADS; i++) {
		racers[i] = *pattern;
		racers[i].start = &start;
		racers[i].latch = latch;
		racers[i].worker = (uint8_t)i;
		cr_assert_eq(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
	}
	pthread_barrier_wait(&start);
	for (unsigned i = 0; i < pattern->packets; i++) {
		struct dp_latched latched;

		if (pattern->forgets)
			latch_forget(latch, &latched);
		else
			latch_read(latch, &latched);
		if (!latched.valid)
			continue;
		reads++;
		cr_assert(latched_is_whole(&latched), "torn");
		cr_assert_eq(latched.has_ssrc, pattern->has_ssrc);
		cr_assert_leq(latched.ssrc, 2);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(racers[i].thread, NULL);
	pthread_barrier_destroy(&start);
	return reads;
}

Test(latch, of_racing_workers_exactly_one_is_first)
{
	const struct racer pattern = {.packets = 20, .n_sources = 1, .mode = DP_LATCH_FIRST};

	for (unsigned round = 0; round < 500; round++) {
		struct latch *latch = latch_new(THREADS);
		struct racer racers[THREADS];
		unsigned winners = 0, winner = 0;

		race_run(racers, &pattern, latch);
		for (unsigned i = 0; i < THREADS; i++) {
			if (racers[i].passed == 0)
				continue;
			winners++;
			winner = i;
		}
		cr_assert_eq(winners, 1);
		cr_assert_eq(racers[winner].passed, pattern.packets);
		expect_latched(latch, (uint8_t)(1 + winner), 1);
		free(latch);
	}
}

/* Sources that move as fast as they can: what is read is always one of them, whole. */
Test(latch, readers_never_see_a_torn_source)
{
	const struct racer pattern = {.packets = 300000, .n_sources = 5, .mode = DP_LATCH_FOLLOW};
	struct latch *latch = latch_new(THREADS);
	struct racer racers[THREADS];
	struct dp_latched latched;
	unsigned reads = 0, passed = 0;

	/* On a busy machine the reader may miss most of a race. */
	for (unsigned round = 0; round < 100 && reads <= pattern.packets / 10; round++) {
		reads += race_run(racers, &pattern, latch);
		for (unsigned i = 0; i < THREADS; i++)
			passed += racers[i].passed;
	}
	latch_read(latch, &latched);
	cr_expect_gt(reads, pattern.packets / 10);
	cr_expect_gt(passed, pattern.packets);
	cr_expect_leq(latched.moves, passed, "each move lets a packet through");
	free(latch);
}

/* The same, while sources change their SSRC: it is never that of another move. */
Test(latch, readers_see_the_ssrc_of_the_move)
{
	const struct racer pattern = {
		.packets = 300000, .n_sources = 5, .mode = DP_LATCH_FOLLOW, .has_ssrc = true};
	struct latch *latch = latch_new(THREADS);
	struct racer racers[THREADS];
	struct dp_latched latched;
	unsigned reads = 0;

	for (unsigned round = 0; round < 100 && reads <= pattern.packets / 10; round++)
		reads += race_run(racers, &pattern, latch);
	latch_read(latch, &latched);
	cr_expect_gt(reads, pattern.packets / 10);
	cr_expect_gt(latched.moves, 1000);
	free(latch);
}

/* What is forgotten is a whole source; and whoever finds the latch open is the only one. */
Test(latch, control_forgets_while_workers_learn)
{
	const struct racer pattern = {
		.packets = 100000, .n_sources = 1, .mode = DP_LATCH_FIRST, .forgets = true};
	struct latch *latch = latch_new(THREADS);
	struct racer racers[THREADS];
	struct dp_latched latched;
	unsigned forgotten = 0;

	for (unsigned round = 0; round < 100 && forgotten < 1000; round++)
		forgotten += race_run(racers, &pattern, latch);
	latch_read(latch, &latched);
	cr_expect_geq(forgotten, 1000);
	cr_expect_eq(latched.moves, forgotten + latched.valid, "learned once for each time");
	free(latch);
}
