/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Token buckets. A byte is worth the time in which the rate brings one; the bucket remembers the
 * worth of what is missing in it.
 */
#include "model.h"

#define UNITS_PER_NS 4096
#define UNITS_PER_S (UINT64_C(1000000000) * UNITS_PER_NS)

bool
model_bucket_take(struct model_bucket *bucket, const struct dp_police *police, unsigned n_bytes,
	uint64_t now_ns)
{
	__int128 byte, price;

	if (police->rate_bps == 0)
		return true;
	byte = (__int128)UNITS_PER_S * 8 / police->rate_bps;
	price = byte * n_bytes;
	bucket->missing -= (__int128)(now_ns - bucket->seen_ns) * UNITS_PER_NS;
	if (bucket->missing < 0)
		bucket->missing = 0;
	bucket->seen_ns = now_ns;
	if (bucket->missing + price > byte * police->burst_bytes)
		return false;
	bucket->missing += price;
	return true;
}
