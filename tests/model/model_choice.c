/* SPDX-License-Identifier: BSD-3-Clause */
/* Flows that choose from their sources: which one is active (docs/adr/0024-source-failover.md). */
#include "model.h"

#include <arpa/inet.h>
#include <string.h>

#define NS_PER_MS UINT64_C(1000000)

static bool
list_is_same(const struct model_choice *choice, const struct dp_flow *spec)
{
	bool same = choice->n == spec->n_sources;

	for (unsigned i = 0; same && i < choice->n; i++)
		same = memcmp(choice->list[i].address, spec->sources[i].address, 16) == 0 &&
		       choice->list[i].port == spec->sources[i].port;
	return same;
}

void
model_choice_set(struct model_choice *choice, const struct dp_flow *spec)
{
	if (list_is_same(choice, spec))
		return;
	memset(choice, 0, sizeof(*choice));
	choice->n = spec->n_sources;
	for (unsigned i = 0; i < choice->n; i++)
		choice->list[i] = spec->sources[i];
}

static unsigned
source_index(const struct model_choice *choice, const struct model_packet *packet)
{
	unsigned i = 0;

	while (i < choice->n && (memcmp(choice->list[i].address, packet->src, 16) != 0 ||
					(choice->list[i].port != 0 &&
						ntohs(choice->list[i].port) != packet->src_port)))
		i++;
	return i;
}

/* The active source has sent nothing for the time-out. */
static bool
active_is_silent(struct model_choice *choice, uint64_t timeout_ns, uint64_t now_ns)
{
	const struct model_source *active = &choice->of[choice->active];

	if (active->heard)
		return now_ns - active->heard_ns >= timeout_ns;
	if (!choice->waits) {
		choice->waits = true;
		choice->waits_ns = now_ns;
	}
	return now_ns - choice->waits_ns >= timeout_ns;
}

static void
source_hear(struct model_source *source, uint64_t timeout_ns, uint64_t now_ns)
{
	if (!source->heard || now_ns - source->heard_ns >= timeout_ns)
		source->run_ns = now_ns;
	source->heard = true;
	source->heard_ns = now_ns;
	source->packets++;
}

enum dp_drop
model_choice_act(struct model_choice *choice, const struct dp_flow *spec,
	const struct model_packet *packet, uint64_t now_ns)
{
	const uint64_t timeout_ns = spec->source_timeout_ms * NS_PER_MS;
	const uint64_t return_ns = spec->source_return_ms * NS_PER_MS;
	const unsigned i = source_index(choice, packet);
	bool silent, back;

	if (i == choice->n)
		return DP_DROP_source_refused;
	source_hear(&choice->of[i], timeout_ns, now_ns);
	if (i == choice->active)
		return DP_DROP_COUNT;
	silent = active_is_silent(choice, timeout_ns, now_ns);
	back = i < choice->active && return_ns != 0 && now_ns - choice->of[i].run_ns >= return_ns;
	if (!silent && !back)
		return DP_DROP_standby_source;
	choice->previous = choice->active;
	choice->active = i;
	choice->returned = !silent;
	choice->switches++;
	choice->switched_ns = now_ns;
	choice->moved = true;
	return DP_DROP_COUNT;
}
