/* SPDX-License-Identifier: BSD-3-Clause */
#include "commits_model.h"

#include <string.h>

static bool
port_is_free(const struct model *model, int port, int but)
{
	for (int i = 0; i < MODEL_FLOWS; i++) {
		if (i != but && model->flows[i].there && model->flows[i].port == port)
			return false;
	}
	return true;
}

static int
leg_find(const struct model_flow *flow, int id)
{
	for (unsigned i = 0; i < flow->n_legs; i++) {
		if (flow->legs[i].id == id)
			return (int)i;
	}
	return -1;
}

static void
flow_set(struct model_flow *flow, const struct model_flow *as, bool declared)
{
	*flow = *as;
	flow->there = true;
	flow->declared = declared;
	for (unsigned i = flow->n_legs; i < MODEL_LEGS; i++)
		flow->legs[i] = (struct model_leg){0};
}

static bool
join(struct model_flow *flow, const struct model_leg *leg)
{
	if (leg_find(flow, leg->id) >= 0)
		return false;
	flow->legs[flow->n_legs++] = *leg;
	return true;
}

static bool
leave(struct model_flow *flow, int id)
{
	const int at = leg_find(flow, id);

	if (at < 0 || flow->n_legs == 1)
		return false;
	flow->n_legs--;
	for (unsigned i = (unsigned)at; i < flow->n_legs; i++)
		flow->legs[i] = flow->legs[i + 1];
	flow->legs[flow->n_legs] = (struct model_leg){0};
	return true;
}

static bool
admin(struct model_flow *flow, const struct model_op *op)
{
	const int at = op->of_leg ? leg_find(flow, op->as.legs[0].id) : 0;

	if (at < 0)
		return false;
	if (op->of_leg)
		flow->legs[at].down = op->as.down;
	else
		flow->down = op->as.down;
	return true;
}

static bool
op_apply(struct model *model, const struct model_op *op)
{
	struct model_flow *flow = &model->flows[op->flow];

	if (op->kind == MODEL_INSTALL || op->kind == MODEL_PUT) {
		if ((op->kind == MODEL_INSTALL && flow->there) ||
			!port_is_free(model, op->as.port, op->flow))
			return false;
		flow_set(flow, &op->as, op->as.declared);
		return true;
	}
	if (!flow->there)
		return false;
	switch (op->kind) {
	case MODEL_REPLACE:
		if (flow->port != op->as.port)
			return false;
		flow_set(flow, &op->as, flow->declared);
		return true;
	case MODEL_REMOVE:
		memset(flow, 0, sizeof(*flow));
		return true;
	case MODEL_JOIN:
		return join(flow, &op->as.legs[0]);
	case MODEL_LEAVE:
		return leave(flow, op->as.legs[0].id);
	default:
		return admin(flow, op);
	}
}

/* In one step: who is put is taken out first, and whoever else is to go. */
static bool
all_apply(struct model *model, const struct model_change *change)
{
	bool named[MODEL_FLOWS] = {false};

	for (unsigned i = 0; i < change->n_ops; i++) {
		const struct model_op *op = &change->ops[i];

		named[op->flow] = true;
		if (op->kind == MODEL_REMOVE && !model->flows[op->flow].there)
			return false;
		memset(&model->flows[op->flow], 0, sizeof(model->flows[0]));
	}
	for (int i = 0; change->declares && i < MODEL_FLOWS; i++) {
		if (!named[i] && (change->prunes || model->flows[i].declared))
			memset(&model->flows[i], 0, sizeof(model->flows[i]));
	}
	for (unsigned i = 0; i < change->n_ops; i++) {
		if (change->ops[i].kind == MODEL_PUT && !op_apply(model, &change->ops[i]))
			return false;
	}
	return true;
}

bool
model_apply(struct model *model, const struct model_change *change)
{
	struct model then = *model;
	bool good = !(change->trial && model->waits) &&
		    !(change->conditional && change->if_generation != model->generation);

	if (good && (change->declares || change->returns))
		good = all_apply(&then, change);
	for (unsigned i = 0; good && !change->declares && !change->returns && i < change->n_ops;
		i++)
		good = op_apply(&then, &change->ops[i]);
	if (!good)
		return false;
	*model = then;
	return true;
}
