/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Random changes, several at a time and with failures in between, beside the model. After each
 * round what is installed, what the data plane runs and what is stored is what the model says, and
 * all were called back, once. SEED=N and ROUNDS=N in the environment play one long game; a failure
 * names its seed and round.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "asked.h"
#include "commits_model.h"
#include "flow/flow_codec.h"

#define GAMES 40
#define ROUNDS 60
#define CHANGES_MAX 4
#define LAST_FIRST 10 /* octets of destinations; all of them are resolved */
#define LASTS 5

TestSuite(commits_random, .init = asked_setup, .fini = asked_teardown, .timeout = 600);

static struct model model;
static uint64_t random_state;
static char where[64]; /* for messages */

static unsigned
drawn(unsigned below)
{
	random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(random_state >> 33) % below;
}

static bool
drawn_one_in(unsigned n)
{
	return drawn(n) == 0;
}

static struct model_leg
leg_drawn(int id)
{
	return (struct model_leg){
		.id = id, .last = LAST_FIRST + (int)drawn(LASTS), .down = drawn_one_in(8)};
}

static struct model_flow
flow_drawn(void)
{
	struct model_flow flow = {
		.port = 1 + (int)drawn(MODEL_PORTS),
		.down = drawn_one_in(8),
		.n_legs = 1 + drawn(3),
	};
	const int first = (int)drawn(MODEL_LEGS);

	for (unsigned i = 0; i < flow.n_legs; i++)
		flow.legs[i] = leg_drawn((first + (int)i) % MODEL_LEGS);
	return flow;
}

/* Often one that can be: a flow that is not there is installed, a replacement keeps the port. */
static struct model_op
op_drawn(enum model_kind kind, int flow)
{
	const struct model_flow *is = &model.flows[flow];
	struct model_op op = {.kind = kind, .flow = flow, .as = flow_drawn()};

	if (kind != MODEL_PUT && !is->there && drawn_one_in(2))
		op.kind = kind = MODEL_INSTALL;
	if (kind == MODEL_REPLACE && is->there && !drawn_one_in(8))
		op.as.port = is->port;
	if (kind == MODEL_JOIN || kind == MODEL_LEAVE || kind == MODEL_ADMIN)
		op.as.legs[0] = leg_drawn((int)drawn(MODEL_LEGS));
	op.of_leg = kind == MODEL_ADMIN && drawn_one_in(2);
	op.as.down = drawn_one_in(kind == MODEL_ADMIN ? 2 : 8);
	return op;
}

/* Different flows, in any order. */
static void
whole_drawn(struct model_change *change)
{
	int flow = (int)drawn(MODEL_FLOWS);

	change->declares = drawn_one_in(2);
	change->returns = !change->declares;
	change->prunes = change->declares && drawn_one_in(4);
	for (unsigned i = 0; i < change->n_ops; i++, flow = (flow + 2) % MODEL_FLOWS) {
		const bool removes = change->returns && model.flows[flow].there && drawn_one_in(3);

		change->ops[i] = op_drawn(removes ? MODEL_REMOVE : MODEL_PUT, flow);
		change->ops[i].as.declared = change->declares || drawn_one_in(2);
	}
}

static struct model_change
change_drawn(void)
{
	struct model_change change = {.n_ops = 1 + drawn(drawn_one_in(3) ? MODEL_OPS_MAX : 2)};

	change.conditional = drawn_one_in(6);
	change.if_generation = model.generation + drawn(2);
	change.trial = drawn_one_in(10);
	if (drawn_one_in(3)) {
		whole_drawn(&change);
		return change;
	}
	for (unsigned i = 0; i < change.n_ops; i++)
		change.ops[i] =
			op_drawn((enum model_kind)drawn(MODEL_PUT), (int)drawn(MODEL_FLOWS));
	return change;
}

static json_t *
leg_json(const struct model_leg *leg)
{
	char id[8], dst[32];

	snprintf(id, sizeof(id), "out-%d", leg->id);
	snprintf(dst, sizeof(dst), "198.51.100.%d", leg->last);
	return json_pack("{s:s, s:s, s:i, s:s, s:i, s:s, s:i, s:s}", "id", id, "port", "p1", "vlan",
		0, "src", "198.51.100.1", "src_port", 6000, "dst", dst, "dst_port", 5004 + leg->id,
		"admin", leg->down ? "down" : "up");
}

static const char *
id_of(int flow)
{
	static const char *const ids[MODEL_FLOWS] = {"a", "b", "c", "d", "e"};

	return ids[flow];
}

static struct flow_spec *
spec_of(int flow, const struct model_flow *as)
{
	json_t *json = flow_json(id_of(flow), as->port, LAST_FIRST), *legs = json_array();
	struct flow_spec *spec;
	struct fault fault;

	for (unsigned i = 0; i < as->n_legs; i++)
		json_array_append_new(legs, leg_json(&as->legs[i]));
	json_object_set_new(json, "legs", legs);
	json_object_set_new(json, "admin", json_string(as->down ? "down" : "up"));
	spec = flow_spec_decode(json, &fault);
	cr_assert_not_null(spec, "%s", fault.message);
	json_decref(json);
	spec->declared = as->declared;
	return spec;
}

static void
item_of(struct change *change, const struct model_op *op)
{
	static const enum op_kind kinds[] = {
		[MODEL_INSTALL] = OP_INSTALL,
		[MODEL_REPLACE] = OP_REPLACE,
		[MODEL_PUT] = OP_SET,
		[MODEL_REMOVE] = OP_REMOVE,
		[MODEL_JOIN] = OP_JOIN,
		[MODEL_LEAVE] = OP_LEAVE,
		[MODEL_ADMIN] = OP_ADMIN,
	};
	const enum op_kind kind = kinds[op->kind];
	const bool has_leg = kind == OP_JOIN || kind == OP_LEAVE || op->of_leg;
	struct model_flow as = op->as;
	struct change_item *item;
	struct flow_spec *spec;

	if (kind > OP_SET)
		as.n_legs = 1;
	spec = spec_of(op->flow, &as);
	if (kind <= OP_SET) {
		item_put_spec(change, kind, spec, "flows");
		return;
	}
	item = item_put(change, kind, id_of(op->flow), has_leg, "flows");
	item->down = op->as.down;
	if (kind == OP_JOIN)
		item->legs[0] = spec->legs[0];
	else if (has_leg)
		snprintf(item->leg_ids[0], sizeof(item->leg_ids[0]), "out-%d", op->as.legs[0].id);
	free(spec);
}

static struct change *
change_of(const struct model_change *model_change, struct asked *asked)
{
	struct change *change = change_made(asked);

	for (unsigned i = 0; i < model_change->n_ops; i++) {
		item_of(change, &model_change->ops[i]);
		change->items[i]->message = i;
	}
	change->generation.declared = model_change->declares;
	change->prunes = model_change->prunes;
	change->generation.returns = model_change->returns ? STORE_RETURN_TO : STORE_RETURN_NONE;
	change->conditional = model_change->conditional;
	change->if_generation = model_change->if_generation;
	change->confirm_within_s = model_change->trial ? 60 : 0;
	return change;
}

/* Something is about to fail, perhaps. Whether the store is. */
static bool
failures_draw(void)
{
	room.dp->steps_to_commit = drawn(3);
	switch (drawn(8)) {
	case 0:
		room.dp->fail_add = -ENOMEM;
		room.dp->adds_before_fail = drawn(4);
		break;
	case 1:
		room.dp->fail_prepare = -ENOMEM;
		break;
	case 2:
		fake_steer()->fail_add = -ENOMEM;
		fake_steer()->adds_before_fail = drawn(4);
		break;
	case 3:
		fake_net()->fail_keep = -ENOMEM;
		fake_net()->keeps_before_fail = drawn(4);
		break;
	case 4:
		room.dp->fail_begin = true;
		break;
	case 5:
		return true;
	default:
		return false;
	}
	return false;
}

static bool
anything_fails(bool store_fails)
{
	return store_fails || room.dp->fail_add || room.dp->fail_prepare || room.dp->fail_begin ||
	       fake_steer()->fail_add || fake_net()->fail_keep;
}

static void
failures_end(void)
{
	room.dp->fail_add = room.dp->fail_prepare = 0;
	room.dp->fail_begin = false;
	fake_steer()->fail_add = 0;
	fake_net()->fail_keep = 0;
}

static unsigned
n_called(const struct asked *asked, unsigned n)
{
	unsigned reported = 0;

	for (unsigned i = 0; i < n; i++)
		reported += asked[i].n_called;
	return reported;
}

/* Until all are called back. */
static void
play(const struct asked *asked, unsigned n, bool store_fails)
{
	const struct fault full = {.code = FAULT_STORE, .message = "the disk is full"};

	for (unsigned i = 0; i < 100 && (n_called(asked, n) < n || fake_store_waiting() > 0); i++) {
		rounds();
		fake_store_answer(store_fails && drawn_one_in(2) ? &full : NULL);
	}
	rounds();
	for (unsigned i = 0; i < n; i++)
		cr_assert_eq(asked[i].n_called, 1, "%s: change %u was called back %u times", where,
			i, asked[i].n_called);
}

/* In the order in which they were asked for. */
static void
outcome_expect(const struct model_change *change, const struct asked *asked, bool may_fail)
{
	struct model then = model;
	const bool good = model_apply(&then, change);
	const uint64_t n = asked->added + asked->changed + asked->removed;

	if (asked->rc < 0 && may_fail)
		return;
	cr_assert_eq(asked->rc == 0, good, "%s: found %s, expected %s", where,
		asked->rc == 0 ? "done" : asked->fault.message, good ? "done" : "a refusal");
	if (!good)
		return;
	cr_assert(n > 0 || memcmp(then.flows, model.flows, sizeof(then.flows)) == 0,
		"%s: a change that is not counted", where);
	then.generation += n > 0;
	then.waits |= change->trial && n > 0;
	cr_assert_eq(asked->generation, then.generation, "%s: found generation %u, expected %u",
		where, (unsigned)asked->generation, (unsigned)then.generation);
	model = then;
}

static void
spec_expect(const struct flow_spec *spec, const struct model_flow *as)
{
	char *text = flow_text_encode(spec, NULL);

	cr_assert_eq(ntohs(spec->match.key.dst_port), as->port, "%s: %s", where, text);
	cr_assert_eq(spec->declared, as->declared, "%s: %s", where, text);
	cr_assert_eq(spec->dp.down, as->down, "%s: %s", where, text);
	cr_assert_eq(spec->n_legs, as->n_legs, "%s: %s", where, text);
	for (unsigned i = 0; i < as->n_legs; i++) {
		cr_assert_eq(atoi(spec->legs[i].id + 4), as->legs[i].id, "%s: %s", where, text);
		cr_assert_eq(spec->legs[i].dp.dst[3], as->legs[i].last, "%s: %s", where, text);
		cr_assert_eq(spec->legs[i].dp.down, as->legs[i].down, "%s: %s", where, text);
	}
	cr_assert_str_eq(fake_store_text(spec->id), text, "%s", where);
	free(text);
}

static void
flow_expect(const char *id, const struct model_flow *as)
{
	const struct flow *flow = flow_db_find(&room.flows.db, id);
	const struct fake_flow *runs;

	cr_assert_eq(flow != NULL, as->there, "%s: flow %s", where, id);
	cr_assert_eq(fake_store_text(id) != NULL, as->there, "%s: stored flow %s", where, id);
	if (!flow)
		return;
	spec_expect(flow->spec, as);
	runs = &room.dp->flows[flow->handle];
	cr_assert_eq(runs->state, FAKE_LIVE, "%s: flow %s does not run", where, id);
	cr_assert_eq(ntohs(runs->key.dst_port), as->port, "%s: flow %s", where, id);
	cr_assert_eq(runs->flow.n_legs, as->n_legs, "%s: flow %s", where, id);
}

static void
state_expect(void)
{
	bool lasts[LASTS] = {false};
	unsigned n_flows = 0, n_lasts = 0;

	for (int i = 0; i < MODEL_FLOWS; i++) {
		const struct model_flow *flow = &model.flows[i];

		flow_expect(id_of(i), flow);
		n_flows += flow->there;
		for (unsigned leg = 0; leg < flow->n_legs; leg++)
			lasts[flow->legs[leg].last - LAST_FIRST] = true;
	}
	for (unsigned i = 0; i < LASTS; i++)
		n_lasts += lasts[i];
	room_expect(&room, n_flows, (int)n_lasts);
	cr_assert_eq(fake_store_flows(), n_flows, "%s", where);
	cr_assert_eq(commits_generation(commits), model.generation, "%s", where);
}

static void
confirmed(void *arg, const struct fault *error)
{
	(void)arg;
	cr_assert_null(error);
}

/* A trial is confirmed, as confirm.c does it. */
static void
confirm(void)
{
	struct store_batch *batch = store_batch_create();

	store_batch_confirm(batch, NULL);
	store_submit(store, batch, confirmed, NULL);
	fake_store_answer(NULL);
	model.waits = false;
}

static void
round_play(void)
{
	struct model_change changes[CHANGES_MAX];
	struct asked asked[CHANGES_MAX];
	const unsigned n = 1 + drawn(CHANGES_MAX);
	const bool store_fails = failures_draw(), may_fail = anything_fails(store_fails);

	for (unsigned i = 0; i < n; i++) {
		changes[i] = change_drawn();
		commits_submit(commits, change_of(&changes[i], &asked[i]));
		if (drawn_one_in(3))
			round_once();
	}
	play(asked, n, store_fails);
	failures_end();
	for (unsigned i = 0; i < n; i++)
		outcome_expect(&changes[i], &asked[i], may_fail);
	state_expect();
	fake_store_forget_words();
	if (model.waits && drawn_one_in(2))
		confirm();
}

static void
game_play(uint64_t seed, unsigned n_rounds)
{
	random_state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	for (unsigned i = 0; i < n_rounds; i++) {
		snprintf(where, sizeof(where), "SEED=%llu round %u", (unsigned long long)seed, i);
		round_play();
	}
}

Test(commits_random, all_agree_with_the_model)
{
	const char *seed = getenv("SEED"), *n_rounds = getenv("ROUNDS");
	const uint64_t first = seed ? strtoull(seed, NULL, 10) : 1;

	for (uint64_t i = first; i < first + (seed ? 1 : GAMES); i++)
		game_play(i, n_rounds ? (unsigned)atoi(n_rounds) : ROUNDS);
}
