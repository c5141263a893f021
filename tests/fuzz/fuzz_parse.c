/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzz the parser alone, on frames that end where the sanitizer sees it. Besides not to read behind
 * a frame it has to agree with itself: what the few tests at once let pass, the tests one by one
 * find no fault with, and the other way round.
 */
#include <stdlib.h>
#include <string.h>

#include "parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool ok)
{
	if (!ok)
		abort();
}

static void
datagram_check(const uint8_t *ip, uint32_t bytes, rte_be16_t type)
{
	uint16_t l3_bytes = 0;
	uint32_t skip_bytes = 0, again = 0;
	union flow_key key;

	if (type == RTE_BE16(RTE_ETHER_TYPE_IPV4)) {
		const enum dp_drop reason = parse_ip4((const void *)ip, bytes, &l3_bytes);

		require(reason == parse_ip4_fault((const void *)ip, bytes));
		require(reason != PARSE_OK || (l3_bytes >= UDP4_BYTES && l3_bytes <= bytes));
		if (reason == PARSE_OK)
			parse_key4((const void *)ip, 0, &key.v4);
	} else if (type == RTE_BE16(RTE_ETHER_TYPE_IPV6)) {
		const enum dp_drop reason =
			parse_ip6((const void *)ip, bytes, &l3_bytes, &skip_bytes);

		require(reason == parse_ip6_fault((const void *)ip, bytes, &again));
		require(reason != PARSE_OK ||
			(l3_bytes >= UDP6_BYTES && l3_bytes + skip_bytes <= bytes));
		if (reason == PARSE_OK && skip_bytes == 0)
			parse_key6((const void *)ip, 0, &key.v6);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const size_t bytes = RTE_MIN(size, (size_t)UINT16_MAX);
	uint8_t *frame = malloc(bytes); /* so that its end is watched */
	struct rte_mbuf m = {.buf_addr = frame,
		.nb_segs = 1,
		.data_len = (uint16_t)bytes,
		.pkt_len = (uint32_t)bytes};
	struct parsed_tags tags;
	rte_be16_t type;

	if (frame == NULL)
		return 0;
	if (bytes > 0)
		memcpy(frame, data, bytes);
	if (parse_ethernet(&m, &type) == PARSE_OK) {
		tags = (struct parsed_tags){.l2_bytes = RTE_ETHER_HDR_LEN, .ether_type = type};
		if (!parse_is_tag(type) || parse_tags(&m, type, &tags) == PARSE_OK)
			datagram_check(frame + tags.l2_bytes, (uint32_t)(bytes - tags.l2_bytes),
				tags.ether_type);
	}
	free(frame);
	return 0;
}
