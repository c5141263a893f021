/* SPDX-License-Identifier: BSD-3-Clause */
/* IPv6 extension headers (RFC 8200, 4): which are skipped, and which are a reason to refuse. */
#include "model.h"

#define HOP_BY_HOP 0
#define UDP 17
#define ROUTING 43
#define FRAGMENT 44
#define ESP 50
#define AH 51
#define DESTINATION 60
#define MOBILITY 135
#define HIP 139
#define SHIM6 140

#define SKIPPED_HEADERS_MAX 8
#define SKIPPED_BYTES_MAX 256

/* Are all options of a header of known type, or such as whoever does not know them skips? */
static bool
options_are_skippable(const uint8_t *header, unsigned n_bytes)
{
	unsigned at = 2;

	while (at < n_bytes) {
		if (header[at] == 0) { /* Pad1 is one byte, without a length */
			at++;
			continue;
		}
		if (header[at] / 64 != 0 || at + 2 > n_bytes || at + 2 + header[at + 1] > n_bytes)
			return false;
		at += 2u + header[at + 1];
	}
	return true;
}

/* May the header at `bytes` be skipped? Its length then. 0 = no. */
static unsigned
skippable_bytes(unsigned type, bool first, const uint8_t *bytes, unsigned n_bytes)
{
	unsigned length;

	if (type != DESTINATION && type != ROUTING && !(type == HOP_BY_HOP && first))
		return 0;
	if (n_bytes < 8)
		return 0;
	length = (bytes[1] + 1u) * 8;
	if (length > n_bytes)
		return 0;
	if (type == ROUTING)
		return bytes[3] == 0 ? length : 0;
	return options_are_skippable(bytes, length) ? length : 0;
}

static bool
is_extension(unsigned type)
{
	return type == HOP_BY_HOP || type == ROUTING || type == DESTINATION || type == ESP ||
	       type == AH || type == MOBILITY || type == HIP || type == SHIM6;
}

bool
model_ip6_skip(const uint8_t **bytes, unsigned *n_bytes, unsigned next_header, enum dp_drop *reason)
{
	unsigned n_headers = 0, n_skipped = 0;

	while (next_header != UDP) {
		unsigned length = skippable_bytes(next_header, n_headers == 0, *bytes, *n_bytes);

		if (length == 0 || n_headers == SKIPPED_HEADERS_MAX ||
			n_skipped + length > SKIPPED_BYTES_MAX) {
			*reason = next_header == FRAGMENT     ? DP_DROP_ip6_fragment
				  : is_extension(next_header) ? DP_DROP_ip6_extension
							      : DP_DROP_ip6_not_udp;
			return false;
		}
		n_headers++;
		n_skipped += length;
		next_header = (*bytes)[0];
		*bytes += length;
		*n_bytes -= length;
	}
	return true;
}
