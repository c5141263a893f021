/* SPDX-License-Identifier: BSD-3-Clause */
#include "state/op.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct op *
op_create(enum op_kind kind)
{
	struct op *op = calloc(1, sizeof(*op));

	if (op) {
		op->kind = kind;
		op->place = UINT32_MAX;
	}
	return op;
}

/* Without its id an op is nothing. */
static struct op *
op_create_named(enum op_kind kind, const char *id)
{
	struct op *op = op_create(kind);

	if (!op)
		return NULL;
	op->id = strdup(id);
	if (op->id)
		return op;
	free(op);
	return NULL;
}

struct op *
op_create_spec(enum op_kind kind, struct flow_spec *spec)
{
	struct op *op = op_create(kind);

	if (op)
		op->spec = spec;
	else
		free(spec);
	return op;
}

struct op *
op_create_remove(const char *id)
{
	return op_create_named(OP_REMOVE, id);
}

struct op *
op_create_join(const char *id, struct flow_leg *legs, unsigned n)
{
	struct op *op = op_create_named(OP_JOIN, id);

	if (!op) {
		free(legs);
		return NULL;
	}
	op->legs = legs;
	op->n_legs = n;
	return op;
}

static int
leg_ids_copy(struct op *op, const char *const *leg_ids, unsigned n)
{
	op->leg_ids = calloc(n + 1, sizeof(op->leg_ids[0]));
	if (!op->leg_ids)
		return -1;
	for (; op->n_legs < n; op->n_legs++) {
		op->leg_ids[op->n_legs] = strdup(leg_ids[op->n_legs]);
		if (!op->leg_ids[op->n_legs])
			return -1;
	}
	return 0;
}

struct op *
op_create_leave(const char *id, const char *const *leg_ids, unsigned n)
{
	struct op *op = op_create_named(OP_LEAVE, id);

	if (!op)
		return NULL;
	op->left = calloc(n + 1, sizeof(op->left[0]));
	if (op->left && leg_ids_copy(op, leg_ids, n) == 0)
		return op;
	op_destroy(op);
	return NULL;
}

struct op *
op_create_admin(const char *id, const char *leg_id, bool down)
{
	struct op *op = op_create_named(OP_ADMIN, id);

	if (!op)
		return NULL;
	op->down = down;
	if (leg_ids_copy(op, &leg_id, leg_id != NULL) == 0)
		return op;
	op_destroy(op);
	return NULL;
}

void
op_destroy(struct op *op)
{
	unsigned i;

	if (!op)
		return;
	if (op->leg_ids) {
		for (i = 0; i < op->n_legs; i++)
			free(op->leg_ids[i]);
		free(op->leg_ids);
	}
	free(op->legs);
	free(op->left);
	if (!op->settled)
		free(op->spec);
	free(op->left_out);
	free(op->id);
	free(op);
}

void
op_unstage(struct op *op)
{
	op->change = NULL;
	op->effect = 0;
	if (op->kind <= OP_PUT)
		return;
	free(op->spec);
	op->spec = NULL;
}

int
op_leave_out(struct op *op, const char *why)
{
	op->left_out = strdup(why);
	return op->left_out ? 0 : -1;
}

const char *
op_flow(const struct op *op)
{
	return op->id ? op->id : op->spec->id;
}

void
op_fault_prefix(const struct op *op, bool in_transaction, struct fault *fault)
{
	char message[FAULT_MESSAGE_MAX] = "";

	if (op->place != UINT32_MAX)
		fault_prefix(fault, "/%s/%u", op->member, op->place);
	if (!in_transaction)
		return;
	fault_prefix(fault, "/messages/%u", op->message);
	snprintf(message, sizeof(message), "flow %s: %.400s", op_flow(op), fault->message);
	memcpy(fault->message, message, sizeof(fault->message));
}
