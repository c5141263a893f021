/* SPDX-License-Identifier: BSD-3-Clause */
/* Keeps the indexes of shadow.c and loop.c in step, and asks one after the other. */
#include "state/validate.h"

#include <stdlib.h>

#include "state/endpoints.h"
#include "state/leg_mtu.h"
#include "state/loop.h"
#include "state/shadow.h"

struct validate {
	struct endpoints endpoints;
	struct shadows shadows;
	struct loop_search search;
};

struct validate *
validate_create(void)
{
	struct validate *validate = calloc(1, sizeof(*validate));

	if (validate)
		validate->search.endpoints = &validate->endpoints;
	return validate;
}

const struct endpoints *
validate_endpoints(const struct validate *validate)
{
	return &validate->endpoints;
}

void
validate_destroy(struct validate *validate)
{
	if (!validate)
		return;
	endpoints_fini(&validate->endpoints);
	shadows_fini(&validate->shadows);
	free(validate);
}

int
validate_put(struct validate *validate, const struct flow_spec *spec, uint64_t sequence)
{
	int rc = endpoints_put(&validate->endpoints, spec);

	if (rc < 0)
		return rc;
	rc = shadows_put(&validate->shadows, spec, sequence);
	if (rc < 0)
		endpoints_take(&validate->endpoints, spec);
	return rc;
}

void
validate_take(struct validate *validate, const struct flow_spec *spec)
{
	endpoints_take(&validate->endpoints, spec);
	shadows_take(&validate->shadows, spec);
}

int
validate_check(struct validate *validate, const struct flow_spec *spec, const struct ports *ports,
	struct fault *fault)
{
	if (legs_mtu_check(spec, ports, fault) < 0 ||
		shadow_check(&validate->shadows, &validate->endpoints, spec, fault) < 0)
		return -1;
	return loop_check(&validate->search, spec, fault);
}
