/* SPDX-License-Identifier: BSD-3-Clause */
/* One struct steer a shared port; a flow becomes a key of local address, local port and VLAN. */
#include "state/steering.h"

#include <net/if.h>
#include <string.h>

#include "net/steer.h"

int
steering_clean(const struct config *config, struct fault *fault)
{
	char error[256];
	unsigned i;

	for (i = 0; i < config->n_ports; i++) {
		const char *iface = config->steered[i];
		unsigned ifindex;

		if (iface[0] == '\0')
			continue;
		ifindex = if_nametoindex(iface);
		if (ifindex == 0)
			return fault_set(fault, FAULT_NOT_FOUND, "",
				"port %s: no interface %s here", config->ports[i].name, iface);
		if (steer_clean(ifindex, error, sizeof(error)) < 0)
			return fault_set(fault, FAULT_CONFLICT, "", "port %s: %s",
				config->ports[i].name, error);
	}
	return 0;
}

int
steering_init(struct steering *steering, const struct config *config, const struct ports *ports,
	struct fault *fault)
{
	memset(steering, 0, sizeof(*steering));
	for (; steering->n < ports->n; steering->n++) {
		const struct dp_port_info *info = &ports->info[steering->n];
		int rc;

		if (config->steered[steering->n][0] == '\0')
			continue;
		rc = steer_open(info->ifindex, &steering->steers[steering->n]);
		if (rc < 0) {
			steering_fini(steering);
			return fault_set(fault, FAULT_INTERNAL, "",
				"port %s: cannot open the steering maps of interface %s: %s",
				info->name, config->steered[steering->n], strerror(-rc));
		}
	}
	return 0;
}

void
steering_fini(struct steering *steering)
{
	while (steering->n-- > 0) {
		if (steering->steers[steering->n])
			steer_close(steering->steers[steering->n]);
	}
	steering->n = 0;
}

static void
key_make(const struct flow_match *match, struct steer_key *key)
{
	memset(key, 0, sizeof(*key));
	memcpy(key->addr, match->dst, sizeof(key->addr));
	key->port = match->dst_port;
	key->vlan = match->vlan;
	key->family = match->family;
}

int
steering_add(struct steering *steering, unsigned port, const struct flow_match *match)
{
	struct steer_key key;

	if (!steering->steers[port])
		return 0;
	key_make(match, &key);
	return steer_add(steering->steers[port], &key);
}

int
steering_del(struct steering *steering, unsigned port, const struct flow_match *match)
{
	struct steer_key key;

	if (!steering->steers[port])
		return 0;
	key_make(match, &key);
	return steer_del(steering->steers[port], &key);
}
