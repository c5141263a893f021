/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The bits of features are numbered differently in each kernel: ETH_SS_FEATURES has their names, in
 * the order of the bits. A driver may accept a change and not make it, so they are read again.
 */
#include "net/vlan_tags.h"

#include <errno.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/ethtool.h>
#include <linux/sockios.h>

#include "net/netlink.h"

#define BLOCKS_MAX 8 /* 256 features; Linux 6.12 has less than 64 */
#define BLOCK_BITS 32

static int
ethtool(const char *iface, void *command)
{
	struct ifreq request = {.ifr_data = command};

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", iface);
	return interface_query(0, SIOCETHTOOL, &request);
}

/* How many features the kernel has, or a negative errno. */
static int
features_count(const char *iface)
{
	union {
		struct ethtool_sset_info head;
		char room[sizeof(struct ethtool_sset_info) + sizeof(uint32_t)];
	} sets = {.room = {0}};
	int ret;

	sets.head.cmd = ETHTOOL_GSSET_INFO;
	sets.head.sset_mask = 1ULL << ETH_SS_FEATURES;
	ret = ethtool(iface, &sets);
	if (ret < 0)
		return ret;
	if (sets.head.sset_mask == 0 || sets.head.data[0] > BLOCKS_MAX * BLOCK_BITS)
		return -EPROTO;
	return (int)sets.head.data[0];
}

/* Set the bits of the features that take tags out of frames. Returns the number of features. */
static int
tag_features_find(const char *iface, uint32_t bits[BLOCKS_MAX])
{
	const int n = features_count(iface);
	struct ethtool_gstrings *names;
	int ret, i;

	if (n < 0)
		return n;
	names = calloc(1, sizeof(*names) + (size_t)n * ETH_GSTRING_LEN);
	if (!names)
		return -ENOMEM;
	names->cmd = ETHTOOL_GSTRINGS;
	names->string_set = ETH_SS_FEATURES;
	names->len = (uint32_t)n;
	ret = ethtool(iface, names);
	memset(bits, 0, BLOCKS_MAX * sizeof(*bits));
	for (i = 0; ret == 0 && i < n; i++) {
		const char *name = (const char *)&names->data[i * ETH_GSTRING_LEN];

		/* The first is rx-vlan-offload in ethtool(8). */
		if (strcmp(name, "rx-vlan-hw-parse") == 0 ||
			strcmp(name, "rx-vlan-stag-hw-parse") == 0)
			bits[i / BLOCK_BITS] |= 1U << i % BLOCK_BITS;
	}
	free(names);
	return ret < 0 ? ret : n;
}

/* 1: one of them is on; 0: none is; or a negative errno. */
static int
features_are_on(const char *iface, const uint32_t bits[BLOCKS_MAX])
{
	union {
		struct ethtool_gfeatures head;
		char room[sizeof(struct ethtool_gfeatures) +
			  BLOCKS_MAX * sizeof(struct ethtool_get_features_block)];
	} found = {.room = {0}};
	int ret;

	found.head.cmd = ETHTOOL_GFEATURES;
	found.head.size = BLOCKS_MAX;
	ret = ethtool(iface, &found);
	for (unsigned i = 0; i < BLOCKS_MAX && ret == 0; i++)
		ret = (found.head.features[i].active & bits[i]) != 0;
	return ret;
}

static int
features_turn_off(const char *iface, const uint32_t bits[BLOCKS_MAX], unsigned n_blocks)
{
	union {
		struct ethtool_sfeatures head;
		char room[sizeof(struct ethtool_sfeatures) +
			  BLOCKS_MAX * sizeof(struct ethtool_set_features_block)];
	} change = {.room = {0}};

	change.head.cmd = ETHTOOL_SFEATURES;
	change.head.size = n_blocks;
	for (unsigned i = 0; i < n_blocks; i++)
		change.head.features[i].valid = bits[i];
	return ethtool(iface, &change);
}

int
vlan_tags_keep(const char *iface, char *error, size_t error_size)
{
	uint32_t bits[BLOCKS_MAX];
	const int n = tag_features_find(iface, bits);
	int was_on = n < 0 ? n : features_are_on(iface, bits), is_on = was_on;

	if (was_on == 1) {
		is_on = features_turn_off(iface, bits, ((unsigned)n + BLOCK_BITS - 1) / BLOCK_BITS);
		if (is_on == 0)
			is_on = features_are_on(iface, bits);
	}
	if (is_on == 0)
		return was_on;
	if (was_on < 0)
		snprintf(error, error_size, "interface %s: cannot read its features: %s", iface,
			strerror(-was_on));
	else
		snprintf(error, error_size,
			"interface %s: found rx-vlan-offload on, expected off, and turning it off "
			"failed: %s; frames of a VLAN would match flows without a VLAN",
			iface, is_on < 0 ? strerror(-is_on) : "its driver keeps it on");
	return is_on < 0 ? is_on : -EOPNOTSUPP;
}
