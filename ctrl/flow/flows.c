/* SPDX-License-Identifier: BSD-3-Clause */
/* What flows hold beside their entries: next hops, steering, and their repair after a change. */
#include "flow/flows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/log.h"
#include "flow/flow_codec.h"
#include "flow/flow_spec.h"
#include "net/net.h"
#include "net/xdp_steer.h"

void
compiled_fini(struct compiled *compiled)
{
	free(compiled->legs);
	free(compiled->streams);
}

/* Room for n entries in an array that may move; what stood in it is not needed any more. */
static int
room_make(void *array, size_t *room, size_t n, size_t entry_bytes)
{
	void *made;

	if (n <= *room)
		return 0;
	made = reallocarray(NULL, n, entry_bytes);
	if (!made)
		return -ENOMEM;
	free(*(void **)array);
	*(void **)array = made;
	*room = n;
	return 0;
}

int
flow_compile(const struct flow_spec *spec, const struct ports *ports, const uint16_t *hops,
	struct compiled *compiled)
{
	struct dp_flow *flow = &compiled->flow;
	unsigned i;

	if (room_make(&compiled->legs, &compiled->legs_room, spec->n_all_legs,
		    sizeof(compiled->legs[0])) < 0 ||
		room_make(&compiled->streams, &compiled->streams_room, spec->n_streams,
			sizeof(compiled->streams[0])) < 0)
		return -ENOMEM;
	*flow = spec->dp;
	flow->key = spec->match.key;
	flow->n_allow = spec->n_allow;
	flow->allow = spec->allow;
	flow->n_legs = spec->n_legs;
	flow->legs = compiled->legs;
	flow->n_streams = spec->n_streams;
	flow->streams = compiled->streams;
	if (spec->rule) {
		compiled->rule = spec->rule->rule;
		if (spec->rule->port[0] != '\0')
			compiled->rule.port = (uint16_t)ports_find(ports, spec->rule->port);
		flow->rule = &compiled->rule;
	} else {
		flow->key.port = (uint16_t)ports_find(ports, spec->match.port);
	}
	for (i = 0; i < spec->n_all_legs; i++) {
		compiled->legs[i] = spec->legs[i].dp;
		compiled->legs[i].next_hop = hops[i];
	}
	for (i = 0; i < spec->n_streams; i++) {
		compiled->streams[i] = spec->streams[i].dp;
		compiled->streams[i].legs = &compiled->legs[spec->streams[i].first_leg];
	}
	return 0;
}

/* Classes are checked before the latch: what is punted may come from anywhere, as STUN does. */
static bool
others_are_refused(const struct flow_spec *spec)
{
	unsigned i;

	for (i = 0; i < DP_CLASS_COUNT; i++) {
		if (spec->dp.class_verdict[i] == DP_PUNT)
			return false;
	}
	return spec->dp.latch == DP_LATCH_FIRST && !spec->rule;
}

void
flow_narrow(struct flows *flows, struct flow *flow, const struct dp_latched *source)
{
	const struct flow_spec *spec = flow->spec;
	struct steer_end *only;

	/* What is being changed is steered for its new version, too, and narrowed later. */
	if (flow->only || flow->item || !others_are_refused(spec))
		return;
	only = malloc(sizeof(*only));
	if (only && steering_narrow(flows->steering, spec, source, only) == 0)
		flow->only = only;
	else
		free(only);
}

/*
 * Legs do not know their flows, so all flows are scanned, which costs little where a slot has no
 * stale leg. That is rare: a slot whose users all get the same next hop is changed in one place.
 */

#define SCAN_LEGS_MAX 65536 /* legs scanned in a slice */
#define WRITE_MAX 256 /* flows rewritten in a slice */
#define SLICE_PAUSE_MS 2
#define BUSY_PAUSE_MS 10 /* another transaction is open */
#define AGAIN_MS 1000 /* stale legs are not in a flow yet, or could not be written */

struct repointed {
	struct flow *flow;
	uint32_t handle; /* of its new version */
};

static void
repoint_due(void *arg)
{
	struct flows *flows = arg;
	const unsigned ms = flows_repoint(flows);

	if (ms > 0)
		timer_arm_if_idle(&flows->repoint_timer, ms * NS_PER_MS);
}

static void
legs_are_stale(void *arg)
{
	struct flows *flows = arg;

	flows->repointed = 0;
	timer_arm_if_idle(&flows->repoint_timer, SLICE_PAUSE_MS * NS_PER_MS);
}

/* The index that a leg ought to hold. */
static uint16_t
leg_index(const struct flows *flows, const struct flow *flow, unsigned leg)
{
	return (uint16_t)next_hops_index(flows->hops, &flow->spec->legs[leg], flow->hops[leg]);
}

static bool
flow_is_stale(const struct flows *flows, const struct flow *flow)
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
flow_rewrite(const struct flows *flows, struct dp_txn *txn, struct compiled *compiled,
	struct repointed *repointed)
{
	const struct flow *flow = repointed->flow;
	const struct flow_spec *spec = flow->spec;
	uint16_t *hops = calloc(spec->n_all_legs + 1, sizeof(hops[0]));
	uint16_t from[DP_FLOW_LEGS_MAX];
	unsigned leg;
	int rc = -ENOMEM;

	for (leg = 0; leg < spec->n_legs; leg++)
		from[leg] = (uint16_t)leg;
	for (leg = 0; hops && leg < spec->n_all_legs; leg++)
		hops[leg] = leg_index(flows, flow, leg);
	if (hops)
		rc = flow_compile(spec, flows->ports, hops, compiled);
	free(hops);
	if (rc < 0)
		return rc;
	return dp_txn_replace(txn, flow->handle, &compiled->flow, from, &repointed->handle);
}

static void
flow_repointed(struct flows *flows, const struct repointed *repointed)
{
	struct flow *flow = repointed->flow;
	unsigned leg;

	for (leg = 0; leg < flow->spec->n_all_legs; leg++) {
		const uint16_t before = flow->hops[leg];

		flow->hops[leg] = leg_index(flows, flow, leg);
		if (flow->hops[leg] != before)
			next_hops_updated(flows->hops, &flow->spec->legs[leg], before);
	}
	flow->handle = repointed->handle;
	flows_changed(flows, flow, flow);
}

/* Write the flows gathered; those that the data plane has no room for now stay as they are. */
static void
batch_commit(struct flows *flows, struct dp_txn *txn, struct repointed *batch, unsigned n)
{
	struct compiled compiled = {0};
	unsigned i, n_written = 0;
	int rc;

	for (i = 0; i < n; i++) {
		batch[n_written].flow = batch[i].flow;
		n_written += flow_rewrite(flows, txn, &compiled, &batch[n_written]) == 0;
	}
	compiled_fini(&compiled);
	rc = dp_txn_commit(txn);
	if (rc < 0 && rc != -ETIMEDOUT)
		return;
	for (i = 0; i < n_written; i++)
		flow_repointed(flows, &batch[i]);
	if (rc == 0)
		next_hops_reclaim(flows->hops);
}

/* Gather flows to write from where the last slice ended; *end: there are no more. */
static unsigned
batch_gather(struct flows *flows, struct repointed batch[WRITE_MAX], bool *end)
{
	struct flow *flow = flow_db_after(&flows->db, flows->repointed);
	unsigned looked = 0, n = 0;

	while (flow && looked < SCAN_LEGS_MAX && n < WRITE_MAX) {
		looked += 8 + flow->spec->n_all_legs; /* a flow costs as much as some legs */
		if (flow_is_stale(flows, flow))
			batch[n++].flow = flow;
		flows->repointed = flow->sequence;
		flow = flow_db_next(flow);
	}
	*end = flow == NULL;
	return n;
}

unsigned
flows_repoint(struct flows *flows)
{
	struct repointed batch[WRITE_MAX];
	struct dp_txn *txn;
	unsigned n;
	bool end;

	if (next_hops_stale_all(flows->hops) == 0)
		return 0;
	txn = dp_txn_begin(flows->dp);
	if (!txn)
		return BUSY_PAUSE_MS;
	n = batch_gather(flows, batch, &end);
	if (n > 0)
		batch_commit(flows, txn, batch, n);
	else
		dp_txn_abort(txn);
	if (next_hops_stale_all(flows->hops) == 0)
		return 0;
	if (end)
		flows->repointed = 0;
	return end ? AGAIN_MS : SLICE_PAUSE_MS;
}

/* Changes of neighbours and routes go to the next hops: no flow is changed. */
static void
neighbour_changed(void *arg, const struct neigh_key *neighbour, const uint8_t *mac, int error)
{
	struct flows *flows = arg;

	next_hops_neighbour_changed(flows->hops, neighbour, mac, error);
}

static void
routes_changed(void *arg, const struct net_prefix *prefix)
{
	struct flows *flows = arg;

	next_hops_routes_changed(flows->hops, prefix);
}

static void
link_changed(void *arg, unsigned ifindex)
{
	struct flows *flows = arg;
	char mac[MAC_TEXT_MAX];
	unsigned i;

	steering_link_changed(flows->steering, ifindex);
	for (i = 0; i < flows->ports->n; i++) {
		struct dp_port_info *port = &flows->ports->info[i];

		if (port->ifindex == 0 || (ifindex != 0 && port->ifindex != ifindex) ||
			!port_follow_mac(port, flows->dp, i))
			continue;
		next_hops_port_changed(flows->hops, i);
		mac_format(port->mac, mac);
		log_line("port %s: MAC address changed to %s", port->name, mac);
	}
}

/* Next hops, the netlink observer that feeds them, and repointing. */
static int
hops_init(struct flows *flows, struct event_base *base, struct fault *fault)
{
	const struct net_observer observer = {
		.neighbour = neighbour_changed,
		.routes = routes_changed,
		.link = link_changed,
		.arg = flows,
	};

	flows->net = net_create(base, &observer, fault);
	if (!flows->net)
		return -1;
	flows->hops =
		next_hops_create(flows->dp, flows->ports, flows->net, base, legs_are_stale, flows);
	timer_init(&flows->repoint_timer, base, repoint_due, flows);
	if (flows->hops)
		return 0;
	net_destroy(flows->net);
	return fault_set(fault, FAULT_NO_ROOM, "", "no memory for next hops");
}

int
flows_init(struct flows *flows, struct dp *dp, struct ports *ports, struct steering *steering,
	struct event_base *base, struct fault *fault)
{
	const size_t capacity = dp_flow_capacity(dp, DP_IPV4) + dp_flow_capacity(dp, DP_IPV6);

	memset(flows, 0, sizeof(*flows));
	flows->dp = dp;
	flows->ports = ports;
	flows->steering = steering;
	flow_db_init(&flows->db, capacity);
	flows->schema = flow_text_schema(fault);
	if (!flows->schema)
		return -1;
	flows->validate = validate_create(capacity);
	if (!flows->validate) {
		fault_set(fault, FAULT_NO_ROOM, "", "no memory for flows");
		goto err_schema;
	}
	if (hops_init(flows, base, fault) == 0)
		return 0;
	validate_destroy(flows->validate);
err_schema:
	schema_destroy(flows->schema);
	return -1;
}

void
flows_observe(struct flows *flows, flows_changed_fn changed, void *arg)
{
	flows->changed = changed;
	flows->changed_arg = arg;
}

void
flows_changed(struct flows *flows, struct flow *now, struct flow *before)
{
	if (flows->changed)
		flows->changed(flows->changed_arg, now, before);
}

void
flows_fini(struct flows *flows)
{
	const struct flow *flow = flow_db_after(&flows->db, 0);

	for (; flow; flow = flow_db_next(flow))
		steering_del(flows->steering, flow->spec, flow->only);
	timer_disarm(&flows->repoint_timer);
	next_hops_destroy(flows->hops);
	net_destroy(flows->net);
	validate_destroy(flows->validate);
	schema_destroy(flows->schema);
	flow_db_fini(&flows->db);
}
