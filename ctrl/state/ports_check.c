/* SPDX-License-Identifier: BSD-3-Clause */
/* Every port by its name: that it is there, and that a leg can find its next hop on it. */
#include "base/addr.h"
#include "state/compile.h"

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
	if (leg->hop == FLOW_HOP_ROUTE && address_kind(leg->family, leg->dst) == ADDRESS_MULTICAST)
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

	if (ingress_check(spec, ports, fault) < 0 ||
		legs_ports_check(spec->legs, spec->n_legs, ports, fault) < 0)
		return -1;
	for (i = 0; i < spec->n_streams; i++) {
		const struct flow_stream *stream = &spec->streams[i];

		if (legs_ports_check(&spec->legs[stream->first_leg], stream->n_legs, ports, fault) <
			0) {
			fault_prefix(fault, "/streams/%u", i);
			return -1;
		}
	}
	return 0;
}
