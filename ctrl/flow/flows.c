/* SPDX-License-Identifier: BSD-3-Clause */
/* What flows hold beside their entries: next hops, steering, and their repair after a change. */
#include "flow/flows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/log.h"
#include "flow/change.h"
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
	const struct leg_source *sources, struct compiled *compiled)
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
	flow->sources = spec->sources;
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
		if (sources)
			compiled->legs[i].known = leg_source_known(&sources[i]);
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

int
flow_widen(struct flows *flows, struct flow *flow)
{
	/* What is being changed is steered as its old version until that is over. */
	const struct flow_spec *spec =
		flow->item && flow->item->old_spec ? flow->item->old_spec : flow->spec;
	int rc;

	if (!flow->only)
		return 0;
	rc = steering_add(flows->steering, spec);
	if (rc < 0)
		return rc;
	steering_del(flows->steering, spec, flow->only);
	free(flow->only);
	flow->only = NULL;
	return 0;
}

/*
 * A slot of next hops does not know its flows, so all flows are scanned, which costs little where a
 * slot has no stale leg. That is rare: a slot whose users all get the same next hop is changed in
 * one place. Flows whose legs send to learned sources are in queues instead, as sources move often.
 */

#define SCAN_LEGS_MAX 65536 /* legs scanned in a slice */
#define WRITE_MAX 256 /* flows rewritten in a slice, */
#define WRITE_LEGS_MAX 8192 /* and no more once they have so many legs */
#define SLICE_PAUSE_MS 2
#define BUSY_PAUSE_MS 10 /* another transaction is open */
#define AGAIN_MS 1000 /* stale legs are not in a flow yet, or could not be written */
#define LOOK_LEGS_MAX 8192 /* looked at in a slice for next hops that were resolved */
#define LOOK_PAUSE_MS 6 /* when there are more */
#define WAITING_MS 50 /* between two looks at all of them, */
#define ANSWERED_MS 5 /* and after a neighbour has answered, as others may, too */

struct rewritten {
	struct flow *flow;
	uint32_t handle; /* of its new version, */
	struct leg_source *sources; /* and of its legs */
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

/* Whether a leg's is, of those that are carried only with `all`. */
static bool
sources_are_stale(const struct flows *flows, const struct flow *flow, bool all)
{
	unsigned leg;

	for (leg = 0; flow->sources && leg < flow->spec->n_all_legs; leg++) {
		if (flow->spec->legs[leg].dp.learned != 0 &&
			(all || !flow->spec->legs[leg].carried) &&
			leg_source_is_stale(&flows->source_context, &flow->spec->legs[leg],
				&flow->sources[leg]))
			return true;
	}
	return false;
}

static bool
flow_is_stale(const struct flows *flows, const struct flow *flow)
{
	unsigned leg;

	for (leg = 0; leg < flow->spec->n_all_legs; leg++) {
		if (leg_index(flows, flow, leg) != flow->hops[leg])
			return true;
	}
	return sources_are_stale(flows, flow, true);
}

/* Legs whose next hop and source are what they ought to be are carried: no more than that. */
static void
legs_compare(const struct flows *flows, const struct flow *flow, const uint16_t *hops)
{
	unsigned leg;

	for (leg = 0; leg < flow->spec->n_legs; leg++) {
		struct flow_leg *own = &flow->spec->legs[leg];

		own->carried = hops[leg] == flow->hops[leg] &&
			       (own->dp.learned == 0 || !leg_source_is_stale(&flows->source_context,
								own, &flow->sources[leg]));
	}
}

/* Sources that carried legs share stay with the others. */
static void
rewritten_part(const struct flow *flow, struct leg_source *sources)
{
	unsigned leg;

	for (leg = 0; leg < flow->spec->n_legs; leg++) {
		if (flow->spec->legs[leg].carried)
			leg_sources_part(sources, leg);
	}
}

/* It stays as it is. */
static void
rewritten_drop(const struct flows *flows, const struct rewritten *rewritten)
{
	const struct flow *flow = rewritten->flow;

	rewritten_part(flow, rewritten->sources);
	leg_sources_put(&flows->source_context, flow->spec, rewritten->sources, false);
	legs_carry(flow->spec, NULL);
}

/* Put a flow into the transaction with the hops and sources that it ought to have. */
static int
flow_rewrite(const struct flows *flows, struct dp_txn *txn, struct compiled *compiled,
	struct rewritten *rewritten)
{
	const struct flow *flow = rewritten->flow;
	const struct flow_spec *spec = flow->spec;
	uint16_t *hops = calloc(spec->n_all_legs + 1, sizeof(hops[0]));
	uint16_t from[DP_FLOW_LEGS_MAX];
	unsigned leg;
	int rc;

	if (!hops)
		return -ENOMEM;
	for (leg = 0; leg < spec->n_all_legs; leg++)
		hops[leg] = leg_index(flows, flow, leg);
	legs_compare(flows, flow, hops);
	for (leg = 0; leg < spec->n_legs; leg++)
		from[leg] = (uint16_t)leg;
	rc = leg_sources_get(
		&flows->source_context, spec, from, flow->sources, &rewritten->sources);
	for (leg = 0; leg < spec->n_legs; leg++) {
		if (spec->legs[leg].carried)
			from[leg] |= DP_LEG_SAME;
	}
	if (rc == 0)
		rc = flow_compile(spec, flows->ports, hops, rewritten->sources, compiled);
	free(hops);
	compiled->flow.latch_cookie = flow->sequence;
	if (rc == 0)
		rc = dp_txn_replace(txn, flow->handle, &compiled->flow, from, &rewritten->handle);
	if (rc < 0)
		rewritten_drop(flows, rewritten);
	return rc;
}

static void
flow_rewritten(struct flows *flows, const struct rewritten *rewritten)
{
	struct flow *flow = rewritten->flow;
	unsigned leg;

	for (leg = 0; leg < flow->spec->n_all_legs; leg++) {
		const uint16_t before = flow->hops[leg];

		if (flow->spec->legs[leg].carried)
			continue;
		flow->hops[leg] = leg_index(flows, flow, leg);
		if (flow->hops[leg] != before)
			next_hops_updated(flows->hops, &flow->spec->legs[leg], before);
	}
	rewritten_part(flow, flow->sources);
	leg_sources_put(&flows->source_context, flow->spec, flow->sources, true);
	flow->sources = rewritten->sources;
	flow->handle = rewritten->handle;
	flow_sources_unwatch(flow); /* all were looked at just now */
	flow_sources_watch(flows, flow);
	legs_carry(flow->spec, NULL);
	flows_changed(flows, flow, flow);
}

/*
 * Write the *n flows gathered, all or none of those that can be compiled, which are the first *n
 * then. 0, or what dp_txn_commit() returned.
 */
static int
batch_write(struct flows *flows, struct dp_txn *txn, struct rewritten *batch, unsigned *n)
{
	struct compiled compiled = {0};
	unsigned i, n_written = 0;
	int rc;

	for (i = 0; i < *n; i++) {
		batch[n_written].flow = batch[i].flow;
		n_written += flow_rewrite(flows, txn, &compiled, &batch[n_written]) == 0;
	}
	compiled_fini(&compiled);
	rc = dp_txn_commit(txn);
	for (i = 0; i < n_written; i++) {
		if (rc == 0 || rc == -ETIMEDOUT)
			flow_rewritten(flows, &batch[i]);
		else
			rewritten_drop(flows, &batch[i]);
	}
	if (rc == 0)
		next_hops_reclaim(flows->hops);
	*n = n_written;
	return rc;
}

/*
 * Write the flows gathered; those that the data plane has no room for now stay as they are. One
 * that needs a leg more than before may lack it: the others do not wait for it.
 */
static void
batch_commit(struct flows *flows, struct dp_txn *txn, struct rewritten *batch, unsigned n)
{
	unsigned half;

	if (batch_write(flows, txn, batch, &n) != -ENOSPC || n < 2)
		return;
	half = n / 2;
	txn = dp_txn_begin(flows->dp);
	if (txn)
		batch_commit(flows, txn, batch, half);
	txn = dp_txn_begin(flows->dp);
	if (txn)
		batch_commit(flows, txn, &batch[half], n - half);
}

/* Gather flows to write from where the last slice ended; *end: there are no more. */
static unsigned
batch_gather(struct flows *flows, struct rewritten batch[WRITE_MAX], bool *end)
{
	struct flow *flow = flow_db_after(&flows->db, flows->repointed);
	unsigned looked = 0, legs = 0, n = 0;

	while (flow && looked < SCAN_LEGS_MAX && n < WRITE_MAX && legs < WRITE_LEGS_MAX) {
		looked += 8 + flow->spec->n_all_legs; /* a flow costs as much as some legs */
		if (!flow->item && flow_is_stale(flows, flow)) {
			batch[n++].flow = flow;
			legs += flow->spec->n_all_legs;
		}
		flows->repointed = flow->sequence;
		flow = flow_db_next(flow);
	}
	*end = flow == NULL;
	return n;
}

unsigned
flows_repoint(struct flows *flows)
{
	struct rewritten batch[WRITE_MAX];
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

/* Learned sources that legs send to. */

static void
refresh_insert(struct flow_queue *queue, struct flow *flow)
{
	flow_sources_unwatch(flow);
	TAILQ_INSERT_TAIL(queue, flow, refresh);
	flow->refresh_queue = queue;
}

static void
refresh_due(void *arg)
{
	struct flows *flows = arg;
	unsigned ms;

	flows->refreshes_soon = false;
	ms = flows_refresh(flows);
	if (ms > 0)
		timer_arm_if_idle(&flows->refresh_timer, ms * NS_PER_MS);
}

/* Soon: several sources may have moved. */
static void
flow_moved(struct flows *flows, struct flow *flow)
{
	refresh_insert(&flows->moved, flow);
	timer_arm(&flows->refresh_timer, 0);
}

void
flows_source_moved(struct flows *flows, const struct flow *flow)
{
	const struct flow_refs *refs = validate_refs(flows->validate);
	const struct flow_ref *ref = flow_refs_first(refs, flow->spec->id);

	for (; ref; ref = flow_refs_next(ref, flow->spec->id)) {
		struct flow *user = flow_db_find(&flows->db, ref->spec->id);

		/* Others read the source when they are committed. */
		if (user && user->sources)
			flow_moved(flows, user);
	}
}

void
flow_sources_unwatch(struct flow *flow)
{
	if (!flow->refresh_queue)
		return;
	TAILQ_REMOVE(flow->refresh_queue, flow, refresh);
	flow->refresh_queue = NULL;
}

static bool
sources_wait(const struct flow *flow)
{
	unsigned leg;

	for (leg = 0; leg < flow->spec->n_all_legs; leg++) {
		if (leg_source_waits(&flow->sources[leg]))
			return true;
	}
	return false;
}

void
flow_sources_watch(struct flows *flows, struct flow *flow)
{
	/* Sources of carried legs are as they were read, unless the flow waits to be looked at. */
	const bool all = flow->refresh_queue != NULL;

	flow_sources_unwatch(flow);
	if (!flow->sources)
		return;
	if (sources_are_stale(flows, flow, all)) {
		flow_moved(flows, flow);
	} else if (sources_wait(flow)) {
		refresh_insert(&flows->waiting, flow);
		timer_arm_if_idle(&flows->refresh_timer, WAITING_MS * NS_PER_MS);
	}
}

/*
 * Those that wait and need not any more, from the one looked at longest ago on. Returns after how
 * many ms to look again.
 */
static unsigned
waiting_look(struct flows *flows)
{
	struct flow *flow = TAILQ_FIRST(&flows->waiting);
	const struct flow *last = TAILQ_LAST(&flows->waiting, flow_queue);
	unsigned looked = 0;

	while (flow && looked < LOOK_LEGS_MAX) {
		looked += 8 + flow->spec->n_all_legs;
		refresh_insert(
			sources_are_stale(flows, flow, true) ? &flows->moved : &flows->waiting,
			flow);
		flow = flow == last ? NULL : TAILQ_FIRST(&flows->waiting);
	}
	return flow ? LOOK_PAUSE_MS : WAITING_MS;
}

unsigned
flows_refresh(struct flows *flows)
{
	struct rewritten batch[WRITE_MAX];
	struct dp_txn *txn;
	struct flow *flow;
	unsigned n = 0, legs = 0;
	const unsigned look_ms = waiting_look(flows);

	if (TAILQ_EMPTY(&flows->moved))
		return TAILQ_EMPTY(&flows->waiting) ? 0 : look_ms;
	txn = dp_txn_begin(flows->dp);
	if (!txn)
		return BUSY_PAUSE_MS;
	/* Those that there is no room for, or that a commit has not done with, are looked at again.
	 */
	while ((flow = TAILQ_FIRST(&flows->moved)) && legs < WRITE_LEGS_MAX && n < WRITE_MAX) {
		legs += flow->spec->n_all_legs;
		if (!flow->item)
			batch[n++].flow = flow;
		refresh_insert(&flows->waiting, flow);
	}
	if (n > 0)
		batch_commit(flows, txn, batch, n);
	else
		dp_txn_abort(txn);
	return TAILQ_EMPTY(&flows->moved) ? look_ms : SLICE_PAUSE_MS;
}

/* Changes of neighbours and routes go to the next hops: no flow is changed. */
static void
neighbour_changed(void *arg, const struct neigh_key *neighbour, const uint8_t *mac, int error)
{
	struct flows *flows = arg;

	next_hops_neighbour_changed(flows->hops, neighbour, mac, error);
	if (!mac || TAILQ_EMPTY(&flows->waiting) || flows->refreshes_soon)
		return;
	flows->refreshes_soon = true;
	timer_arm(&flows->refresh_timer, ANSWERED_MS * NS_PER_MS);
}

static void
routes_changed(void *arg, const struct net_prefix *prefix)
{
	struct flows *flows = arg;

	next_hops_routes_changed(flows->hops, prefix);
}

void
flows_port_changed(struct flows *flows, unsigned port)
{
	struct dp_port_info *info = &flows->ports->info[port];
	const bool is_other = port_follow_interface(info, flows->dp, port);
	const bool has_moved = port_follow_mac(info, flows->dp, port);
	const unsigned mtu_before = info->mtu;
	struct dp_port_info now;
	char mac[MAC_TEXT_MAX];

	if (port_follow_mtu(info, flows->dp, port))
		log_line("port %s: MTU of its interface changed: datagrams of up to %u bytes are "
			 "sent, %u before",
			info->name, info->mtu, mtu_before);
	if (has_moved) {
		mac_format(info->mac, mac);
		log_line("port %s: MAC address changed to %s", info->name, mac);
	}
	if (is_other)
		timer_arm(&flows->links_timer, 0);
	/* Backups are taken now, before the monitor polls the link and reports it. */
	if (dp_port_info_get(flows->dp, port, &now) == 0)
		dp_port_down_set(flows->dp, port, !port_link_up(&now));
	next_hops_port_changed(flows->hops, port);
}

#define LINKS_MS 50

/* After a burst of changes, as each is followed by reading all of the kernel's interfaces. */
static void
links_due(void *arg)
{
	struct flows *flows = arg;

	next_hops_vlans_changed(flows->hops);
	memberships_link_changed(flows->memberships);
	steering_vlans_changed(flows->steering, net_vlans(flows->net));
}

static void
link_changed(void *arg, unsigned ifindex)
{
	struct flows *flows = arg;
	unsigned i;

	timer_arm_if_idle(&flows->links_timer, LINKS_MS * NS_PER_MS);
	steering_link_changed(flows->steering, ifindex);
	for (i = 0; i < flows->ports->n; i++) {
		const struct dp_port_info *port = &flows->ports->info[i];

		if (port->ifindex != 0 && (ifindex == 0 || port->ifindex == ifindex))
			flows_port_changed(flows, i);
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
	timer_init(&flows->refresh_timer, base, refresh_due, flows);
	timer_init(&flows->links_timer, base, links_due, flows);
	flows->source_context = (struct source_context){flows->dp, flows->ports, flows->hops};
	TAILQ_INIT(&flows->moved);
	TAILQ_INIT(&flows->waiting);
	flows->memberships = memberships_create(flows->ports, flows->net);
	if (flows->hops && flows->memberships) {
		timer_arm(&flows->links_timer, 0);
		return 0;
	}
	memberships_destroy(flows->memberships);
	next_hops_destroy(flows->hops);
	net_destroy(flows->net);
	return fault_set(fault, FAULT_NO_ROOM, "", "no memory for next hops");
}

/* As the draft has it, while there is one. */
static const struct flow_spec *
spec_find(const void *arg, const char *id)
{
	const struct flow *flow = flow_db_seek(arg, id);

	if (!flow || !flow->item)
		return flow ? flow->spec : NULL;
	return item_spec(flow->item);
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
	flows->validate = validate_create(capacity, spec_find, &flows->db);
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
	timer_disarm(&flows->refresh_timer);
	timer_disarm(&flows->links_timer);
	memberships_destroy(flows->memberships);
	next_hops_destroy(flows->hops);
	net_destroy(flows->net);
	validate_destroy(flows->validate);
	schema_destroy(flows->schema);
	flow_db_fini(&flows->db);
}
