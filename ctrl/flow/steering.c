/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One struct steer a shared port. A flow becomes a key of local address, local port and VLANs; a
 * rule becomes a range.
 */
#include "flow/steering.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <linux/if_ether.h>
#include <uthash.h>

#include "base/log.h"
#include "net/netlink.h"
#include "net/vlan_tags.h"
#include "net/xdp_steer.h"

static_assert(STEERING_RULES_MAX == STEER_RANGES_MAX, "a rule becomes a range");

/* 0, or a negative errno and a sentence for people in *error. */
static int
tags_keep(const char *port, const char *iface, char *error, size_t error_size)
{
	const int ret = vlan_tags_keep(iface, error, error_size);

	if (ret > 0)
		log_line("port %s: turned rx-vlan-offload of interface %s off: the NIC leaves VLAN "
			 "tags in the frames",
			port, iface);
	return ret < 0 ? ret : 0;
}

/* Of the members of a bond, whose interfaces are the bond's alone. */
static int
members_tags_keep(const struct dp_port_config *port, char *error, size_t error_size)
{
	char iface[IF_NAMESIZE];
	int ret = 0;

	for (unsigned i = 0; i < port->n_members && ret == 0; i++) {
		if (devargs_is_af_xdp(port->members[i]) &&
			devargs_value(port->members[i], "iface", iface, sizeof(iface)))
			ret = tags_keep(port->name, iface, error, error_size);
	}
	return ret;
}

int
steering_prepare(const struct config *config, struct fault *fault)
{
	char error[256];
	unsigned i;
	int ret;

	for (i = 0; i < config->dp.n_ports; i++) {
		const char *iface = config->steered[i];

		ret = members_tags_keep(&config->ports[i], error, sizeof(error));
		if (iface[0] != '\0' && ret == 0)
			ret = steer_clean(iface, error, sizeof(error));
		if (iface[0] != '\0' && ret == 0)
			ret = tags_keep(config->ports[i].name, iface, error, sizeof(error));
		if (ret < 0)
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
	steering->ports = ports;
	for (; steering->n < ports->n; steering->n++) {
		const struct dp_port_info *info = &ports->info[steering->n];
		int rc;

		if (config->steered[steering->n][0] == '\0')
			continue;
		steering->punts[steering->n] = config->ports[steering->n].punt_unmatched;
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
program_follow(struct steering *steering, unsigned port)
{
	const char *name = steering->ports->info[port].name;
	const int ret = steer_follow_program(steering->steers[port]);
	const bool was_lost = steering->lost[port];

	steering->lost[port] = ret == -EBUSY;
	if (ret == 1)
		log_line("port %s: the steering program was taken off its interface, and is "
			 "attached again",
			name);
	else if (ret == -EBUSY && !was_lost)
		log_line("warning: port %s: %s", name, steering_hint(steering, port));
}

const char *
steering_hint(const struct steering *steering, unsigned port)
{
	return steering->lost[port] ? "another XDP program is on its interface: no packets are "
				      "received; take it off (ip link set INTERFACE xdp off), "
				      "sluiced then attaches its own again"
				    : NULL;
}

void
steering_link_changed(struct steering *steering, unsigned ifindex)
{
	char iface[IF_NAMESIZE], error[256];
	unsigned i;

	for (i = 0; i < steering->n; i++) {
		const struct dp_port_info *port = &steering->ports->info[i];

		if (!steering->steers[i] || (ifindex != 0 && port->ifindex != ifindex))
			continue;
		steer_follow_mac(steering->steers[i]);
		program_follow(steering, i);
		if (if_indextoname(port->ifindex, iface) &&
			tags_keep(port->name, iface, error, sizeof(error)) < 0)
			log_line("warning: port %s: %s", port->name, error);
	}
}

/*
 * Which frames the kernel takes for the VLAN interface's, beside those to the port's own MAC
 * address. False: none, or it is not on the port.
 */
static bool
vlan_mac_make(const struct dp_port_info *port, const struct link_vlans *vlans,
	const struct link_vlan *vlan, struct steer_mac *mac)
{
	const struct link_vlan *outer =
		vlan->parent == port->ifindex ? NULL : link_vlan_find(vlans, vlan->parent);

	if (vlan->parent != port->ifindex && (!outer || outer->parent != port->ifindex))
		return false;
	if (memcmp(vlan->mac, port->mac, sizeof(vlan->mac)) == 0)
		return false;
	memset(mac, 0, sizeof(*mac));
	memcpy(mac->mac, vlan->mac, sizeof(mac->mac));
	if (outer)
		mac->outer_vlan = outer->id;
	*(outer || vlan->tpid == ETH_P_8021Q ? &mac->vlan : &mac->outer_vlan) = vlan->id;
	return true;
}

void
steering_vlans_changed(const struct steering *steering, const struct link_vlans *vlans)
{
	struct steer_mac *macs = calloc(vlans->n + 1, sizeof(*macs));
	unsigned i;
	size_t k;

	for (i = 0; macs && i < steering->n; i++) {
		const struct dp_port_info *port = &steering->ports->info[i];
		unsigned n = 0;
		int ret;

		for (k = 0; steering->steers[i] && k < vlans->n; k++)
			n += vlan_mac_make(port, vlans, &vlans->vlan[k], &macs[n]);
		ret = steering->steers[i] ? steer_set_vlan_macs(steering->steers[i], macs, n) : 0;
		if (ret < 0)
			log_line("warning: port %s: frames to the MAC addresses of VLAN interfaces "
				 "pass to the kernel: %s",
				port->name, ret == -E2BIG ? "there are too many" : strerror(-ret));
	}
	free(macs);
}

static void
key_make(const struct flow_match *match, struct steer_key *key)
{
	memset(key, 0, sizeof(*key));
	memcpy(key->addr, match->key.dst, sizeof(key->addr));
	key->port = match->key.dst_port;
	key->vlan = match->key.vlan;
	key->outer_vlan = match->key.outer_vlan;
	key->family = match->key.family;
}

static void
end_make(const uint8_t address[16], uint16_t port, struct steer_end *end)
{
	memset(end, 0, sizeof(*end));
	memcpy(end->addr, address, sizeof(end->addr));
	end->port = port;
}

/* The words that a prefix leaves open are zero in both. */
static void
prefix_make(const uint8_t address[16], unsigned bits, uint32_t value[4], uint32_t mask[4])
{
	unsigned i;

	memcpy(value, address, 16);
	for (i = 0; i < 4; i++) {
		const unsigned word = bits >= 32 * (i + 1) ? 32 : bits > 32 * i ? bits - 32 * i : 0;

		mask[i] = word ? htonl(UINT32_MAX << (32 - word)) : 0;
		value[i] &= mask[i];
	}
}

static void
vlan_make(uint16_t vlan, uint16_t *value, uint16_t *mask)
{
	*mask = vlan == DP_RULE_ANY ? 0 : UINT16_MAX;
	*value = vlan & *mask;
}

static void
range_make(const struct dp_rule *rule, struct steer_range *range)
{
	memset(range, 0, sizeof(*range));
	prefix_make(rule->dst, rule->dst_bits, range->dst, range->dst_mask);
	prefix_make(rule->src, rule->src_bits, range->src, range->src_mask);
	range->dst_port_first = rule->dst_port_first;
	range->dst_port_last = rule->dst_port_last;
	range->src_port_first = rule->src_port_first;
	range->src_port_last = rule->src_port_last;
	vlan_make(rule->vlan, &range->vlan, &range->vlan_mask);
	vlan_make(rule->outer_vlan, &range->outer_vlan, &range->outer_vlan_mask);
	range->family = rule->family;
}

/* Hashed as bytes. */
struct steering_what {
	uint32_t port;
	uint32_t is_range;
	union {
		struct steer_key key;
		struct steer_range range;
	};
};

static void
what_make(const struct flow_spec *spec, struct steering_what *what)
{
	memset(what, 0, sizeof(*what));
	what->is_range = spec->rule != NULL;
	if (spec->rule)
		range_make(&spec->rule->rule, &what->range);
	else
		key_make(&spec->match, &what->key);
}

/* Whether a flow is to be steered on that port. */
static bool
spec_is_on(const struct steering *steering, const struct flow_spec *spec, unsigned port)
{
	const char *name = spec->rule ? spec->rule->port : spec->match.port;

	return steering->steers[port] &&
	       (name[0] == '\0' || strcmp(name, steering->ports->info[port].name) == 0);
}

/* The source that a match names, in *end; `other` when it names none, or all are wanted. */
static const struct steer_end *
source_make(const struct steering *steering, const struct flow_match *match, unsigned port,
	const struct steer_end *other, struct steer_end *end)
{
	end_make(match->key.src, match->key.src_port, end);
	return match->key.any_source || steering->punts[port] ? other : end;
}

/* From the ports before `end`; the error is that of the last to refuse. */
static int
ports_del(struct steering *steering, unsigned end, const struct flow_spec *spec,
	const struct steer_end *only)
{
	struct steering_what what;
	struct steer_end source;
	int rc, ret = 0;

	what_make(spec, &what);
	while (end-- > 0) {
		if (!spec_is_on(steering, spec, end))
			continue;
		rc = spec->rule ? steer_del_range(steering->steers[end], &what.range)
				: steer_del(steering->steers[end], &what.key,
					  source_make(steering, &spec->match, end, only, &source));
		ret = rc < 0 ? rc : ret;
	}
	return ret;
}

int
steering_add(struct steering *steering, const struct flow_spec *spec)
{
	struct steering_what what;
	struct steer_end source;
	unsigned i;
	int rc;

	what_make(spec, &what);
	for (i = 0; i < steering->n; i++) {
		if (!spec_is_on(steering, spec, i))
			continue;
		rc = spec->rule ? steer_add_range(steering->steers[i], &what.range)
				: steer_add(steering->steers[i], &what.key,
					  source_make(steering, &spec->match, i, NULL, &source));
		if (rc < 0) {
			ports_del(steering, i, spec, NULL);
			return rc;
		}
	}
	return 0;
}

int
steering_del(struct steering *steering, const struct flow_spec *spec, const struct steer_end *only)
{
	return ports_del(steering, steering->n, spec, only);
}

int
steering_narrow(struct steering *steering, const struct flow_spec *spec,
	const struct dp_latched *source, struct steer_end *only)
{
	struct steer_key key;
	unsigned i;

	key_make(&spec->match, &key);
	end_make(source->src, source->src_port, only);
	for (i = 0; i < steering->n; i++) {
		if (spec_is_on(steering, spec, i) && !steering->punts[i])
			return steer_narrow(steering->steers[i], &key, only);
	}
	return -EPERM;
}

struct steering_want {
	UT_hash_handle hh;
	struct steering_what what;
};

/* Count it in *n unless it is wanted already. 0 or -ENOMEM. */
static int
want_add(struct steering_wants *wants, const struct steering_what *what, unsigned *n)
{
	struct steering_want *want;

	HASH_FIND(hh, wants->all, what, sizeof(*what), want);
	if (want)
		return 0;
	want = calloc(1, sizeof(*want));
	if (!want)
		return -ENOMEM;
	want->what = *what;
	HASH_ADD(hh, wants->all, what, sizeof(want->what), want);
	if (!want->hh.tbl) {
		free(want);
		return -ENOMEM;
	}
	(*n)++;
	return 0;
}

int
steering_want(const struct steering *steering, struct steering_wants *wants,
	const struct flow_spec *spec, size_t n_changes, struct fault *fault)
{
	struct steering_what what;
	unsigned i;
	int rc = 0;

	what_make(spec, &what);
	for (i = 0; i < steering->n && rc == 0; i++) {
		const struct steer *steer = steering->steers[i];

		/* Keys need not be counted where all changes have room in any case. */
		if (!spec_is_on(steering, spec, i) ||
			(!spec->rule && steer_key_count(steer) + n_changes <= STEER_KEYS_MAX))
			continue;
		what.port = i;
		rc = spec->rule ? steer_has_range(steer, &what.range) : steer_has(steer, &what.key);
		if (rc == 0)
			rc = want_add(
				wants, &what, spec->rule ? &wants->n_ranges[i] : &wants->n_keys[i]);
		else if (rc > 0)
			rc = 0;
	}
	if (rc == 0)
		return 0;
	return fault_set(fault, rc == -ENOMEM ? FAULT_NO_ROOM : FAULT_INTERNAL, "",
		"cannot count the steering entries: %s", strerror(-rc));
}

int
steering_wants_check(
	const struct steering *steering, const struct steering_wants *wants, struct fault *fault)
{
	const struct ports *ports = steering->ports;
	unsigned i;

	for (i = 0; i < steering->n; i++) {
		const struct steer *steer = steering->steers[i];

		if (!steer)
			continue;
		if (steer_key_count(steer) + wants->n_keys[i] > STEER_KEYS_MAX)
			return fault_set(fault, FAULT_NO_ROOM, "/match/dst",
				"found %u different local addresses, ports and VLANs on port "
				"%s, including those of flows that this change removes, "
				"expected at most %u",
				steer_key_count(steer) + wants->n_keys[i], ports->info[i].name,
				STEER_KEYS_MAX);
		if (steer_range_count(steer) + wants->n_ranges[i] > STEER_RANGES_MAX)
			return fault_set(fault, FAULT_NO_ROOM, "/rule",
				"found %u different rules on port %s, including those of flows "
				"that this change removes, expected at most %u",
				steer_range_count(steer) + wants->n_ranges[i], ports->info[i].name,
				STEER_RANGES_MAX);
	}
	return 0;
}

void
steering_wants_fini(struct steering_wants *wants)
{
	struct steering_want *want, *next;

	HASH_ITER(hh, wants->all, want, next)
	{
		HASH_DELETE(hh, wants->all, want);
		free(want);
	}
	memset(wants, 0, sizeof(*wants));
}

#define COUNT_PASSED(name, help) [STEER_COUNT_##name] = {"passed", #name, 0},
#define COUNT_DROPPED(name, help) [STEER_COUNT_##name] = {"dropped", #name, 0},
static const struct steering_count count_names[STEER_COUNTS] = {
	[STEER_COUNT_steered] = {"steered", NULL, 0},
	STEER_PASSED(COUNT_PASSED) STEER_DROPPED(COUNT_DROPPED)};
#undef COUNT_PASSED
#undef COUNT_DROPPED
static_assert(STEER_COUNTS <= STEERING_COUNTS_MAX, "all counts have room");

int
steering_counts(const struct steering *steering, unsigned port,
	struct steering_count counts[STEERING_COUNTS_MAX])
{
	struct steer_tally tally;
	unsigned i;
	int ret;

	if (!steering->steers[port])
		return 0;
	ret = steer_tally_read(steering->steers[port], &tally);
	if (ret < 0)
		return ret;
	memcpy(counts, count_names, sizeof(count_names));
	for (i = 0; i < STEER_COUNTS; i++)
		counts[i].packets = tally.packets[i];
	return STEER_COUNTS;
}
