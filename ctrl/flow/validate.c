/* SPDX-License-Identifier: BSD-3-Clause */
/* Keeps the indexes of overlap.c and loops.c in step, and asks one after the other. */
#include "flow/validate.h"

#include <stdio.h>
#include <stdlib.h>

#include "flow/flow_spec.h"
#include "flow/loops.h"
#include "flow/overlap.h"

#define IPV6_MTU_LEAST 1280 /* RFC 8200, 5 */
#define TRANSLATION_BYTES 20 /* between an IPv6 and an IPv4 header */

/* VLAN tags do not count: an MTU is of IP datagrams. The port by which the longest datagrams come
 * in. */
static const struct dp_port_info *
ingress_find(const struct flow_spec *spec, const struct ports *ports)
{
	const char *name = spec->rule ? spec->rule->port : spec->match.port;
	const struct dp_port_info *widest = &ports->info[0];
	unsigned i;

	if (name[0] != '\0')
		return &ports->info[ports_find(ports, name)];
	for (i = 1; i < ports->n; i++) {
		if (ports->info[i].mtu > widest->mtu)
			widest = &ports->info[i];
	}
	return widest;
}

static int
leg_mtu_check(const struct flow_spec *spec, const struct flow_leg *leg, const struct ports *ports,
	const struct dp_port_info *ingress, struct fault *fault)
{
	const unsigned mtu = ports->info[ports_find(ports, leg->port)].mtu;
	const int growth = leg->dp.family == spec->match.family ? 0
			   : leg->dp.family == 6		? TRANSLATION_BYTES
								: -TRANSLATION_BYTES;
	const int longest = (int)spec->max_datagram_bytes + growth;

	if (leg->dp.family == 6 && mtu < IPV6_MTU_LEAST)
		return fault_set(fault, FAULT_INVALID_VALUE, "/port",
			"found %s, whose MTU is %u, expected at least %u, as every IPv6 link has: "
			"raise the MTU",
			leg->port, mtu, IPV6_MTU_LEAST);
	if (!spec->max_datagram_bytes && (int)mtu < (int)ingress->mtu)
		return fault_set(fault, FAULT_INVALID_VALUE, "/port",
			"found %s, whose MTU is %u, expected at least %u (%s's, where the flow "
			"comes in): give the flow max_datagram_bytes, or raise the MTU",
			leg->port, mtu, ingress->mtu, ingress->name);
	if (spec->max_datagram_bytes && (int)mtu < longest)
		return fault_set(fault, FAULT_INVALID_VALUE, "/port",
			"found %s, whose MTU is %u, expected at least %d (max_datagram_bytes%s): "
			"lower that, or raise the MTU",
			leg->port, mtu, longest,
			growth > 0   ? " and 20 for IPv6"
			: growth < 0 ? " less 20 for IPv4"
				     : "");
	return 0;
}

/*
 * The longest datagram of a flow is its max_datagram_bytes, and 20 more in a leg that translates to
 * IPv6, 20 less in one that translates to IPv4 (RFC 7915, 4 and 5); else it is the MTU of the
 * port it comes in by (of a rule for any port, the greatest of all). An IPv6 link carries at least
 * 1280 (RFC 8200, 5). 0, or -1 with *fault set: FAULT_INVALID_VALUE at ".../legs/N/port".
 */
static int
legs_mtu_check(const struct flow_spec *spec, const struct ports *ports, struct fault *fault)
{
	const struct dp_port_info *ingress = ingress_find(spec, ports);
	unsigned i;

	for (i = 0; i < spec->n_all_legs; i++) {
		if (leg_mtu_check(spec, &spec->legs[i], ports, ingress, fault) < 0) {
			leg_path_prefix(spec, i, fault);
			return -1;
		}
	}
	return 0;
}

struct validate {
	struct endpoints endpoints;
	struct overlaps overlaps;
	struct loop_search search;
};

struct validate *
validate_create(size_t n_expected)
{
	struct validate *validate = calloc(1, sizeof(*validate));

	if (!validate || endpoints_init(&validate->endpoints, n_expected) < 0) {
		free(validate);
		return NULL;
	}
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
	overlaps_fini(&validate->overlaps);
	free(validate);
}

int
validate_insert(struct validate *validate, const struct flow_spec *spec, uint64_t sequence)
{
	int rc = endpoints_insert(&validate->endpoints, spec);

	if (rc < 0)
		return rc;
	rc = overlaps_insert(&validate->overlaps, spec, sequence);
	if (rc < 0)
		endpoints_remove(&validate->endpoints, spec);
	return rc;
}

void
validate_remove(struct validate *validate, const struct flow_spec *spec)
{
	endpoints_remove(&validate->endpoints, spec);
	overlaps_remove(&validate->overlaps, spec);
}

int
validate_check(struct validate *validate, const struct flow_spec *spec, const struct ports *ports,
	struct fault *fault)
{
	if (legs_mtu_check(spec, ports, fault) < 0 ||
		overlap_check(&validate->overlaps, &validate->endpoints, spec, fault) < 0)
		return -1;
	return loop_check(&validate->search, spec, fault);
}
