/* SPDX-License-Identifier: BSD-3-Clause */
/* The incremental checksum against the full one. */
#include <criterion/criterion.h>

#include <rte_ip.h>

#include "checksum.h"

/* What end-around carries give, said otherwise: a sum modulo 65535 that is 0 for 0 only. */
static uint16_t
sum_modulo(uint32_t sum)
{
	return sum == 0 ? 0 : (uint16_t)((sum - 1) % 0xffff + 1);
}

/* A generator of the test's own, so that a failure repeats. */
static uint32_t
draw(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*state >> 32);
}

Test(checksum, fold_carries_until_16_bits_hold_it)
{
	uint64_t state = 1;

	cr_expect_eq(checksum_fold(0), 0);
	cr_expect_eq(checksum_fold(0xffff), 0xffff);
	cr_expect_eq(checksum_fold(0x10000), 1);
	cr_expect_eq(checksum_fold(0x1ffff), 1, "the carry makes another carry");
	cr_expect_eq(checksum_fold(UINT32_MAX), 0xffff);
	for (unsigned i = 0; i < 1000000; i++) {
		uint32_t sum = draw(&state);

		if (checksum_fold(sum) != sum_modulo(sum))
			cr_assert_fail("fold of %08x is %04x", sum, checksum_fold(sum));
	}
}

Test(checksum, sum_takes_any_alignment)
{
	uint8_t buffer[33];

	for (unsigned i = 0; i < sizeof(buffer); i++)
		buffer[i] = (uint8_t)(i * 73 + 5);
	for (unsigned start = 0; start < 2; start++) {
		uint16_t words[16];

		memcpy(words, buffer + start, sizeof(words));
		cr_expect_eq(checksum_fold(checksum_sum(buffer + start, sizeof(words))),
			rte_raw_cksum(words, sizeof(words)));
	}
	cr_expect_eq(checksum_sum(buffer, 0), 0);
}

Test(checksum, complement_takes_away_what_sum_adds)
{
	const uint16_t words[8] = {0, 0xffff, 1, 0xfffe, 0x8000, 0x7fff, 0x1234, 0xabcd};

	cr_expect_eq(
		checksum_sum(words, sizeof(words)) + checksum_sum_complement(words, sizeof(words)),
		8 * 0xffff);
}

/* RFC 1624, section 4: the example that equation 2 of RFC 1141 gets wrong. */
Test(checksum, update_does_the_example_of_the_rfc)
{
	uint32_t change = (uint16_t)~UINT16_C(0x5555) + UINT32_C(0x3285);

	cr_expect_eq(checksum_update(0xdd2f, change), 0x0000);
}

/* All pairs of telling words: the updated checksum is that of the new data. */
Test(checksum, update_equals_the_full_sum)
{
	const uint16_t telling[] = {
		0, 1, 2, 0x00ff, 0x7fff, 0x8000, 0xff00, 0xfffd, 0xfffe, 0xffff};
	const size_t n = RTE_DIM(telling);
	uint64_t state = 2;

	for (size_t i = 0; i < n * n * 1000; i++) {
		uint16_t from = telling[i % n], to = telling[i / n % n];
		uint16_t words[4] = {0x45, (uint16_t)draw(&state), (uint16_t)draw(&state), from};
		uint16_t before = (uint16_t)~rte_raw_cksum(words, sizeof(words)), after;

		words[3] = to;
		after = (uint16_t)~rte_raw_cksum(words, sizeof(words));
		if (checksum_update(before, (uint16_t)~from + (uint32_t)to) != after)
			cr_assert_fail("%04x -> %04x: %04x became %04x, not %04x", from, to, before,
				checksum_update(before, (uint16_t)~from + (uint32_t)to), after);
	}
}
