/* SPDX-License-Identifier: BSD-3-Clause */
/* A kernel of plain memory behind net/net.h, net/xdp_steer.h and net/vlan_tags.h. */
#ifndef TESTS_FLOW_FAKE_KERNEL_H
#define TESTS_FLOW_FAKE_KERNEL_H

#include "net/net.h"
#include "net/vlan_tags.h"
#include "net/xdp_steer.h"

struct net {
	struct net_observer observer;
	unsigned n_aims; /* calls of route_resolve() */
	unsigned n_interfaces; /* of net_interface() */
	/* Answers in place of route_resolve(), which filled in what it would; NULL = as below. */
	int (*route)(const struct hop_request *request, struct hop_paths *paths);
	int n_kept; /* neighbour_ref() without neighbour_unref() */
	int fail_keep;
	unsigned n_resolved; /* neighbour_resolve() */
	unsigned keeps_before_fail;
	struct link_vlans vlans; /* what net_vlans() answers */
};

struct steer {
	unsigned n_keys; /* steer_add() without steer_del() */
	unsigned n_ranges; /* steer_add_range() without steer_del_range() */
	unsigned n_macs_read; /* steer_follow_mac() */
	unsigned n_others; /* keys that are in use besides */
	unsigned n_sources; /* those of them for one source only */
	struct steer_key last;
	struct steer_end last_source;
	struct steer_tally tally;
	struct steer_range last_range;
	int fail_add;
	unsigned adds_before_fail;
	int fail_add_range;
	unsigned n_macs; /* steer_set_vlan_macs() */
	struct steer_mac macs[4];
};

/*
 * Start afresh. A neighbour whose address ends in 200 to 249 has not answered, to one that ends in
 * 250 or more there is no route; the others have 02:00:00:00:01:<last octet>. VLAN interfaces have
 * index 100 and more. The table of interface 10 is steered with fake_steer().
 */
void fake_kernel_reset(void);
struct net *fake_net(void);
struct steer *fake_steer(void);

#endif
