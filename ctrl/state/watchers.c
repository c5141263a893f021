/* SPDX-License-Identifier: BSD-3-Clause */
/* One change of a flow, told to each. */
#include "state/watchers.h"

#include "state/clock.h"
#include "state/commits.h"

/* Of a few flows only; what expires is told by the sweep. */
static void
flow_tell(struct watchers *watchers, const struct flow *now, const struct flow *before)
{
	if (!watchers->flows->tell_each)
		return;
	if (!before)
		events_flow_added(&watchers->events, now->spec->id);
	else if (!now && !before->watch.expires)
		events_flow_removed(&watchers->events, before->spec->id, NULL);
}

static void
flow_changed(void *arg, struct flow *now, struct flow *before)
{
	struct watchers *watchers = arg;

	sweep_flow_changed(&watchers->sweep, now, before, clock_read_ns(CLOCK_MONOTONIC));
	punts_flow_changed(&watchers->punts, now, before);
	flow_rates_flow_changed(&watchers->rates, now, before);
	flow_tell(watchers, now, before);
}

/* What is restored at start makes no generation, and what changed nothing neither. */
static void
committed(void *arg, const struct proposal *proposal)
{
	struct watchers *watchers = arg;

	if (proposal->late)
		health_worker_late(&watchers->health);
	if (!proposal_is_generation(proposal))
		return;
	events_commit(&watchers->events, proposal->generation, &proposal->actor, proposal->method,
		proposal->added, proposal->changed, proposal->removed);
	if (proposal->returns != STORE_RETURN_NONE)
		events_rollback(&watchers->events, proposal->generation, proposal->returns,
			proposal->returned, proposal->comment);
}

static void
hop_changed(void *arg, unsigned index, bool resolved)
{
	struct watchers *watchers = arg;
	struct next_hop_info info;

	next_hops_info_get(watchers->flows->hops, index, &info);
	events_neighbour(
		&watchers->events, info.port, info.family, info.address, info.mac, !resolved);
}

static bool
any_unmatched_punted(const struct config *config)
{
	unsigned i;

	for (i = 0; i < config->n_ports; i++) {
		if (config->ports[i].punt_unmatched)
			return true;
	}
	return false;
}

int
watchers_init(struct watchers *watchers, struct flows *flows, const struct config *config,
	struct event_base *base, struct fault *fault)
{
	watchers->flows = flows;
	events_init(&watchers->events);
	if (sweep_init(&watchers->sweep, flows, &watchers->events, base, fault) < 0)
		return -1;
	if (punts_init(&watchers->punts, flows->dp, any_unmatched_punted(config), base, fault) < 0)
		goto err_sweep;
	if (health_init(&watchers->health, flows->dp, &watchers->events, base, fault) < 0)
		goto err_punts;
	if (flow_rates_init(&watchers->rates, flows, base, fault) < 0)
		goto err_health;
	flows_observe(flows, flow_changed, watchers);
	next_hops_observe(flows->hops, hop_changed, watchers);
	commits_observe(flows->commits, committed, watchers);
	return 0;

err_health:
	health_fini(&watchers->health);
err_punts:
	punts_fini(&watchers->punts);
err_sweep:
	sweep_fini(&watchers->sweep);
	return -1;
}

void
watchers_fini(struct watchers *watchers)
{
	next_hops_observe(watchers->flows->hops, NULL, NULL);
	flows_observe(watchers->flows, NULL, NULL);
	flow_rates_fini(&watchers->rates);
	health_fini(&watchers->health);
	punts_fini(&watchers->punts);
	sweep_fini(&watchers->sweep);
}
