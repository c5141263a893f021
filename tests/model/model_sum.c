/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checksums as plain arithmetic. An Internet checksum is a number modulo 65535: the negative of the
 * sum of what it covers (RFC 1071). A change of what is covered is subtracted, and an error that
 * was there before stays (RFC 1624). Only the two names of zero, 0 and 65535, need a rule.
 */
#include "model.h"

#define MODULUS 65535

uint64_t
model_sum(const uint8_t *bytes, unsigned n_bytes)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < n_bytes; i++)
		sum += i % 2 == 0 ? (uint64_t)bytes[i] * 256 : bytes[i];
	return sum;
}

uint64_t
model_endpoints_sum(unsigned family, const uint8_t *src, const uint8_t *dst, unsigned src_port,
	unsigned dst_port)
{
	unsigned n = family == DP_IPV4 ? 4 : 16;

	return model_sum(src, n) + model_sum(dst, n) + src_port + dst_port;
}

unsigned
model_checksum(uint64_t sum)
{
	/* A sum of something that is not all zero, and a multiple of 65535, is 0xffff when folded.
	 */
	return (MODULUS - (unsigned)(sum % MODULUS)) % MODULUS;
}

unsigned
model_checksum_moved(unsigned old, uint64_t sum_before, uint64_t sum_after)
{
	unsigned before = (unsigned)(sum_before % MODULUS);
	unsigned after = (unsigned)(sum_after % MODULUS);
	unsigned moved = (old + before + MODULUS - after) % MODULUS;

	return moved == 0 ? MODULUS : moved;
}
