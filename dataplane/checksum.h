/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Incremental update of the Internet checksum (RFC 1071, RFC 1624 equation 3):
 *
 *	HC' = ~(~HC + ~m + m')
 *
 * Sums are one's complement and therefore the same in either byte order, so 16-bit words are
 * added as they lie in memory.
 */
#ifndef DATAPLANE_CHECKSUM_H
#define DATAPLANE_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <rte_byteorder.h>

/* Add end-around carries until 16 bits hold the sum. Enough for 2^16 words. */
static inline uint16_t
checksum_fold(uint32_t sum)
{
	uint16_t high = (uint16_t)(sum >> 16), low = (uint16_t)(sum + high);

	return (uint16_t)(low + (low < high));
}

/* One's complement sum of `bytes` (even) at any alignment. */
static inline uint32_t
checksum_sum(const void *data, size_t bytes)
{
	const uint8_t *p = data;
	uint32_t sum = 0;
	uint16_t word;

	for (size_t i = 0; i < bytes; i += sizeof(word)) {
		memcpy(&word, p + i, sizeof(word));
		sum += word;
	}
	return sum;
}

/* The same over the complement of each word: what leaves a sum when these bytes do. */
static inline uint32_t
checksum_sum_complement(const void *data, size_t bytes)
{
	return (uint32_t)(bytes / 2) * 0xffff - checksum_sum(data, bytes);
}

/* Whether an IPv4 header without options, its checksum included, sums to what it should. */
static inline bool
checksum_ip4_holds(const void *header)
{
	const uint8_t *p = header;
	uint64_t first, sum;
	uint32_t third, high, folded;

	/* Carries wrap around, so a sum of 64 bits is one of 32, and that one of 16. */
	memcpy(&first, p, sizeof(first));
	memcpy(&sum, p + 8, sizeof(sum));
	memcpy(&third, p + 16, sizeof(third));
	sum += first;
	sum += sum < first;
	sum += third;
	sum += sum < third;
	high = (uint32_t)(sum >> 32);
	folded = (uint32_t)sum + high;
	folded += folded < high;
	return checksum_fold(folded) == 0xffff;
}

/* New checksum from the old one and the sum of ~m and m' of all that changed. */
static inline rte_be16_t
checksum_update(rte_be16_t old, uint32_t change)
{
	return (rte_be16_t)~checksum_fold((uint16_t)~old + change);
}

#endif
