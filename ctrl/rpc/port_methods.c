/* SPDX-License-Identifier: BSD-3-Clause */
/* The ports as they are now, in the order of the configuration. */
#include "rpc/port_methods.h"

#include <net/if.h>

#include "base/addr.h"
#include "rpc/methods.h"

static json_t *
port_encode(const struct dp *dp, unsigned port)
{
	char mac[MAC_TEXT_MAX], netdev[IF_NAMESIZE];
	struct dp_port_info info;
	const char *name;

	if (dp_port_info_get(dp, port, &info) < 0)
		return NULL;
	mac_format(info.mac, mac);
	name = info.ifindex ? if_indextoname(info.ifindex, netdev) : NULL;
	return json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:s?, s:i, s:b, s:I, s:b, s:s*}", "name",
		info.name, "devargs", info.devargs, "driver", info.driver, "mac", mac, "mtu",
		info.mtu, "socket", info.socket, "netdev", name, "rx_queues", info.rx_queues,
		"link_up", port_link_up(&info), "link_mbps", (json_int_t)info.link_mbps,
		"shares_payload", info.shares_payload, "hint", port_hint(&info));
}

json_t *
port_list(void *ctx, struct rpc_call *call, json_t *params, struct fault *fault)
{
	const struct methods_context *context = ctx;
	json_t *ports = json_array();
	unsigned i;

	(void)call;
	(void)params;
	for (i = 0; i < dp_port_count(context->dp); i++) {
		if (json_array_append_new(ports, port_encode(context->dp, i)) < 0) {
			json_decref(ports);
			fault_set(fault, FAULT_INTERNAL, "", "port %u cannot be described", i);
			return NULL;
		}
	}
	return json_pack("{s:o}", "ports", ports);
}
