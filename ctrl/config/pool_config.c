/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/pool_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/escape.h"
#include "base/log.h"
#include "schema/flow_files.h"

#define PORT_RANGE "/proc/sys/net/ipv4/ip_local_port_range"
#define RESERVED_PORTS "/proc/sys/net/ipv4/ip_local_reserved_ports"
#define RESERVED_TEXT_MAX 65536
#define FLOW_WARNINGS_MAX 8 /* of one pool: more are only counted */

static int
address_read(struct pool_config *pool, const char *text, struct fault *fault)
{
	uint8_t *bytes = pool->addresses[pool->n_addresses];
	const uint8_t family = address_parse(text, bytes);
	const enum address_kind kind = address_kind(family, bytes);
	unsigned i;

	if (kind != ADDRESS_UNICAST)
		return fault_set(fault, FAULT_INVALID_VALUE, "",
			"found %s address %s (%s), expected a unicast address",
			address_kind_name(kind), text, address_kind_rule(kind));
	if (pool->family && family != pool->family)
		return fault_set(fault, FAULT_INVALID_VALUE, "",
			"family mismatch: found IPv%u, expected IPv%u as in addresses/0; use a "
			"pool for each family",
			family, pool->family);
	for (i = 0; i < pool->n_addresses; i++) {
		if (memcmp(pool->addresses[i], bytes, sizeof(pool->addresses[i])) == 0)
			return fault_set(fault, FAULT_INVALID_VALUE, "",
				"found %s twice, expected each address once", text);
	}
	pool->family = family;
	pool->n_addresses++;
	return 0;
}

static int
addresses_read(struct pool_config *pool, const json_t *list, struct fault *fault)
{
	const json_t *address;
	size_t i;

	json_array_foreach (list, i, address) {
		if (address_read(pool, json_string_value(address), fault) == 0)
			continue;
		fault_prefix(fault, "/addresses/%zu", i);
		return -1;
	}
	return 0;
}

static int
ports_check(const struct pool_config *pool, struct fault *fault)
{
	if (pool->first > pool->last)
		return fault_set(fault, FAULT_INVALID_VALUE, "/ports",
			"found first %u above last %u, which is an empty range, expected the "
			"lower one first",
			pool->first, pool->last);
	if (pool->pairs && pool->first % 2 != 0)
		return fault_set(fault, FAULT_INVALID_VALUE, "/ports/0",
			"found %u, expected an even port, as the RTP port of a pair is even "
			"(RFC 3550, 11)",
			pool->first);
	if (pool->pairs && pool->last % 2 == 0)
		return fault_set(fault, FAULT_INVALID_VALUE, "/ports/1",
			"found %u, expected an odd port, so that it ends the last pair",
			pool->last);
	return 0;
}

/* An address that both pools have; NULL: there is none. */
static const uint8_t *
address_shared(const struct pool_config *a, const struct pool_config *b)
{
	unsigned i, k;

	for (i = 0; a->family == b->family && i < a->n_addresses; i++) {
		for (k = 0; k < b->n_addresses; k++) {
			if (memcmp(a->addresses[i], b->addresses[k], 16) == 0)
				return a->addresses[i];
		}
	}
	return NULL;
}

static int
pool_check(const struct pool_config *pools, unsigned number, struct fault *fault)
{
	const struct pool_config *pool = &pools[number];
	char text[ADDRESS_TEXT_MAX];
	const uint8_t *address;
	unsigned i;

	for (i = 0; i < number; i++) {
		if (strcmp(pools[i].name, pool->name) == 0)
			return fault_set(fault, FAULT_INVALID_VALUE, "/name",
				"found %s, which is the name of /pools/%u, expected a different "
				"name",
				pool->name, i);
		address = address_shared(&pools[i], pool);
		if (!address || pools[i].first > pool->last || pools[i].last < pool->first)
			continue;
		address_format(pool->family, address, text);
		return fault_set(fault, FAULT_CONFLICT, "/ports",
			"found %u to %u, which overlaps pool %s (%u to %u) at %s, expected "
			"ports that no other pool has",
			pool->first, pool->last, pools[i].name, pools[i].first, pools[i].last,
			text);
	}
	return 0;
}

static int
pool_read(const json_t *json, struct pool_config *pool, struct fault *fault)
{
	const json_t *ports = json_object_get(json, "ports");

	*pool = (struct pool_config){
		.name = json_string_value(json_object_get(json, "name")),
		.first = (uint16_t)json_integer_value(json_array_get(ports, 0)),
		.last = (uint16_t)json_integer_value(json_array_get(ports, 1)),
		.pairs = json_is_true(json_object_get(json, "pairs")),
		.quarantine_s = (uint32_t)json_integer_value(json_object_get(json, "quarantine_s")),
	};
	if (addresses_read(pool, json_object_get(json, "addresses"), fault) < 0)
		return -1;
	return ports_check(pool, fault);
}

int
pool_configs_read(const json_t *document, struct pool_config pools[POOLS_MAX], unsigned *n,
	struct fault *fault)
{
	const json_t *list = json_object_get(document, "pools"), *json;
	size_t i;

	json_array_foreach (list, i, json) {
		if (pool_read(json, &pools[i], fault) < 0 ||
			pool_check(pools, (unsigned)i, fault) < 0) {
			fault_prefix(fault, "/pools/%zu", i);
			return -1;
		}
	}
	*n = (unsigned)i;
	return 0;
}

/* Ports from `first` to `last` that "1-2,5,7-9" has. */
static unsigned
listed_count(const char *list, unsigned first, unsigned last)
{
	unsigned from, to, n = 0;
	char *end;

	for (; *list; list = *end == ',' ? end + 1 : end) {
		from = to = (unsigned)strtoul(list, &end, 10);
		if (end == list)
			break;
		if (*end == '-')
			to = (unsigned)strtoul(end + 1, &end, 10);
		from = from < first ? first : from;
		to = to > last ? last : to;
		n += from <= to ? to - from + 1 : 0;
	}
	return n;
}

unsigned
pool_config_ephemeral(const struct pool_config *pool, const char *range, const char *reserved)
{
	unsigned first, last;

	if (sscanf(range, "%u %u", &first, &last) != 2)
		return 0;
	first = first < pool->first ? pool->first : first;
	last = last > pool->last ? pool->last : last;
	return first > last ? 0 : last - first + 1 - listed_count(reserved, first, last);
}

/* "" when it cannot be read. */
static void
file_read(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "re");
	size_t n = 0;

	if (file) {
		n = fread(text, 1, size - 1, file);
		fclose(file);
	}
	text[n] = '\0';
}

static void
ephemeral_warn(const struct pool_config *pools, unsigned n_pools)
{
	static char reserved[RESERVED_TEXT_MAX];
	char range[64];
	unsigned i, n;

	file_read(PORT_RANGE, range, sizeof(range));
	file_read(RESERVED_PORTS, reserved, sizeof(reserved));
	range[strcspn(range, "\n")] = '\0';
	for (i = 0; i < n_pools; i++) {
		n = pool_config_ephemeral(&pools[i], range, reserved);
		if (n == 0)
			continue;
		log_line("warning: pool %s: %u port%s of %u to %u may be given to sockets of this "
			 "host, whose packets are then forwarded as those of a flow; set "
			 "net.ipv4.ip_local_reserved_ports=%u-%u, or choose ports outside of "
			 "net.ipv4.ip_local_port_range",
			pools[i].name, n, plural_s(n), pools[i].first, pools[i].last,
			pools[i].first, pools[i].last);
	}
}

/* The pool of a local place, NULL: none. */
static const struct pool_config *
place_pool(
	const struct pool_config *pools, unsigned n, const json_t *address, const json_t *udp_port)
{
	const char *dst = json_string_value(address);
	const json_int_t port = json_integer_value(udp_port);
	struct pool_config one = {.n_addresses = 1};
	unsigned i;

	if (!dst)
		return NULL;
	one.family = address_parse(dst, one.addresses[0]);
	for (i = 0; i < n; i++) {
		if (port >= pools[i].first && port <= pools[i].last &&
			address_shared(&one, &pools[i]))
			return &pools[i];
	}
	return NULL;
}

static bool
pool_exists(const struct pool_config *pools, unsigned n, const char *name)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		if (strcmp(pools[i].name, name) == 0)
			return true;
	}
	return false;
}

/* Whether it is one of the first, which are logged. */
static bool
is_logged(unsigned *n_warned)
{
	return ++*n_warned <= FLOW_WARNINGS_MAX;
}

/* Of the flow or relay, the member that has a local address and port by these names, or a pool. */
static void
place_warn(const struct pool_config *pools, unsigned n, const json_t *item, const char *member,
	const char *address, unsigned *n_warned)
{
	const char *noun = flow_files_is_relay(item) ? "relay" : "flow";
	const char *id = json_string_value(json_object_get(item, "id"));
	const json_t *place = json_object_get(item, member);
	const char *name = json_string_value(json_object_get(place, "pool"));
	const struct pool_config *pool;
	char port[16];

	snprintf(port, sizeof(port), "%s_port", address);
	pool = place_pool(pools, n, json_object_get(place, address), json_object_get(place, port));
	if (!name && pool && is_logged(n_warned))
		log_line("warning: %s %s of the files in state.flows has a port of pool %s, "
			 "which is not given to others while the %s is there",
			noun, id, pool->name, noun);
	if (name && !pool_exists(pools, n, name) && is_logged(n_warned))
		log_line("warning: %s %s of the files in state.flows: /%s/pool: found %s, "
			 "expected the name of a pool",
			noun, id, member, name);
}

void
pool_configs_warn(const struct pool_config *pools, unsigned n, const char *path)
{
	struct flow_files *files;
	struct fault fault;
	unsigned n_warned = 0;
	json_t *item;
	size_t i;

	if (n == 0)
		return;
	ephemeral_warn(pools, n);
	files = path[0] ? flow_files_load(path, &fault) : NULL;
	if (!files)
		return;
	json_array_foreach (flow_files_items(files), i, item) {
		place_warn(pools, n, item, "match", "dst", &n_warned);
		place_warn(pools, n, item, "a", "local", &n_warned);
		place_warn(pools, n, item, "b", "local", &n_warned);
	}
	if (n_warned > FLOW_WARNINGS_MAX)
		log_line("warning: the same holds for %u more flows or sides of these files",
			n_warned - FLOW_WARNINGS_MAX);
	flow_files_destroy(files);
}
