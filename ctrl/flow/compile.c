/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow/compile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"

/* Every port by its name: that it is there, and that a leg can find its next hop on it. */

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
leg_check(const struct flow_leg *leg, const struct ports *ports, struct fault *fault)
{
	int port = port_check(ports, leg->port, fault);

	if (port < 0)
		return -1;
	if (ports->info[port].ifindex != 0 || leg->hop == FLOW_HOP_MAC)
		return 0;
	if (leg->hop == FLOW_HOP_ROUTE &&
		address_kind(leg->dp.family, leg->dp.dst) == ADDRESS_MULTICAST)
		return 0;
	return fault_set(fault, FAULT_INVALID_VALUE, "/mac",
		"found none, expected the next hop's address, "
		"as port %s has no kernel interface with neighbours",
		leg->port);
}

int
legs_ports_check(
	const struct flow_leg *legs, size_t n, const struct ports *ports, struct fault *fault)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (leg_check(&legs[i], ports, fault) < 0) {
			fault_prefix(fault, "/legs/%zu", i);
			return -1;
		}
	}
	return 0;
}

static int
ingress_check(const struct flow_spec *spec, const struct ports *ports, struct fault *fault)
{
	const char *name = spec->rule ? spec->rule->port : spec->match.port;

	if (spec->rule && name[0] == '\0')
		return 0;
	if (port_check(ports, name, fault) >= 0)
		return 0;
	fault_prefix(fault, spec->rule ? "/rule" : "/match");
	return -1;
}

int
flow_ports_check(const struct flow_spec *spec, const struct ports *ports, struct fault *fault)
{
	unsigned i;

	if (ingress_check(spec, ports, fault) < 0)
		return -1;
	for (i = 0; i < spec->n_all_legs; i++) {
		if (leg_check(&spec->legs[i], ports, fault) < 0) {
			leg_path_prefix(spec, i, fault);
			return -1;
		}
	}
	return 0;
}

void
compiled_init(struct compiled *compiled)
{
	memset(compiled, 0, sizeof(*compiled));
}

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

static void
key_compile(const struct flow_match *match, const struct ports *ports, struct dp_flow_key *key)
{
	memcpy(key->src, match->src, sizeof(key->src));
	memcpy(key->dst, match->dst, sizeof(key->dst));
	key->src_port = match->src_port;
	key->dst_port = match->dst_port;
	key->port = (uint16_t)ports_find(ports, match->port);
	key->vlan = match->vlan;
	key->outer_vlan = match->outer_vlan;
	key->any_source = match->any_source;
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
	flow->key.family = spec->match.family;
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
		key_compile(&spec->match, ports, &flow->key);
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
