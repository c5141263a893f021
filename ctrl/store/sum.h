/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The checksum of rows: 64 bits over words of 8 bytes. Each step is a bijection of the state, so
 * that a change confined to one word is always found, and any other but for one in 2^64. It guards
 * against disks, not against people.
 */
#ifndef CTRL_STORE_SUM_H
#define CTRL_STORE_SUM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SUM_START UINT64_C(0x736c756963652121)
#define SUM_FACTOR UINT64_C(0x9e3779b97f4a7c15)

static inline uint64_t
sum_number(uint64_t sum, uint64_t number)
{
	sum = (sum ^ number) * SUM_FACTOR;
	return sum ^ sum >> 32;
}

/* Its length is part of it, so that no text runs into the next. */
static inline uint64_t
sum_bytes(uint64_t sum, const char *bytes, size_t n)
{
	uint64_t word;

	sum = sum_number(sum, n);
	for (; n >= sizeof(word); n -= sizeof(word), bytes += sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		sum = sum_number(sum, word);
	}
	if (n > 0) {
		word = 0;
		memcpy(&word, bytes, n);
		sum = sum_number(sum, word);
	}
	return sum;
}

static inline uint64_t
sum_text(uint64_t sum, const char *text)
{
	return sum_bytes(sum, text, strlen(text));
}

#endif
