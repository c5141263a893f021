/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Addresses that no packet may carry (RFC 6890, RFC 1812 5.3.7, RFC 4291): only looked for in
 * packets that no exact flow is there for.
 */
#ifndef DATAPLANE_MARTIAN_H
#define DATAPLANE_MARTIAN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>

#include <dp/flow.h>

#include "quad.h"

static inline bool
martian_ip4(const struct rte_ipv4_hdr *ip)
{
	const uint8_t src = (uint8_t)(rte_be_to_cpu_32(ip->src_addr) >> 24);
	const uint8_t dst = (uint8_t)(rte_be_to_cpu_32(ip->dst_addr) >> 24);

	return src == 0 || src == 127 || src >= 224 || dst == 0 || dst == 127 ||
	       ip->dst_addr == UINT32_MAX;
}

/* Whether martian_ip4() is true of one of four IPv4 headers. */
static inline bool
martian_quad(void *const ips[QUAD])
{
	const size_t src_offset = offsetof(struct rte_ipv4_hdr, src_addr);
	const size_t dst_offset = offsetof(struct rte_ipv4_hdr, dst_addr);
	const quad src =
		quad_gather(RTE_PTR_ADD(ips[0], src_offset), RTE_PTR_ADD(ips[1], src_offset),
			RTE_PTR_ADD(ips[2], src_offset), RTE_PTR_ADD(ips[3], src_offset));
	const quad dst =
		quad_gather(RTE_PTR_ADD(ips[0], dst_offset), RTE_PTR_ADD(ips[1], dst_offset),
			RTE_PTR_ADD(ips[2], dst_offset), RTE_PTR_ADD(ips[3], dst_offset));
	/* The first byte of an address is the low one of its word. */
	const quad first = src & quad_set(0xff), to = dst & quad_set(0xff);

	return quad_any(quad_equal(first, quad_set(0)) | quad_equal(first, quad_set(127)) |
			quad_below(quad_set(223), first) | quad_equal(to, quad_set(0)) |
			quad_equal(to, quad_set(127)) | quad_equal(dst, quad_set(UINT32_MAX)));
}

/* Unspecified, loopback, or IPv4-mapped. */
static inline bool
martian_address6(const uint8_t address[16])
{
	static const uint8_t zeros[10];

	if (memcmp(address, zeros, sizeof(zeros)) != 0)
		return false;
	if (address[10] == 0xff && address[11] == 0xff)
		return true;
	return memcmp(address + 10, zeros, 5) == 0 && address[15] <= 1;
}

static inline bool
martian_ip6(const struct rte_ipv6_hdr *ip)
{
	const uint8_t *src = (const uint8_t *)&ip->src_addr;

	return src[0] == 0xff || martian_address6(src) ||
	       martian_address6((const uint8_t *)&ip->dst_addr);
}

static inline bool
martian(const void *ip, enum dp_family family)
{
	return family == DP_IPV4 ? martian_ip4(ip) : martian_ip6(ip);
}

#endif
