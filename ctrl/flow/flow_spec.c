/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow/flow_spec.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/escape.h"

struct flow_spec *
flow_spec_create(const struct flow_room *room)
{
	const size_t legs = room->n_all_legs * sizeof(struct flow_leg);
	const size_t streams = room->n_streams * sizeof(struct flow_stream);
	const size_t rule = room->rule ? sizeof(struct flow_rule) : 0;
	const size_t allow = room->n_allow * sizeof(struct dp_prefix);
	const size_t sources = room->n_sources * sizeof(struct dp_source);
	const size_t pool = room->pool ? sizeof(struct flow_pool) : 0;
	struct flow_spec *spec =
		calloc(1, sizeof(*spec) + legs + streams + rule + sources + allow + pool);

	if (!spec)
		return NULL;
	/* From the strictest alignment to the least. */
	static_assert(alignof(struct flow_leg) <= alignof(struct flow_spec) &&
			      alignof(struct flow_stream) <= alignof(struct flow_leg) &&
			      alignof(struct flow_rule) <= alignof(struct flow_stream) &&
			      alignof(struct dp_source) <= alignof(struct flow_rule) &&
			      alignof(struct flow_pool) == 1 && alignof(struct dp_prefix) == 1,
		"each part may follow the one before");
	spec->n_legs = (uint16_t)room->n_legs;
	spec->n_all_legs = (uint32_t)room->n_all_legs;
	spec->n_streams = (uint16_t)room->n_streams;
	spec->n_allow = (uint8_t)room->n_allow;
	spec->legs = (void *)(spec + 1);
	spec->streams = (void *)(spec->legs + room->n_all_legs);
	spec->rule = room->rule ? (void *)(spec->streams + room->n_streams) : NULL;
	spec->dp.n_sources = (uint8_t)room->n_sources;
	spec->sources = (void *)((char *)(spec->streams + room->n_streams) + rule);
	spec->allow = (void *)(spec->sources + room->n_sources);
	spec->pool = room->pool ? (void *)(spec->allow + room->n_allow) : NULL;
	return spec;
}

struct flow_spec *
flow_spec_with_legs(const struct flow_spec *spec, const uint16_t *kept, unsigned n_kept,
	const struct flow_leg *added, unsigned n_added)
{
	const unsigned n_legs = n_kept + n_added, n_stream_legs = spec->n_all_legs - spec->n_legs;
	const struct flow_room room = {
		.n_legs = n_legs,
		.n_all_legs = n_legs + n_stream_legs,
		.n_streams = spec->n_streams,
		.n_allow = spec->n_allow,
		.n_sources = spec->dp.n_sources,
		.rule = spec->rule != NULL,
		.pool = spec->pool != NULL,
	};
	struct flow_spec *made = flow_spec_create(&room), parts;
	unsigned i;

	if (!made)
		return NULL;
	parts = *made;
	*made = *spec;
	made->n_legs = parts.n_legs;
	made->n_all_legs = parts.n_all_legs;
	made->legs = parts.legs;
	made->streams = parts.streams;
	made->rule = parts.rule;
	made->allow = parts.allow;
	made->sources = parts.sources;
	made->pool = parts.pool;
	for (i = 0; i < n_kept; i++)
		made->legs[i] = spec->legs[kept ? kept[i] : i];
	for (i = 0; i < n_added; i++)
		made->legs[n_kept + i] = added[i];
	memcpy(&made->legs[n_legs], &spec->legs[spec->n_legs],
		n_stream_legs * sizeof(spec->legs[0]));
	memcpy(made->streams, spec->streams, spec->n_streams * sizeof(spec->streams[0]));
	for (i = 0; i < made->n_streams; i++)
		made->streams[i].first_leg += made->n_legs - spec->n_legs;
	memcpy(made->allow, spec->allow, spec->n_allow * sizeof(spec->allow[0]));
	memcpy(made->sources, spec->sources, spec->dp.n_sources * sizeof(spec->sources[0]));
	if (spec->rule)
		*made->rule = *spec->rule;
	if (spec->pool)
		*made->pool = *spec->pool;
	return made;
}

/* Whether two flows of the same match take the same packets, as far as their legs are concerned. */
static bool
takes_same(const struct flow_spec *a, const struct flow_spec *b)
{
	return a->max_datagram_bytes == b->max_datagram_bytes && a->n_allow == b->n_allow &&
	       memcmp(a->allow, b->allow, a->n_allow * sizeof(a->allow[0])) == 0 &&
	       a->dp.n_sources == b->dp.n_sources &&
	       memcmp(a->sources, b->sources, a->dp.n_sources * sizeof(a->sources[0])) == 0 &&
	       !a->rule == !b->rule &&
	       (!a->rule || memcmp(a->rule, b->rule, sizeof(*a->rule)) == 0);
}

/* They send the same to the same place; the number of a learned flow is that of its id. */
static bool
leg_same(const struct flow_leg *a, const struct flow_leg *b)
{
	const size_t place = offsetof(struct flow_leg, mark);

	static_assert(offsetof(struct flow_leg, carried) > offsetof(struct flow_leg, hop) &&
			      offsetof(struct dp_leg, known) > offsetof(struct dp_leg, learned),
		"what is compared stands before the rest");
	return memcmp((const char *)a + place, (const char *)b + place,
		       offsetof(struct flow_leg, carried) - place) == 0 &&
	       memcmp(&a->dp, &b->dp, offsetof(struct dp_leg, learned)) == 0;
}

void
legs_carry(struct flow_spec *spec, const struct flow_spec *before)
{
	const bool same = before && takes_same(spec, before);
	unsigned i;

	for (i = 0; i < spec->n_legs; i++) {
		struct flow_leg *leg = &spec->legs[i];

		leg->carried =
			same && leg->from != DP_LEG_NEW && leg_same(leg, &before->legs[leg->from]);
		if (leg->carried)
			leg->dp.learned = before->legs[leg->from].dp.learned;
	}
}

void
leg_path_prefix(const struct flow_spec *spec, unsigned leg, struct fault *fault)
{
	const struct flow_stream *stream = spec->streams;

	if (leg < spec->n_legs) {
		fault_prefix(fault, "/legs/%u", leg);
		return;
	}
	while (leg >= stream->first_leg + stream->dp.n_legs)
		stream++;
	fault_prefix(fault, "/streams/%u/legs/%u", (unsigned)(stream - spec->streams),
		leg - stream->first_leg);
}

/* A sorted list of numbers, made when it is needed: flows keep none. */

int
leg_compare_id(const struct flow_leg *a, const struct flow_leg *b)
{
	return strcmp(a->id, b->id);
}

/*
 * By port and VLAN to which address and UDP port. All legs to the source of one flow are one
 * destination.
 */
static int
leg_compare_destination(const struct flow_leg *a, const struct flow_leg *b)
{
	int order = strcmp(a->learned, b->learned);

	if (order || a->learned[0] != '\0')
		return order;
	order = strcmp(a->port, b->port);
	order = order ? order : a->dp.vlan - b->dp.vlan;
	order = order ? order : a->dp.outer_vlan - b->dp.outer_vlan;
	order = order ? order : a->dp.family - b->dp.family;
	order = order ? order : memcmp(a->dp.dst, b->dp.dst, sizeof(a->dp.dst));
	return order ? order : a->dp.dst_port - b->dp.dst_port;
}

/* Two gateways or marks are two ways, and two sources of a multicast group are two channels (RFC
 * 4607). */
static int
leg_compare_route(const struct flow_leg *a, const struct flow_leg *b)
{
	int order = leg_compare_destination(a, b);

	if (order || a->learned[0] != '\0')
		return order;
	order = a->hop - b->hop;
	order = order ? order : memcmp(a->next_hop, b->next_hop, sizeof(a->next_hop));
	order = order ? order : memcmp(a->mac, b->mac, sizeof(a->mac));
	order = order ? order : (a->mark > b->mark) - (a->mark < b->mark);
	if (order || address_kind(a->dp.family, a->dp.dst) != ADDRESS_MULTICAST)
		return order;
	return memcmp(a->dp.src, b->dp.src, sizeof(a->dp.src));
}

/* Legs that compare equal keep their order, so that the later one is the one refused. */
static int
order_compare(const void *a, const void *b, void *arg)
{
	const struct flow_leg *left = *(const struct flow_leg *const *)a;
	const struct flow_leg *right = *(const struct flow_leg *const *)b;
	const leg_compare_fn *compare = arg;
	const int order = (*compare)(left, right);

	return order ? order : left < right ? -1 : 1;
}

int
leg_index_init(
	struct leg_index *index, const struct flow_leg *legs, size_t n, leg_compare_fn compare)
{
	size_t i;

	index->legs = legs;
	index->n = n;
	index->order = reallocarray(NULL, n + 1, sizeof(index->order[0]));
	if (!index->order)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		index->order[i] = &legs[i];
	qsort_r(index->order, n, sizeof(index->order[0]), order_compare, &compare);
	return 0;
}

void
leg_index_fini(struct leg_index *index)
{
	free(index->order);
}

static int
id_compare(const void *id, const void *leg)
{
	return strcmp(id, (*(const struct flow_leg *const *)leg)->id);
}

int
leg_index_find(const struct leg_index *index, const char *id)
{
	const struct flow_leg **found =
		bsearch(id, index->order, index->n, sizeof(index->order[0]), id_compare);

	return found ? (int)(*found - index->legs) : -1;
}

struct leg_search {
	const struct flow_leg *leg;
	leg_compare_fn compare;
};

static int
search_compare(const void *key, const void *leg)
{
	const struct leg_search *search = key;

	return search->compare(search->leg, *(const struct flow_leg *const *)leg);
}

/*
 * A leg behind the n_old first that is equal to one before, *before. 0: there is none; -1 with
 * *fault set. Only the legs behind are sorted, as they are often few beside thousands.
 */
static int
leg_find_equal(const struct flow_leg *legs, size_t n, unsigned n_old, leg_compare_fn compare,
	const struct flow_leg **before, struct fault *fault)
{
	const struct flow_leg **found = NULL;
	struct leg_search search = {.compare = compare};
	struct leg_index index;
	size_t i;

	if (n < 2 || n == n_old)
		return 0;
	if (leg_index_init(&index, legs + n_old, n - n_old, compare) < 0)
		return fault_set(
			fault, FAULT_NO_ROOM, "/legs", "no memory for %zu leg%s", n, plural_s(n));
	for (i = 1; i < index.n && !found; i++) {
		*before = index.order[i - 1];
		if (compare(*before, index.order[i]) == 0)
			found = &index.order[i];
	}
	for (i = 0; i < n_old && !found; i++) {
		search.leg = *before = &legs[i];
		found = bsearch(
			&search, index.order, index.n, sizeof(index.order[0]), search_compare);
	}
	i = found ? (size_t)(*found - legs) : 0;
	leg_index_fini(&index);
	return (int)i;
}

/* Legs without an id are different. */
static int
leg_compare_given_id(const struct flow_leg *a, const struct flow_leg *b)
{
	const int order = leg_compare_id(a, b);

	return order || a->id[0] != '\0' ? order : a < b ? -1 : 1;
}

int
leg_ids_check(const struct flow_leg *legs, size_t n, unsigned n_old, struct fault *fault)
{
	const struct flow_leg *before = NULL;
	const int leg = leg_find_equal(legs, n, n_old, leg_compare_given_id, &before, fault);
	char pointer[32];

	if (leg <= 0)
		return leg;
	snprintf(pointer, sizeof(pointer), "/legs/%u/id", (unsigned)leg - n_old);
	if (before < legs + n_old)
		return fault_set(fault, FAULT_CONFLICT, pointer,
			"found id %s, which another leg of the flow has, expected a free one",
			before->id);
	return fault_set(fault, FAULT_INVALID_VALUE, pointer,
		"found %s, which leg number %u has too, expected each id once", before->id,
		(unsigned)(before - legs) - n_old + 1);
}

void
leg_ids_give(struct flow_spec *spec)
{
	uint32_t number;
	unsigned i;

	for (i = 0; i < spec->n_legs; i++) {
		if (sscanf(spec->legs[i].id, "leg-%9" SCNu32, &number) == 1 &&
			number > spec->last_leg_number)
			spec->last_leg_number = number;
	}
	for (i = 0; i < spec->n_legs; i++) {
		if (spec->legs[i].id[0] == '\0')
			snprintf(spec->legs[i].id, sizeof(spec->legs[i].id), "leg-%" PRIu32,
				++spec->last_leg_number);
	}
}

int
leg_ids_take_over(const struct flow_spec *before, struct flow_spec *spec)
{
	struct leg_index ids = {0}, places = {0}, old_places = {0};
	bool *taken; /* ids of the legs before */
	unsigned old, i;
	int leg, rc = -ENOMEM;

	for (i = 0; i < spec->n_legs && spec->legs[i].id[0] != '\0'; i++)
		;
	if (i == spec->n_legs)
		return 0;
	taken = calloc(before->n_legs + 1u, sizeof(*taken));
	if (!taken || leg_index_init(&ids, before->legs, before->n_legs, leg_compare_id) < 0 ||
		leg_index_init(&places, spec->legs, spec->n_legs, leg_compare_destination) < 0 ||
		leg_index_init(&old_places, before->legs, before->n_legs, leg_compare_destination) <
			0)
		goto out;
	for (i = 0; i < spec->n_legs; i++) {
		leg = spec->legs[i].id[0] ? leg_index_find(&ids, spec->legs[i].id) : -1;
		if (leg >= 0)
			taken[leg] = true;
	}
	/* To legs without an id that send to the same place: both lists are in its order. */
	for (old = 0, i = 0; old < old_places.n && i < places.n;) {
		const struct flow_leg *from = old_places.order[old];
		struct flow_leg *to = &spec->legs[places.order[i] - spec->legs];
		const int order = leg_compare_destination(from, to);

		if (order < 0 || taken[from - before->legs]) {
			old++;
		} else if (order > 0 || to->id[0] != '\0') {
			i++;
		} else {
			memcpy(to->id, from->id, sizeof(to->id));
			taken[from - before->legs] = true;
		}
	}
	/* The ids that we gave and that are left, to legs that are still without. */
	for (old = 0, i = 0; i < spec->n_legs; i++) {
		if (spec->legs[i].id[0] != '\0')
			continue;
		while (old < before->n_legs &&
			(taken[old] || strncmp(before->legs[old].id, "leg-", 4) != 0))
			old++;
		if (old == before->n_legs)
			break;
		memcpy(spec->legs[i].id, before->legs[old++].id, sizeof(spec->legs[i].id));
	}
	rc = 0;
out:
	leg_index_fini(&ids);
	leg_index_fini(&places);
	leg_index_fini(&old_places);
	free(taken);
	return rc;
}

int
legs_apart(const struct flow_leg *legs, unsigned n, unsigned n_old, struct fault *fault)
{
	char pointer[32], address[ADDRESS_TEXT_MAX], number[32];
	const struct flow_leg *before = NULL;
	const int leg = leg_find_equal(legs, n, n_old, leg_compare_route, &before, fault);

	if (leg <= 0)
		return leg;
	snprintf(pointer, sizeof(pointer), "/legs/%u", (unsigned)leg - n_old);
	snprintf(number, sizeof(number), "number %u", (unsigned)(before - legs) + 1);
	if (before->learned[0] != '\0')
		return fault_set(fault, FAULT_INVALID_VALUE, pointer,
			"found the source of flow %s, which leg %s also sends to, so the receiver "
			"would receive each packet twice; expected another flow",
			before->learned, before->id[0] ? before->id : number);
	address_format(before->dp.family, before->dp.dst, address);
	return fault_set(fault, FAULT_INVALID_VALUE, pointer,
		"found destination %s port %u by %s, which leg %s also has, so the receiver would "
		"receive each packet twice; expected another destination, port, VLAN or next hop",
		address, ntohs(before->dp.dst_port), before->port,
		before->id[0] ? before->id : number);
}

int
flow_legs_apart(const struct flow_spec *spec, struct fault *fault)
{
	unsigned i;

	if (legs_apart(spec->legs, spec->n_legs, 0, fault) < 0)
		return -1;
	for (i = 0; i < spec->n_streams; i++) {
		const struct flow_stream *stream = &spec->streams[i];

		if (legs_apart(&spec->legs[stream->first_leg], stream->dp.n_legs, 0, fault) < 0) {
			fault_prefix(fault, "/streams/%u", i);
			return -1;
		}
	}
	return 0;
}
