/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IPv6 extension headers (RFC 8200, 4): walked, within bounds, to see whether UDP is behind them
 * and whether they may be taken out of the datagram. docs/dataplane.md has the policy.
 */
#ifndef DATAPLANE_EXTENSION_H
#define DATAPLANE_EXTENSION_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <netinet/in.h>

#include <rte_byteorder.h>
#include <rte_ip.h>

#include <dp/stats.h>

#define EXTENSION_OK DP_DROP_COUNT
#define EXTENSION_HEADERS_MAX 8
#define EXTENSION_BYTES_MAX 256
#define EXTENSION_UNIT 8 /* lengths count these, the first one left out */
#define EXTENSION_MOBILITY 135 /* RFC 6275 */
#define EXTENSION_HIP 139 /* RFC 7401 */
#define EXTENSION_SHIM6 140 /* RFC 5533 */

#define OPTION_PAD1 0
#define OPTION_PADN 1
#define OPTION_ROUTER_ALERT 5 /* RFC 2711 */
#define OPTION_ACTION_MASK 0xc0 /* what to do with an option that is not known: 00 = skip it */

/* Every option of a Hop-by-Hop or Destination Options header of `bytes` may be skipped. */
static inline bool
extension_options_hold(const uint8_t *header, uint32_t bytes)
{
	uint32_t at = 2;

	while (at < bytes) {
		const uint8_t type = header[at];

		if (type == OPTION_PAD1) {
			at++;
			continue;
		}
		if (at + 2 > bytes || at + 2 + header[at + 1] > bytes)
			return false;
		if (type != OPTION_PADN && type != OPTION_ROUTER_ALERT &&
			(type & OPTION_ACTION_MASK) != 0)
			return false;
		at += 2 + (uint32_t)header[at + 1];
	}
	return true;
}

/* Extension headers that are not skipped, or that hide what follows (RFC 4302, 4303). */
static inline bool
extension_is_closed(uint8_t type)
{
	return type == IPPROTO_AH || type == IPPROTO_ESP || type == EXTENSION_MOBILITY ||
	       type == EXTENSION_HIP || type == EXTENSION_SHIM6;
}

/* The header of `type` at `header` may be skipped: all of its `bytes` are there. */
static inline bool
extension_may_go(uint8_t type, const uint8_t *header, uint32_t bytes)
{
	const uint8_t segments_left = header[3];

	return type == IPPROTO_ROUTING ? segments_left == 0 : extension_options_hold(header, bytes);
}

/*
 * Walk the extension headers of a datagram whose `payload_bytes` are there. EXTENSION_OK: UDP
 * follows *skip_bytes behind the fixed header; else the reason to drop.
 */
static inline enum dp_drop
extension_skip(const struct rte_ipv6_hdr *ip, uint32_t payload_bytes, uint32_t *skip_bytes)
{
	const uint8_t *payload = (const uint8_t *)(ip + 1);
	uint8_t type = ip->proto;
	uint32_t at = 0;

	for (unsigned n = 0;; n++) {
		const uint8_t *header = payload + at;
		uint32_t bytes;

		*skip_bytes = at;
		if (type == IPPROTO_UDP)
			return EXTENSION_OK;
		if (type == IPPROTO_FRAGMENT)
			return DP_DROP_ip6_fragment;
		if (extension_is_closed(type) || (type == IPPROTO_HOPOPTS && n > 0))
			return DP_DROP_ip6_extension;
		if (type != IPPROTO_HOPOPTS && type != IPPROTO_DSTOPTS && type != IPPROTO_ROUTING)
			return DP_DROP_ip6_not_udp;
		if (n == EXTENSION_HEADERS_MAX || at + EXTENSION_UNIT > payload_bytes)
			return DP_DROP_ip6_extension;
		bytes = (header[1] + 1u) * EXTENSION_UNIT;
		if (at + bytes > payload_bytes || at + bytes > EXTENSION_BYTES_MAX ||
			!extension_may_go(type, header, bytes))
			return DP_DROP_ip6_extension;
		type = header[0];
		at += bytes;
	}
}

/*
 * Take skip_bytes of extension headers out: the fixed header moves up to what is behind them, and
 * tells so.
 */
static inline void
extension_remove(struct rte_ipv6_hdr *ip, uint32_t skip_bytes)
{
	ip->proto = IPPROTO_UDP;
	ip->payload_len =
		rte_cpu_to_be_16((uint16_t)(rte_be_to_cpu_16(ip->payload_len) - skip_bytes));
	memmove((uint8_t *)ip + skip_bytes, ip, sizeof(*ip));
}

#endif
