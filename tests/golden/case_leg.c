/* SPDX-License-Identifier: BSD-3-Clause */
/* Legs of a case with their next hops, in the shape that flow.install takes. */
#include "case.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOP_MTU_BYTES 1500

int
case_address_decode(const char *text, uint8_t out[16])
{
	memset(out, 0, 16);
	if (inet_pton(AF_INET, text, out) == 1)
		return DP_IPV4;
	return inet_pton(AF_INET6, text, out) == 1 ? DP_IPV6 : -1;
}

int
case_mac_decode(const char *text, uint8_t mac[6])
{
	return sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3],
		       &mac[4], &mac[5]) == 6
		       ? 0
		       : -1;
}

/* Legs to one neighbour share its next hop. Without a MAC it is one that is not resolved. */
static int
hop_index(struct golden_case *c, unsigned port, const char *mac, uint16_t *index)
{
	struct dp_next_hop hop = {.port = (uint16_t)port};
	struct dp_next_hop *grown;

	if (mac != NULL) {
		hop.mtu = HOP_MTU_BYTES;
		case_port_mac(port, hop.src_mac);
		if (case_mac_decode(mac, hop.dst_mac) < 0)
			return -1;
	}
	for (size_t i = 0; i < c->n_hops; i++) {
		if (memcmp(&c->hops[i], &hop, sizeof(hop)) == 0) {
			*index = (uint16_t)i;
			return 0;
		}
	}
	grown = reallocarray(c->hops, c->n_hops + 1, sizeof(hop));
	if (grown == NULL)
		return -1;
	c->hops = grown;
	c->hops[c->n_hops] = hop;
	*index = (uint16_t)c->n_hops++;
	return 0;
}

uint64_t
case_cookie(struct golden_case *c, const char *id)
{
	const char **grown;

	for (size_t i = 0; i < c->n_names; i++) {
		if (strcmp(c->names[i], id) == 0)
			return i + 1;
	}
	grown = reallocarray(c->names, c->n_names + 1, sizeof(*grown));
	if (grown == NULL)
		return 0;
	c->names = grown;
	c->names[c->n_names++] = id;
	return c->n_names;
}

int
case_police_decode(json_t *item, struct dp_police *police, json_error_t *at)
{
	json_int_t rate, burst;

	if (item == NULL)
		return 0;
	if (json_unpack_ex(item, at, JSON_STRICT, "{s:I, s:I}", "rate_bps", &rate, "burst_bytes",
		    &burst) < 0)
		return -1;
	police->rate_bps = (uint64_t)rate;
	police->burst_bytes = (uint64_t)burst;
	return 0;
}

/* Where a leg's copies go: address and port, or neither; and the next hop on the way. */
static int
destination_decode(struct golden_case *c, const char *dst, int dst_port, const char *port,
	const char *mac, int family, uint8_t address[16], uint16_t *udp_port, uint16_t *next_hop)
{
	int index;

	if (dst == NULL)
		return 0;
	index = port == NULL ? -1 : case_port_index(port);
	*udp_port = htons((uint16_t)dst_port);
	if (index < 0 || case_address_decode(dst, address) != family)
		return -1;
	return hop_index(c, (unsigned)index, mac, next_hop);
}

/* What control knows of a learned destination. */
static int
known_decode(
	struct golden_case *c, json_t *item, int family, struct dp_learned *known, json_error_t *at)
{
	int dst_port, vlan = 0, outer_vlan = 0;
	const char *port, *dst, *mac = NULL;

	if (item == NULL)
		return 0;
	if (json_unpack_ex(item, at, JSON_STRICT, "{s:s, s:s, s:i, s?:s, s?:i, s?:i}", "port",
		    &port, "dst", &dst, "dst_port", &dst_port, "mac", &mac, "vlan", &vlan,
		    "outer_vlan", &outer_vlan) < 0)
		return -1;
	known->state = 1;
	known->vlan = (uint16_t)vlan;
	known->outer_vlan = (uint16_t)outer_vlan;
	return destination_decode(c, dst, dst_port, port, mac, family, known->dst, &known->dst_port,
		&known->next_hop);
}

/* `*times` legs are meant: each next one has a destination port that is one higher. */
static int
leg_decode(struct golden_case *c, json_t *item, struct dp_leg *leg, const char **id, int *times,
	json_error_t *at)
{
	int src_port, dst_port = 0, family, vlan = 0, outer_vlan = 0, one_in = 1;
	int dscp = DP_DSCP_KEEP, ttl = DP_TTL_DECREMENT;
	const char *port = NULL, *src, *dst = NULL, *mac = NULL, *admin = "up", *learned = NULL;
	json_t *police = NULL, *known = NULL;

	*times = 1;
	if (json_unpack_ex(item, at, JSON_STRICT,
		    "{s?:s, s?:s, s:s, s:i, s?:s, s?:i, s?:i, s?:i, s?:i, s?:i, s?:s, s?:s, s?:i, "
		    "s?:o, s?:i, s?:s, s?:o}",
		    "id", id, "port", &port, "src", &src, "src_port", &src_port, "dst", &dst,
		    "dst_port", &dst_port, "vlan", &vlan, "outer_vlan", &outer_vlan, "dscp", &dscp,
		    "ttl", &ttl, "mac", &mac, "admin", &admin, "one_in", &one_in, "police", &police,
		    "times", times, "learned", &learned, "known", &known) < 0)
		return -1;
	family = case_address_decode(src, leg->src);
	if (family < 0 || (dst == NULL && learned == NULL))
		return -1;
	if (learned != NULL)
		leg->learned = case_cookie(c, learned);
	leg->family = (uint8_t)family;
	leg->src_port = htons((uint16_t)src_port);
	leg->vlan = (uint16_t)vlan;
	leg->outer_vlan = (uint16_t)outer_vlan;
	leg->dscp = (uint8_t)dscp;
	leg->ttl = (uint8_t)ttl;
	leg->down = strcmp(admin, "down") == 0;
	leg->one_in = (uint32_t)one_in;
	if (destination_decode(c, dst, dst_port, port, mac, family, leg->dst, &leg->dst_port,
		    &leg->next_hop) < 0 ||
		known_decode(c, known, family, &leg->known, at) < 0)
		return -1;
	return case_police_decode(police, &leg->police, at);
}

static int
legs_append(struct case_legs *legs, const struct dp_leg *leg, const char *id, int times)
{
	size_t n = legs->n + (size_t)times;
	struct dp_leg *of = reallocarray(legs->of, n, sizeof(*of));
	const char **ids;

	if (of == NULL)
		return -1;
	legs->of = of;
	ids = reallocarray(legs->ids, n, sizeof(*ids));
	if (ids == NULL)
		return -1;
	legs->ids = ids;
	for (unsigned i = 0; legs->n < n; i++) {
		of[legs->n] = *leg;
		if (leg->dst_port != 0)
			of[legs->n].dst_port = htons((uint16_t)(ntohs(leg->dst_port) + i));
		ids[legs->n++] = id;
	}
	return 0;
}

int
case_legs_decode(
	struct golden_case *c, const json_t *list, struct case_legs *legs, json_error_t *at)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct dp_leg leg = {0};
		const char *id = NULL;
		int times;

		if (leg_decode(c, json_array_get(list, i), &leg, &id, &times, at) < 0 ||
			times < 1 || legs_append(legs, &leg, id, times) < 0)
			return -1;
	}
	return 0;
}

void
case_legs_fini(struct case_legs *legs)
{
	free(legs->of);
	free(legs->ids);
}
