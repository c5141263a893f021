/* SPDX-License-Identifier: BSD-3-Clause */
/* A leg has the part of the receiver's id behind the relay's, "b.NAME", as its own. */
#include "flow/receivers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"

void
receivers_flow_id(const struct flow_spec *spec, const struct flow_leg *leg, char *id)
{
	snprintf(id, FLOW_ID_MAX, "%.*s:%.*s", spec->relay_bytes, spec->id,
		FLOW_ID_MAX - 2 - spec->relay_bytes, leg->id);
}

/* What concerns all that is sent to the side. */
static void
leg_inherit(struct flow_leg *leg, const struct flow_leg *own)
{
	leg->dp.dscp = own->dp.dscp;
	leg->dp.ttl = own->dp.ttl;
	leg->mark = own->mark;
}

static void
leg_make(struct flow_leg *leg, const struct flow_spec *receiver, const struct flow_leg *own)
{
	const struct dp_flow_key *key = &receiver->match.key;

	memset(leg, 0, sizeof(*leg));
	leg->from = DP_LEG_NEW;
	memcpy(leg->port, receiver->match.port, sizeof(leg->port));
	strncpy(leg->id, receiver->id + receiver->relay_bytes + 1, sizeof(leg->id) - 1);
	leg->dp.family = key->family;
	leg->dp.vlan = key->vlan;
	leg->dp.outer_vlan = key->outer_vlan;
	leg->dp.src_port = key->dst_port;
	memcpy(leg->dp.src, key->dst, sizeof(leg->dp.src));
	leg->dp.one_in = 1;
	leg_inherit(leg, own);
	if (key->any_source) {
		memcpy(leg->learned, receiver->id, sizeof(leg->learned));
	} else {
		leg->dp.dst_port = key->src_port;
		memcpy(leg->dp.dst, key->src, sizeof(leg->dp.dst));
	}
}

struct link_key {
	const char *leg; /* its id, */
	size_t behind; /* which a receiver has behind so much of its own */
};

static int
link_compare(const void *key, const void *link)
{
	const struct link_key *sought = key;

	return strcmp(sought->leg, ((const struct receiver_link *)link)->id + sought->behind);
}

/* The numbers of the legs that stay, and how many; old[i] is the leg of links[i], if it has one. */
static unsigned
legs_stay(const struct flow_spec *spec, const struct receiver_link *links, size_t n, uint16_t *kept,
	uint16_t *old)
{
	const unsigned n_own = spec->n_legs - spec->n_receivers;
	const struct receiver_link *link;
	struct link_key key = {.behind = spec->relay_bytes + 1u};
	unsigned n_kept = 0, i;

	for (i = 0; i < spec->n_legs; i++) {
		key.leg = spec->legs[i].id;
		link = i < n_own ? NULL : bsearch(&key, links, n, sizeof(*links), link_compare);
		if (link)
			old[link - links] = (uint16_t)i;
		else
			kept[n_kept++] = (uint16_t)i;
	}
	return n_kept;
}

static struct flow_spec *
version_make(const struct flow_spec *spec, const struct receiver_link *links, size_t n,
	uint16_t *kept, uint16_t *old, struct flow_leg *made, struct fault *fault)
{
	const unsigned n_own = spec->n_legs - spec->n_receivers;
	unsigned n_kept, n_made = 0, i;
	struct flow_spec *version;

	memset(old, 0xff, (n + 1) * sizeof(old[0]));
	n_kept = legs_stay(spec, links, n, kept, old);
	for (i = 0; i < n; i++) {
		if (!links[i].flow)
			continue;
		leg_make(&made[n_made], links[i].flow, &spec->legs[0]);
		made[n_made++].from = old[i];
	}
	if (n_kept + n_made > DP_FLOW_LEGS_MAX)
		return fault_null(fault, FAULT_NO_ROOM, "",
			"found %u receiver%s beside %u, expected at most %u for one side, as a "
			"flow has at most %d legs",
			n_made, plural_s(n_made), n_kept - n_own, DP_FLOW_LEGS_MAX - n_own,
			DP_FLOW_LEGS_MAX);
	version = flow_spec_with_legs(spec, kept, n_kept, made, n_made);
	if (!version)
		return fault_null(fault, FAULT_NO_ROOM, "", "no memory for %u legs", n_kept);
	version->n_receivers = (uint16_t)(version->n_legs - n_own);
	for (i = 0; i < n_kept; i++)
		version->legs[i].from = kept[i];
	return version;
}

struct flow_spec *
receivers_change(const struct flow_spec *spec, const struct receiver_link *links, size_t n,
	struct fault *fault)
{
	uint16_t *kept = calloc(spec->n_legs + 1u, sizeof(*kept));
	uint16_t *old = calloc(n + 1, sizeof(*old));
	struct flow_leg *made = calloc(n + 1, sizeof(*made));
	struct flow_spec *version = NULL;

	static_assert(DP_LEG_NEW == UINT16_MAX, "as links have no leg before they are looked for");
	if (kept && old && made)
		version = version_make(spec, links, n, kept, old, made, fault);
	else
		fault_set(fault, FAULT_NO_ROOM, "", "no memory for %zu receiver%s", n, plural_s(n));
	free(kept);
	free(old);
	free(made);
	return version;
}

struct flow_spec *
receivers_keep(const struct flow_spec *spec, const struct flow_spec *before)
{
	struct flow_spec *version = flow_spec_with_legs(spec, NULL, spec->n_legs,
		&before->legs[before->n_legs - before->n_receivers], before->n_receivers);
	unsigned i;

	if (!version)
		return NULL;
	version->n_receivers = before->n_receivers;
	for (i = spec->n_legs; i < version->n_legs; i++)
		leg_inherit(&version->legs[i], &version->legs[0]);
	return version;
}

void
receivers_strip(struct flow_spec *spec)
{
	spec->n_legs -= spec->n_receivers;
	spec->n_all_legs -= spec->n_receivers;
	spec->n_receivers = 0;
}
