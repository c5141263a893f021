/* SPDX-License-Identifier: BSD-3-Clause */
/* No field is computed here that a worker could need twice: names become indexes, and that is it.
 */
#include "state/compile.h"

#include <string.h>

#include "state/address.h"

static void
leg_compile(const struct flow_leg *leg, uint16_t hop, struct dp_leg *out)
{
	memset(out, 0, sizeof(*out));
	memcpy(out->src, leg->src, sizeof(out->src));
	memcpy(out->dst, leg->dst, sizeof(out->dst));
	out->src_port = leg->src_port;
	out->dst_port = leg->dst_port;
	out->next_hop = hop;
	out->vlan = leg->vlan;
	out->dscp = leg->dscp;
	out->ttl = leg->ttl;
}

void
flow_compile(const struct flow_spec *spec, const struct ports *ports, const uint16_t *hops,
	struct dp_flow *flow, struct dp_leg *legs)
{
	const struct flow_match *match = &spec->match;
	struct dp_flow_key *key = &flow->key;
	unsigned i;

	memset(flow, 0, sizeof(*flow));
	memcpy(key->src, match->src, sizeof(key->src));
	memcpy(key->dst, match->dst, sizeof(key->dst));
	key->src_port = match->src_port;
	key->dst_port = match->dst_port;
	key->port = (uint16_t)ports_find(ports, match->port);
	key->vlan = match->vlan;
	key->family = match->family;
	key->any_source = match->any_source;
	for (i = 0; i < spec->n_legs; i++)
		leg_compile(&spec->legs[i], hops[i], &legs[i]);
	flow->n_legs = spec->n_legs;
	flow->legs = legs;
}

static int
port_check(const struct ports *ports, const char *name, struct fault *fault)
{
	int port = ports_find(ports, name);

	if (port < 0)
		fault_set(fault, FAULT_NOT_FOUND, "/port",
			"found %s, expected the name of a port as port.list gives it", name);
	return port;
}

static int
leg_check(const struct flow_spec *spec, unsigned i, const struct ports *ports, struct fault *fault)
{
	const struct flow_leg *leg = &spec->legs[i];
	int port = port_check(ports, leg->port, fault);

	if (port < 0)
		return -1;
	if (ports->info[port].ifindex != 0 || leg->hop == FLOW_HOP_MAC)
		return 0;
	if (leg->hop == FLOW_HOP_ROUTE &&
		address_kind(spec->match.family, leg->dst) == ADDRESS_MULTICAST)
		return 0;
	return fault_set(fault, FAULT_INVALID_VALUE, "/mac",
		"found none, expected the next hop's address, "
		"as port %s has no kernel interface with neighbours",
		leg->port);
}

int
flow_ports_check(const struct flow_spec *spec, const struct ports *ports, struct fault *fault)
{
	unsigned i;

	if (port_check(ports, spec->match.port, fault) < 0) {
		fault_prefix(fault, "/match");
		return -1;
	}
	for (i = 0; i < spec->n_legs; i++) {
		if (leg_check(spec, i, ports, fault) < 0) {
			fault_prefix(fault, "/legs/%u", i);
			return -1;
		}
	}
	return 0;
}
