/* SPDX-License-Identifier: BSD-3-Clause */
#include "fake_kernel.h"

#include <errno.h>
#include <string.h>

static struct net the_net;
static struct steer the_steer;

void
fake_kernel_reset(void)
{
	memset(&the_net, 0, sizeof(the_net));
	memset(&the_steer, 0, sizeof(the_steer));
}

struct net *
fake_net(void)
{
	return &the_net;
}

struct steer *
fake_steer(void)
{
	return &the_steer;
}

struct net *
net_create(struct event_base *base, const struct net_observer *observer, struct fault *fault)
{
	(void)base;
	(void)fault;
	the_net.observer = *observer;
	return &the_net;
}

static uint8_t
last_of(uint8_t family, const uint8_t address[16])
{
	return address[family == 4 ? 3 : 15];
}

/* So that no group of the machine's own interfaces is joined. */
int
net_interface(struct net *net, unsigned ifindex, uint16_t outer_vlan, uint16_t vlan)
{
	net->n_interfaces++;
	(void)ifindex;
	(void)outer_vlan;
	(void)vlan;
	return -ENETUNREACH;
}

int
route_resolve(struct net *net, const struct hop_request *request, struct hop_paths *paths)
{
	struct hop_path *path = &paths->path[0];
	int error;

	net->n_aims++;
	paths->ifindex = request->ifindex + (request->vlan ? 100 : 0);
	paths->mtu = 0;
	paths->n = 1;
	*path = (struct hop_path){.weight = 1};
	path->neighbour.ifindex = paths->ifindex;
	path->neighbour.family = request->family;
	memcpy(path->neighbour.address, request->to, sizeof(path->neighbour.address));
	if (net->route)
		error = net->route(request, paths);
	else
		error = last_of(request->family, request->to) >= 250 ? -ENETUNREACH : 0;
	if (error < 0)
		paths->n = 0;
	return error;
}

const struct link_vlans *
net_vlans(struct net *net)
{
	return &net->vlans;
}

int
neighbour_ref(struct net *net, const struct neigh_key *key, uint8_t mac[6])
{
	const uint8_t last = last_of(key->family, key->address);

	if (net->fail_keep && net->keeps_before_fail-- == 0)
		return net->fail_keep;
	net->n_kept++;
	if (last >= 200)
		return -EINPROGRESS;
	memcpy(mac, (uint8_t[]){0x02, 0, 0, 0, 1, last}, 6);
	return 0;
}

void
neighbour_unref(struct net *net, const struct neigh_key *key)
{
	(void)key;
	net->n_kept--;
}

int
neighbour_resolve(struct net *net, const struct neigh_key *key)
{
	(void)key;
	net->n_resolved++;
	return 0;
}

void
net_destroy(struct net *net)
{
	(void)net;
}

int
steer_clean(const char *iface, char *error, size_t error_size)
{
	(void)iface;
	(void)error;
	(void)error_size;
	return 0;
}

int
steer_open(unsigned ifindex, struct steer **steer)
{
	if (ifindex != 10)
		return -ENOENT;
	*steer = &the_steer;
	return 0;
}

int
steer_follow_program(struct steer *steer)
{
	(void)steer;
	return 0;
}

int
steer_follow_mac(struct steer *steer)
{
	steer->n_macs_read++;
	return 0;
}

int
steer_set_vlan_macs(struct steer *steer, const struct steer_mac *macs, unsigned n)
{
	steer->n_macs = n;
	memcpy(steer->macs, macs, n * sizeof(*macs));
	return 0;
}

int
vlan_tags_keep(const char *iface, char *error, size_t error_size)
{
	(void)iface;
	(void)error;
	(void)error_size;
	return 0;
}

int
steer_add(struct steer *steer, const struct steer_key *key, const struct steer_end *source)
{
	if (steer->fail_add && steer->adds_before_fail-- == 0)
		return steer->fail_add;
	steer->last = *key;
	steer->last_source = source ? *source : (struct steer_end){0};
	steer->n_keys++;
	steer->n_sources += source != NULL;
	return 0;
}

int
steer_del(struct steer *steer, const struct steer_key *key, const struct steer_end *source)
{
	(void)key;
	steer->n_keys--;
	steer->n_sources -= source != NULL;
	return 0;
}

int
steer_narrow(struct steer *steer, const struct steer_key *key, const struct steer_end *source)
{
	(void)key;
	steer->last_source = *source;
	steer->n_sources++;
	return 0;
}

int
steer_tally_read(const struct steer *steer, struct steer_tally *tally)
{
	*tally = steer->tally;
	return 0;
}

unsigned
steer_key_count(const struct steer *steer)
{
	return steer->n_keys + steer->n_others;
}

int
steer_has(const struct steer *steer, const struct steer_key *key)
{
	(void)steer;
	(void)key;
	return 0;
}

unsigned
steer_range_count(const struct steer *steer)
{
	return steer->n_ranges;
}

bool
steer_has_range(const struct steer *steer, const struct steer_range *range)
{
	(void)steer;
	(void)range;
	return false;
}

int
steer_add_range(struct steer *steer, const struct steer_range *range)
{
	if (steer->fail_add_range)
		return steer->fail_add_range;
	steer->last_range = *range;
	steer->n_ranges++;
	return 0;
}

int
steer_del_range(struct steer *steer, const struct steer_range *range)
{
	(void)range;
	steer->n_ranges--;
	return 0;
}

void
steer_close(struct steer *steer)
{
	(void)steer;
}
