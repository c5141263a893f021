/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow/flow_refs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct flow_ref_holder {
	LIST_ENTRY(flow_ref_holder) link; /* of the bucket */
	const struct flow_spec *spec;
	unsigned n;
	struct flow_ref refs[];
};

int
flow_refs_init(struct flow_refs *refs, size_t n_buckets)
{
	refs->n_buckets = n_buckets;
	refs->buckets = calloc(n_buckets, sizeof(refs->buckets[0]));
	refs->holders = calloc(n_buckets, sizeof(refs->holders[0]));
	if (refs->buckets && refs->holders)
		return 0;
	free(refs->buckets);
	free(refs->holders);
	return -ENOMEM;
}

void
flow_refs_fini(struct flow_refs *refs)
{
	struct flow_ref_holder *holder;
	size_t i;

	for (i = 0; i < refs->n_buckets; i++) {
		while ((holder = LIST_FIRST(&refs->holders[i]))) {
			LIST_REMOVE(holder, link);
			free(holder);
		}
	}
	free(refs->buckets);
	free(refs->holders);
}

/* FNV-1a. */
static uint32_t
id_hash(const char *id)
{
	uint32_t hash = UINT32_C(2166136261);

	for (; *id; id++)
		hash = (hash ^ (uint8_t)*id) * UINT32_C(16777619);
	return hash;
}

static struct flow_ref_holder_list *
holder_bucket(const struct flow_refs *refs, const struct flow_spec *spec)
{
	const uint64_t hash = (uintptr_t)spec * UINT64_C(0x9e3779b97f4a7c15);

	return &refs->holders[(hash >> 32) & (refs->n_buckets - 1)];
}

int
flow_refs_insert(struct flow_refs *refs, const struct flow_spec *spec)
{
	struct flow_ref_holder *holder;
	unsigned n = 0, leg;

	for (leg = 0; leg < spec->n_all_legs; leg++)
		n += spec->legs[leg].learned[0] != '\0';
	if (n == 0)
		return 0;
	holder = malloc(sizeof(*holder) + n * sizeof(holder->refs[0]));
	if (!holder)
		return -ENOMEM;
	holder->spec = spec;
	holder->n = 0;
	LIST_INSERT_HEAD(holder_bucket(refs, spec), holder, link);
	for (leg = 0; leg < spec->n_all_legs; leg++) {
		struct flow_ref *ref = &holder->refs[holder->n];

		if (spec->legs[leg].learned[0] == '\0')
			continue;
		ref->spec = spec;
		ref->leg = leg;
		ref->hash = id_hash(spec->legs[leg].learned);
		LIST_INSERT_HEAD(&refs->buckets[ref->hash & (refs->n_buckets - 1)], ref, link);
		holder->n++;
	}
	return 0;
}

void
flow_refs_remove(struct flow_refs *refs, const struct flow_spec *spec)
{
	struct flow_ref_holder *holder = LIST_FIRST(holder_bucket(refs, spec));
	unsigned i;

	while (holder && holder->spec != spec)
		holder = LIST_NEXT(holder, link);
	if (!holder)
		return;
	for (i = 0; i < holder->n; i++)
		LIST_REMOVE(&holder->refs[i], link);
	LIST_REMOVE(holder, link);
	free(holder);
}

static const struct flow_ref *
ref_find(const struct flow_ref *ref, uint32_t hash, const char *id)
{
	while (ref && (ref->hash != hash || strcmp(ref->spec->legs[ref->leg].learned, id) != 0))
		ref = LIST_NEXT(ref, link);
	return ref;
}

const struct flow_ref *
flow_refs_first(const struct flow_refs *refs, const char *id)
{
	const uint32_t hash = id_hash(id);

	return ref_find(LIST_FIRST(&refs->buckets[hash & (refs->n_buckets - 1)]), hash, id);
}

const struct flow_ref *
flow_refs_next(const struct flow_ref *ref, const char *id)
{
	return ref_find(LIST_NEXT(ref, link), ref->hash, id);
}
