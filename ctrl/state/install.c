/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * flows_install() step by step. What each step took is noted, and one function gives it back in
 * reverse; so a failing step has only to say why.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "state/compile.h"
#include "state/flows.h"
#include "state/leg_hops.h"

struct install {
	struct flows *flows;
	struct flow_spec *const *specs;
	size_t n;
	struct fault *fault;
	struct flow **admitted; /* room for n */
	size_t n_admitted;
	bool has_hops;
	struct dp_txn *txn;
	size_t n_steered;
};

static int
specs_check(struct install *install)
{
	size_t i;

	for (i = 0; i < install->n; i++) {
		const struct flow_spec *spec = install->specs[i];

		if (flow_ports_check(spec, install->flows->ports, install->fault) < 0) {
			fault_prefix(install->fault, "/flows/%zu", i);
			return -1;
		}
		desired_id_avoid(&install->flows->desired, spec->id);
	}
	return 0;
}

static int
specs_admit(struct install *install)
{
	for (; install->n_admitted < install->n; install->n_admitted++) {
		const size_t i = install->n_admitted;

		install->admitted[i] =
			desired_add(&install->flows->desired, install->specs[i], install->fault);
		if (!install->admitted[i]) {
			fault_prefix(install->fault, "/flows/%zu", i);
			return -1;
		}
	}
	return 0;
}

static int
hops_get(struct install *install)
{
	int rc = leg_hops_get(install->flows, install->admitted, install->n, install->fault);

	install->has_hops = rc == 0;
	return rc;
}

static int
txn_fault(struct install *install, size_t i, int error)
{
	const struct flow_spec *spec = install->specs[i];
	const enum dp_family family = spec->match.family == 6 ? DP_IPV6 : DP_IPV4;
	char pointer[32];

	snprintf(pointer, sizeof(pointer), "/flows/%zu", i);
	if (error == -ENOSPC)
		return fault_set(install->fault, FAULT_NO_ROOM, pointer,
			"found one flow more than the IPv%d table holds, expected at most %u",
			(int)family, dp_flow_capacity(install->flows->dp, family));
	if (error == -ENOMEM)
		return fault_set(install->fault, FAULT_NO_ROOM, pointer,
			"no memory in the data plane for a flow of %u legs", spec->n_legs);
	return fault_set(install->fault, FAULT_INTERNAL, pointer,
		"the data plane refused flow %s: %s", spec->id, strerror(-error));
}

static int
txn_fill(struct install *install)
{
	struct dp_leg legs[DP_FLOW_LEGS_MAX];
	struct dp_flow compiled;
	size_t i;

	install->txn = dp_txn_begin(install->flows->dp);
	if (!install->txn)
		return fault_set(install->fault, FAULT_NO_ROOM, "", "no memory for a transaction");
	for (i = 0; i < install->n; i++) {
		struct flow *flow = install->admitted[i];
		int rc;

		flow_compile(flow->spec, install->flows->ports, flow->hops, &compiled, legs);
		rc = dp_txn_add(install->txn, &compiled, &flow->handle);
		if (rc < 0)
			return txn_fault(install, i, rc);
	}
	return 0;
}

static unsigned
ingress_port(const struct flows *flows, const struct flow_spec *spec)
{
	return (unsigned)ports_find(flows->ports, spec->match.port);
}

static int
steering_ask(struct install *install)
{
	struct flows *flows = install->flows;

	for (; install->n_steered < install->n; install->n_steered++) {
		const struct flow_spec *spec = install->specs[install->n_steered];
		int rc = steering_add(flows->steering, ingress_port(flows, spec), &spec->match);

		if (rc < 0) {
			fault_set(install->fault, rc == -ENOSPC ? FAULT_NO_ROOM : FAULT_INTERNAL,
				"/match/dst", "port %s cannot be asked for its packets: %s",
				spec->match.port, strerror(-rc));
			fault_prefix(install->fault, "/flows/%zu", install->n_steered);
			return -1;
		}
	}
	return 0;
}

/* A worker that is late has the flows in its table all the same; the data plane warns of it. */
static int
txn_commit(struct install *install)
{
	int rc = dp_txn_commit(install->txn);

	install->txn = NULL;
	if (rc == 0 || rc == -ETIMEDOUT)
		return 0;
	return fault_set(install->fault, FAULT_INTERNAL, "", "the data plane refused to commit: %s",
		strerror(-rc));
}

static void
install_undo(struct install *install)
{
	struct flows *flows = install->flows;

	while (install->n_steered-- > 0) {
		const struct flow_spec *spec = install->specs[install->n_steered];

		steering_del(flows->steering, ingress_port(flows, spec), &spec->match);
	}
	if (install->txn)
		dp_txn_abort(install->txn);
	if (install->has_hops)
		leg_hops_put(flows, install->admitted, install->n, false);
	while (install->n_admitted-- > 0)
		desired_remove(&flows->desired, install->admitted[install->n_admitted]);
}

int
flows_install(struct flows *flows, struct flow_spec *const *specs, size_t n, struct fault *fault)
{
	struct install install = {.flows = flows, .specs = specs, .n = n, .fault = fault};
	int rc = 0;

	install.admitted = calloc(n, sizeof(struct flow *));
	if (!install.admitted)
		return fault_set(fault, FAULT_NO_ROOM, "/flows", "no memory for %zu flows", n);
	if (specs_check(&install) < 0 || specs_admit(&install) < 0 || hops_get(&install) < 0 ||
		txn_fill(&install) < 0 || steering_ask(&install) < 0 || txn_commit(&install) < 0) {
		install_undo(&install);
		rc = -1;
	}
	free(install.admitted);
	return rc;
}
