/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow/local_port.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "flow/relay_flows.h"

/* The place that the flow names; false: it names more than one. */
static bool
place_read(const struct flow_spec *spec, struct pool_place *place)
{
	const struct dp_rule *rule = spec->rule ? &spec->rule->rule : NULL;

	*place = (struct pool_place){.family = spec->match.key.family};
	memcpy(place->address, rule ? rule->dst : spec->match.key.dst, sizeof(place->address));
	place->port = rule ? htons(rule->dst_port_first) : spec->match.key.dst_port;
	return !rule || (rule->dst_port_first == rule->dst_port_last &&
				rule->dst_bits == (rule->family == 4 ? 32 : 128));
}

/*
 * The id under which the flow holds its place: that of the flow of RTP for its RTCP, and that of
 * the side for a receiver whose address is known, which may share the port that a pool gave the
 * side.
 */
static const char *
owner_of(const struct flow_spec *spec, char id[FLOW_ID_MAX])
{
	const enum relay_flow side = relay_receiver_side(spec->id, spec->relay_bytes);
	const char *owner = spec->pool && spec->pool->rtcp_of[0] ? spec->pool->rtcp_of : spec->id;

	snprintf(id, FLOW_ID_MAX, "%s", owner);
	if (side != RELAY_FLOWS && !spec->pool && !spec->match.key.any_source)
		snprintf(id, FLOW_ID_MAX, "%.*s:%s", spec->relay_bytes, spec->id,
			relay_flow_name(side));
	return id;
}

bool
local_port_is_open(const struct flow_spec *spec)
{
	return spec->pool && (spec->match.key.dst_port == 0 || spec->pool->chosen);
}

static void
match_fill(struct flow_spec *spec, const struct pool_place *place)
{
	spec->match.key.family = place->family;
	memcpy(spec->match.key.dst, place->address, sizeof(place->address));
	spec->match.key.dst_port = place->port;
	spec->pool->chosen = true;
}

/* Whether the odd port at that place is of the pair that the flow of RTP has. */
static bool
is_of_pair(const struct flow_spec *rtp, const struct pool_place *place)
{
	struct pool_place even;

	return rtp && place_read(rtp, &even) && even.family == place->family &&
	       memcmp(even.address, place->address, sizeof(even.address)) == 0 &&
	       (ntohs(even.port) | 1) == ntohs(place->port);
}

void
local_port_keep(struct flow_spec *spec, const struct flow_spec *before, const struct flow_spec *rtp)
{
	struct pool_place place;

	if (!local_port_is_open(spec) || !before->pool || !place_read(before, &place) ||
		strcmp(spec->pool->name, before->pool->name) != 0 ||
		strcmp(spec->pool->rtcp_of, before->pool->rtcp_of) != 0 ||
		(spec->match.key.family && spec->match.key.family != place.family) ||
		(spec->pool->address_named && memcmp(spec->match.key.dst, place.address, 16) != 0))
		return;
	if (spec->pool->rtcp_of[0] && !is_of_pair(rtp, &place))
		spec->match.key.dst_port = 0;
	else
		match_fill(spec, &place);
}

/* Whether the flow keeps a place that it got when its pool was configured otherwise. */
static bool
is_kept(const struct flow_spec *spec, const struct flow_spec *before)
{
	return before && before->pool && spec->pool &&
	       strcmp(spec->pool->name, before->pool->name) == 0 &&
	       memcmp(&spec->match, &before->match, sizeof(spec->match)) == 0;
}

/* The port above that of the flow whose RTP comes in by the pair. */
static int
rtcp_fill(const struct pools *pools, struct flow_spec *spec, const struct flow_spec *rtp,
	struct fault *fault)
{
	const struct pool_config *config = pools_find(pools, spec->pool->name);
	struct pool_place place;

	if (!config)
		return 0; /* for pools_reserve() to say */
	if (!config->pairs)
		return fault_set(fault, FAULT_INVALID_VALUE, "/match/rtcp_of",
			"found pool %s, which has single ports, expected one with pairs: true",
			config->name);
	if (!rtp || !rtp->pool || strcmp(rtp->pool->name, config->name) != 0 ||
		rtp->pool->rtcp_of[0] || !place_read(rtp, &place))
		return fault_set(fault, FAULT_NOT_FOUND, "/match/rtcp_of",
			"found %s, expected the id of a flow that has a pair of pool %s",
			spec->pool->rtcp_of, config->name);
	if (spec->match.key.family && spec->match.key.family != place.family)
		return fault_set(fault, FAULT_INVALID_VALUE, "/match/rtcp_of",
			"family mismatch: found a flow of IPv%u, expected IPv%u", place.family,
			spec->match.key.family);
	place.port = htons((uint16_t)(ntohs(place.port) | 1));
	match_fill(spec, &place);
	return 0;
}

/* The member that names what is not there: the pool, or an address that is not of it. */
static const char *
not_found(const struct pools *pools, const struct flow_spec *spec)
{
	return pools_find(pools, spec->pool->name) ? "dst" : "pool";
}

static int
take(struct pools *pools, struct flow_spec *spec, struct fault *fault)
{
	const struct pool_config *config = pools_find(pools, spec->pool->name);
	const uint64_t now_ns = clock_read_ns(CLOCK_MONOTONIC);
	char owner[FLOW_ID_MAX];
	struct pool_place place;
	int rc;

	owner_of(spec, owner);
	place_read(spec, &place);
	if (config && place.family && place.family != config->family)
		return fault_set(fault, FAULT_INVALID_VALUE, "/match/pool",
			"family mismatch: found pool %s of IPv%u, expected one of IPv%u as the "
			"other addresses of the flow",
			config->name, config->family, place.family);
	if (!spec->pool->address_named && !spec->pool->chosen)
		place.family = 0;
	rc = pools_take(pools, spec->pool->name, owner, now_ns, &place, fault);
	if (rc < 0 && spec->pool->chosen && !spec->pool->address_named) {
		place.family = 0;
		rc = pools_take(pools, spec->pool->name, owner, now_ns, &place, fault);
	}
	if (rc < 0)
		fault_prefix(fault, "/match/%s",
			fault->code == FAULT_NOT_FOUND ? not_found(pools, spec) : "pool");
	else
		match_fill(spec, &place);
	return rc;
}

int
local_port_hold(struct pools *pools, struct flow_spec *spec, const struct flow_spec *before,
	const struct flow_spec *rtp, bool restores, struct fault *fault)
{
	const bool kept = is_kept(spec, before);
	char owner[FLOW_ID_MAX];
	struct pool_place place;

	if (local_port_is_open(spec) && !kept) {
		if (!spec->pool->rtcp_of[0])
			return take(pools, spec, fault);
		if (rtcp_fill(pools, spec, rtp, fault) < 0)
			return -1;
	}
	if (!place_read(spec, &place) ||
		pools_reserve(pools, spec->pool ? spec->pool->name : NULL, owner_of(spec, owner),
			restores || kept, &place, fault) == 0)
		return 0;
	if (spec->rule)
		fault_prefix(fault, "/rule/dst_ports");
	else if (fault->code == FAULT_NOT_FOUND)
		fault_prefix(fault, "/match/%s", not_found(pools, spec));
	else
		fault_prefix(fault, "/match/dst_port");
	return -1;
}

int
local_port_source(const struct flow_spec *spec, struct flow_leg *leg, struct fault *fault)
{
	const uint8_t family = spec->match.key.family;

	if (leg->dp.family != 0 && leg->dp.family != family)
		return fault_set(fault, FAULT_INVALID_VALUE, "/dst",
			"family mismatch: found IPv%u, expected IPv%u as of pool %s",
			leg->dp.family, family, spec->pool ? spec->pool->name : "");
	leg->dp.family = family;
	memcpy(leg->dp.src, spec->match.key.dst, sizeof(leg->dp.src));
	leg->dp.src_port = spec->match.key.dst_port;
	return 0;
}

bool
local_port_ends(const struct pools *pools, const struct flow_spec *spec,
	const struct flow_spec *next, char text[POOL_PLACE_TEXT_MAX])
{
	char other[POOL_PLACE_TEXT_MAX];
	struct pool_place place;

	return place_read(spec, &place) && pools_format(pools, &place, text) &&
	       !(next && place_read(next, &place) && pools_format(pools, &place, other) &&
		       strcmp(text, other) == 0);
}

void
local_port_release(struct pools *pools, const struct flow_spec *spec, bool ran)
{
	struct pool_place place;

	if (pools && place_read(spec, &place))
		pools_release(
			pools, &place, spec->pool != NULL, ran, clock_read_ns(CLOCK_MONOTONIC));
}

void
local_port_leave(struct pools *pools, const struct flow_spec *spec)
{
	struct pool_place place;

	if (place_read(spec, &place))
		pools_leave(pools, &place);
}

void
local_port_stay(struct pools *pools, const struct flow_spec *spec)
{
	char owner[FLOW_ID_MAX];
	struct pool_place place;

	if (place_read(spec, &place))
		pools_stay(pools, &place, owner_of(spec, owner));
}

void
local_port_left(struct pools *pools, const struct flow_spec *spec)
{
	struct pool_place place;

	if (pools && place_read(spec, &place))
		pools_left(pools, &place, spec->pool != NULL, clock_read_ns(CLOCK_MONOTONIC));
}
