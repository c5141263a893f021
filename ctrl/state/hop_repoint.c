/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Legs do not know who holds them, so all flows are looked at, which costs little where a slot has
 * no leg away. That is rare: a slot whose users all go the same way is changed in one place.
 */
#include "state/hop_repoint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "state/compile.h"
#include "state/flows.h"

#define LOOK_LEGS_MAX 65536 /* legs looked at in a slice */
#define WRITE_MAX 256 /* flows written anew in a slice */
#define SLICE_PAUSE_MS 2
#define BUSY_PAUSE_MS 10 /* another transaction is open */
#define AGAIN_MS 1000 /* legs that are away are in nobody's flow yet, or could not be written */

struct repointed {
	struct flow *flow;
	uint16_t *hops; /* as they are to be */
	uint32_t handle;
};

static void
timer_set(struct hop_repoint *repoint, unsigned ms)
{
	const struct timeval delay = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};

	if (repoint->timer && !event_pending(repoint->timer, EV_TIMEOUT, NULL))
		event_add(repoint->timer, &delay);
}

static void
timer_passed(evutil_socket_t fd, short what, void *arg)
{
	struct hop_repoint *repoint = arg;
	const unsigned ms = hop_repoint_run(repoint);

	(void)fd;
	(void)what;
	if (ms > 0)
		timer_set(repoint, ms);
}

static void
legs_are_away(void *arg)
{
	struct hop_repoint *repoint = arg;

	repoint->sequence = 0;
	timer_set(repoint, SLICE_PAUSE_MS);
}

int
hop_repoint_init(struct hop_repoint *repoint, struct flows *flows, struct event_base *base)
{
	*repoint = (struct hop_repoint){.flows = flows};
	if (base) {
		repoint->timer = event_new(base, -1, 0, timer_passed, repoint);
		if (!repoint->timer)
			return -ENOMEM;
	}
	next_hops_on_away(flows->hops, legs_are_away, repoint);
	return 0;
}

void
hop_repoint_fini(struct hop_repoint *repoint)
{
	if (repoint->timer)
		event_free(repoint->timer);
	repoint->timer = NULL;
}

/* Where a leg ought to be; what it holds, if that is right. */
static unsigned
leg_index(const struct flows *flows, const struct flow *flow, unsigned leg)
{
	struct hop_request request;

	if (next_hops_away(flows->hops, flow->hops[leg]) == 0 ||
		!hop_request_make(&flow->spec->legs[leg], flows->ports, &request))
		return flow->hops[leg];
	return next_hops_index(flows->hops, &request);
}

static bool
flow_is_away(const struct flows *flows, const struct flow *flow)
{
	unsigned leg;

	for (leg = 0; leg < flow->spec->n_all_legs; leg++) {
		if (leg_index(flows, flow, leg) != flow->hops[leg])
			return true;
	}
	return false;
}

/* Put a flow into the transaction with the hops that it ought to have. */
static int
flow_put(const struct flows *flows, struct dp_txn *txn, struct compiled *compiled,
	struct repointed *repointed)
{
	const struct flow *flow = repointed->flow;
	const struct flow_spec *spec = flow->spec;
	uint16_t from[DP_FLOW_LEGS_MAX];
	unsigned leg;
	int rc;

	for (leg = 0; leg < spec->n_legs; leg++)
		from[leg] = (uint16_t)leg;
	for (leg = 0; leg < spec->n_all_legs; leg++)
		repointed->hops[leg] = (uint16_t)leg_index(flows, flow, leg);
	rc = flow_compile(spec, flows->ports, repointed->hops, compiled);
	if (rc < 0)
		return rc;
	return dp_txn_replace(txn, flow->handle, &compiled->flow, from, &repointed->handle);
}

static void
flow_settle(struct flows *flows, struct repointed *repointed)
{
	struct flow *flow = repointed->flow;
	struct hop_request request;
	unsigned leg;

	for (leg = 0; leg < flow->spec->n_all_legs; leg++) {
		const uint16_t before = flow->hops[leg];

		if (before == repointed->hops[leg])
			continue;
		flow->hops[leg] = repointed->hops[leg];
		hop_request_make(&flow->spec->legs[leg], flows->ports, &request);
		next_hops_came_home(flows->hops, &request, before);
	}
	flow->handle = repointed->handle;
	flows_changed(flows, flow, flow);
}

/* Write the flows gathered; those that the data plane has no room for now stay as they are. */
static int
batch_commit(struct flows *flows, struct dp_txn *txn, struct repointed *batch, unsigned n)
{
	struct compiled compiled;
	unsigned i, n_put = 0;
	int rc;

	compiled_init(&compiled);
	for (i = 0; i < n; i++) {
		batch[n_put].flow = batch[i].flow;
		batch[n_put].hops = calloc(batch[i].flow->spec->n_all_legs + 1, sizeof(uint16_t));
		if (batch[n_put].hops && flow_put(flows, txn, &compiled, &batch[n_put]) == 0)
			n_put++;
		else
			free(batch[n_put].hops);
	}
	compiled_fini(&compiled);
	rc = dp_txn_commit(txn);
	for (i = 0; i < n_put; i++) {
		if (rc == 0 || rc == -ETIMEDOUT)
			flow_settle(flows, &batch[i]);
		free(batch[i].hops);
	}
	if (rc == 0)
		next_hops_reclaim(flows->hops);
	return rc;
}

/* Gather flows to write from where the last slice ended; *end: there are no more. */
static unsigned
batch_gather(struct hop_repoint *repoint, struct repointed batch[WRITE_MAX], bool *end)
{
	const struct flows *flows = repoint->flows;
	struct flow *flow = desired_after(&flows->desired, repoint->sequence);
	unsigned looked = 0, n = 0;

	while (flow && looked < LOOK_LEGS_MAX && n < WRITE_MAX) {
		looked += 8 + flow->spec->n_all_legs; /* a flow costs as much as some legs */
		if (flow_is_away(flows, flow))
			batch[n++].flow = flow;
		repoint->sequence = flow->sequence;
		flow = desired_next(flow);
	}
	*end = flow == NULL;
	return n;
}

unsigned
hop_repoint_run(struct hop_repoint *repoint)
{
	struct flows *flows = repoint->flows;
	struct repointed batch[WRITE_MAX];
	struct dp_txn *txn;
	unsigned n;
	bool end;

	if (next_hops_away_all(flows->hops) == 0)
		return 0;
	txn = dp_txn_begin(flows->dp);
	if (!txn)
		return BUSY_PAUSE_MS;
	n = batch_gather(repoint, batch, &end);
	if (n > 0)
		batch_commit(flows, txn, batch, n);
	else
		dp_txn_abort(txn);
	if (next_hops_away_all(flows->hops) == 0)
		return 0;
	if (end)
		repoint->sequence = 0;
	return end ? AGAIN_MS : SLICE_PAUSE_MS;
}
