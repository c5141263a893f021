/* SPDX-License-Identifier: BSD-3-Clause */
/* The policer against a token bucket in exact fractions, at rates from one end to the other. */
#include <criterion/criterion.h>

#include <pthread.h>

#include "draw.h"
#include "police.h"

#define SECOND_NS UINT64_C(1000000000)
#define YEAR_NS (365 * 86400 * SECOND_NS)
#define BURST_MAX (UINT64_C(1) << 32)
#define ME 1

/* Tokens in units of 1/8e9 byte: a nanosecond makes rate_bps of them. No rounding anywhere. */
struct model {
	__int128 tokens, depth;
	uint64_t rate_bps, last_ns;
};

static __int128
model_bytes(uint64_t bytes)
{
	return (__int128)bytes * 8 * SECOND_NS;
}

static void
model_init(struct model *model, const struct dp_police *config, uint64_t now_ns)
{
	model->depth = model_bytes(config->burst_bytes);
	model->tokens = model->depth;
	model->rate_bps = config->rate_bps;
	model->last_ns = now_ns;
}

static bool
model_take(struct model *model, uint64_t now_ns, uint32_t bytes)
{
	model->tokens += (__int128)(now_ns - model->last_ns) * model->rate_bps;
	model->last_ns = now_ns;
	if (model->tokens > model->depth)
		model->tokens = model->depth;
	if (model->tokens < model_bytes(bytes))
		return false;
	model->tokens -= model_bytes(bytes);
	return true;
}

/* At the last but one a byte takes 82.5 units. */
static const uint64_t rates[] = {DP_RATE_BPS_MIN, 20000, 64000, 100000, 1000000, 2048000, 33333333,
	UINT64_C(1000000000), UINT64_C(9999999967), UINT64_C(40000000000), UINT64_C(100000000000),
	UINT64_C(397187878788), DP_RATE_BPS_MAX};

/* Sizes of packets: the least datagram, voice, media, the longest; 0: all sorts. */
static const uint32_t sizes[] = {28, 200, 1228, 1500, 65535, 0};

static uint32_t
draw_bytes(uint64_t *state, uint32_t size)
{
	return size != 0 ? size : 28 + draw_below(state, 1473);
}

/* Twice the rate is offered for `offered` packets: how many bytes pass, and how many are to? */
static void
offer_twice(uint64_t rate_bps, uint32_t size, uint64_t start_ns, unsigned offered)
{
	const uint64_t burst = RTE_MAX(rate_bps / 8 / 20000, UINT64_C(70000));
	const struct dp_police config = {.rate_bps = rate_bps, .burst_bytes = burst};
	const uint32_t mean = size != 0 ? size : 764;
	struct police police;
	struct model model;
	uint64_t state = rate_bps + size, passed = 0, expected = 0;
	__int128 offered_bytes = 0;

	police_init(&police, &config);
	model_init(&model, &config, start_ns);
	for (unsigned i = 0; i < offered; i++) {
		const uint32_t bytes = draw_bytes(&state, size);
		/* Packet i comes when twice the rate has sent what was before it. */
		const uint64_t now_ns =
			start_ns + (uint64_t)(offered_bytes * 4 * SECOND_NS / rate_bps);

		passed += police_take(&police, now_ns, bytes, ME) ? bytes : 0;
		expected += model_take(&model, now_ns, bytes) ? bytes : 0;
		offered_bytes += bytes;
	}
	cr_expect_gt(expected, burst);
	cr_expect_lt((passed > expected ? passed - expected : expected - passed),
		expected / 500 + mean, "%lu bit/s in packets of %u: %lu bytes passed, not %lu",
		rate_bps, size, passed, expected);
}

Test(police, long_run_is_exact_to_a_fifth_of_a_percent)
{
	for (unsigned r = 0; r < RTE_DIM(rates); r++) {
		for (unsigned s = 0; s < RTE_DIM(sizes); s++)
			offer_twice(rates[r], sizes[s], 12345 * SECOND_NS, 200000);
	}
}

/* A whole second at 100 Gbit/s of long packets. */
Test(police, a_second_is_exact)
{
	offer_twice(UINT64_C(100000000000), 9000, SECOND_NS, 2800000);
}

/* The clock comes round in the middle of the run. */
Test(police, clock_may_wrap)
{
	const uint64_t wrap_ns = UINT64_C(1) << (64 - POLICE_TIME_BITS);

	for (unsigned r = 0; r < RTE_DIM(rates); r++) {
		const uint64_t half = UINT64_C(50000) * 1500 * 4 * SECOND_NS / rates[r];

		offer_twice(rates[r], 1500, wrap_ns - half, 100000);
	}
}

/* Where the time of a byte is a whole number of units (500 at the last rate), each single verdict
 * is the model's. */
Test(police, every_verdict_is_exact_where_nothing_is_rounded)
{
	static const uint64_t whole[] = {
		8000, 20000, 64000, 1000000, 8000000, UINT64_C(1000000000), UINT64_C(65536000000)};

	for (unsigned r = 0; r < RTE_DIM(whole); r++) {
		const struct dp_police config = {.rate_bps = whole[r], .burst_bytes = 9000};
		uint64_t state = r, now_ns = 77;
		struct police police;
		struct model model;
		unsigned passed = 0;

		police_init(&police, &config);
		model_init(&model, &config, now_ns);
		for (unsigned i = 0; i < 100000; i++) {
			const uint32_t bytes = draw_bytes(&state, 0);
			const bool expected = model_take(&model, now_ns, bytes);

			cr_assert_eq(police_take(&police, now_ns, bytes, ME), expected,
				"%lu bit/s, packet %u", whole[r], i);
			passed += expected;
			/* From bursts at one instant to times that fill the bucket. */
			if (draw_below(&state, 4) != 0)
				now_ns += draw_below(&state,
					(uint32_t)(UINT64_C(20000000000) * 700 / whole[r] / 5));
		}
		cr_expect(passed > 10000 && passed < 90000, "%u", passed);
	}
}

static void
expect_full(struct police *police, uint64_t now_ns, uint64_t burst_bytes, const char *when)
{
	const uint32_t piece = (uint32_t)RTE_MIN(burst_bytes, UINT64_C(65536));

	for (uint64_t left = burst_bytes; left > 0;) {
		const uint32_t bytes = (uint32_t)RTE_MIN(left, (uint64_t)piece);

		cr_assert(police_take(police, now_ns, bytes, ME), "%s: %lu of %lu left", when, left,
			burst_bytes);
		left -= bytes;
	}
	/* What is rounded in a packet's favour is less than a byte, or a byte in 80 packets. */
	cr_expect_not(police_take(police, now_ns, 1 + (uint32_t)(burst_bytes / piece / 80), ME),
		"%s: more than the burst", when);
}

Test(police, burst_passes_and_no_more)
{
	static const uint64_t bursts[] = {1, 28, 1500, 3000, 99999, 12345678, BURST_MAX};

	for (unsigned r = 0; r < RTE_DIM(rates); r++) {
		for (unsigned b = 0; b < RTE_DIM(bursts); b++) {
			const struct dp_police config = {.rate_bps = rates[r],
				.burst_bytes = RTE_MIN(bursts[b], rates[r] * DP_BURST_PER_BPS_MAX)};
			struct police police;

			police_init(&police, &config);
			expect_full(&police, 1000, config.burst_bytes, "at first");
		}
	}
}

/* Small packets in a burst, at rates whose byte takes no whole number of units. */
Test(police, packets_that_add_up_to_the_burst_pass)
{
	for (unsigned r = 0; r < RTE_DIM(rates); r++) {
		const struct dp_police config = {.rate_bps = rates[r], .burst_bytes = 28000};
		struct police police;

		police_init(&police, &config);
		for (unsigned i = 0; i < 1000; i++)
			cr_assert(police_take(&police, 5, 28, ME), "%lu: %u", rates[r], i);
		cr_expect_not(police_take(&police, 5, 28, ME), "%lu", rates[r]);
	}
}

Test(police, a_packet_longer_than_the_burst_never_passes_and_takes_nothing)
{
	const struct dp_police config = {.rate_bps = 64000, .burst_bytes = 1000};
	struct police police;

	police_init(&police, &config);
	for (uint64_t now_ns = 0; now_ns < 10 * SECOND_NS; now_ns += SECOND_NS)
		cr_expect_not(police_take(&police, now_ns, 1001, ME));
	expect_full(&police, 10 * SECOND_NS, 1000, "after refusals");
}

/* Up to a year, in steps that meet the clock's period at many phases. */
Test(police, bucket_is_full_after_idling)
{
	for (unsigned r = 0; r < RTE_DIM(rates); r++) {
		const struct dp_police config = {.rate_bps = rates[r], .burst_bytes = 100000};
		struct police police;
		uint64_t now_ns = 1;

		police_init(&police, &config);
		expect_full(&police, now_ns, 100000, "at first");
		for (uint64_t idle_ns = 101 * SECOND_NS; idle_ns < YEAR_NS; idle_ns *= 3) {
			now_ns += idle_ns;
			expect_full(&police, now_ns, 100000, "after idling");
		}
		now_ns += YEAR_NS;
		expect_full(&police, now_ns, 100000, "after a year");
	}
}

/* A bucket that is made when the clock stands anywhere, even just before it comes round. */
Test(police, bucket_is_full_at_first_whenever_that_is)
{
	const uint64_t wrap_ns = UINT64_C(1) << (64 - POLICE_TIME_BITS);
	const struct dp_police config = {.rate_bps = 64000, .burst_bytes = 100000};

	for (uint64_t before_ns = 1; before_ns < wrap_ns; before_ns *= 2) {
		struct police police;

		police_init(&police, &config);
		expect_full(&police, wrap_ns - before_ns, 100000, "at first");
	}
}

/* A worker's clock may be behind that of another: nothing is gained by it. */
Test(police, going_back_in_time_gains_nothing)
{
	const struct dp_police config = {.rate_bps = UINT64_C(8000000000), .burst_bytes = 1500};
	struct police police;
	unsigned passed = 0;

	police_init(&police, &config);
	for (uint64_t i = 0; i < 10000; i++)
		passed += police_take(&police, SECOND_NS + i * 750 - (i % 2) * 400, 1500, ME);
	cr_expect(passed > 4500 && passed <= 5001, "%u", passed);
}

/* Two workers by turns, one thread: the bucket is one, shared from when the second meets it. */
Test(police, workers_share_one_bucket)
{
	const struct dp_police config = {.rate_bps = 1000000, .burst_bytes = 15000};
	struct police police;

	police_init(&police, &config);
	cr_expect(police_take(&police, 9, 1500, 1));
	cr_expect_eq(police.owner, 1);
	cr_expect_eq(police.shared, 0);
	for (unsigned i = 1; i < 10; i++)
		cr_expect(police_take(&police, 9, 1500, (uint8_t)(1 + i % 3)), "%u", i);
	cr_expect_eq(police.owner, 1, "the first one's for ever");
	cr_expect_eq(police.shared, 1);
	for (uint8_t owner = 1; owner <= 3; owner++)
		cr_expect_not(police_take(&police, 9, 1500, owner));
}

/* The owner is held up between its look at the bucket and its store, while another empties it. */
Test(police, a_delayed_owner_returns_no_token)
{
	const struct dp_police config = {.rate_bps = 1000000, .burst_bytes = 15000};
	struct police police;
	uint64_t late;

	police_init(&police, &config);
	cr_expect(police_take(&police, 9, 1500, 1));
	late = police.full_at;
	cr_expect(police_spend(&police, UINT64_C(9) << POLICE_TIME_BITS, 1500, &late));
	for (unsigned i = 0; i < 9; i++)
		cr_expect(police_take(&police, 9, 1500, 2), "%u", i);
	police.full_at = late;
	for (uint8_t owner = 1; owner <= 3; owner++)
		cr_expect_not(police_take(&police, 9, 1500, owner));
}

#define THREADS 4
#define TAKES 200000

struct taker {
	pthread_t thread;
	struct police *police;
	uint64_t passed;
	uint8_t owner;
};

static void *
take_many(void *arg)
{
	struct taker *taker = arg;

	for (uint64_t i = 0; i < TAKES; i++)
		taker->passed += police_take(taker->police, i * 10, 100, taker->owner);
	return NULL;
}

/* All at once, with clocks of their own: no more passes than the bucket had, and few less. */
Test(police, threads_take_no_token_twice)
{
	const struct dp_police config = {.rate_bps = 1000000000, .burst_bytes = 1000000};
	const uint64_t expected = (1000000 + TAKES * 10 / 8) / 100;
	struct taker takers[THREADS];
	struct police police;
	uint64_t passed = 0;

	police_init(&police, &config);
	for (unsigned i = 0; i < THREADS; i++) {
		takers[i] = (struct taker){.police = &police, .owner = (uint8_t)(i + 1)};
		cr_assert_eq(pthread_create(&takers[i].thread, NULL, take_many, &takers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(takers[i].thread, NULL);
		passed += takers[i].passed;
	}
	cr_expect_eq(police.shared, 1);
	cr_expect_leq(passed, expected + 8, "a pipeline of the owner is not in the copy");
	cr_expect_geq(passed, expected / 2);
}
