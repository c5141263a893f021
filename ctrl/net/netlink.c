/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two kinds of rtnetlink socket: one for requests, where nothing arrives but their answers, and one
 * for notifications, where something may be lost in a flood.
 */
#include "net/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>

#define ANSWER_WAIT_MS 1000
#define ANSWER_BYTES 32768 /* the kernel fills dump answers up to this */
#define EVENT_BYTES 8192
#define EVENTS_PER_WAKE 64 /* receptions before others of the loop have their turn */
#define SOCKET_BYTES (1 << 20) /* beyond it events are lost, and everything is read again */
#define USABLE_STATES \
	(NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP)

int
netlink_open(struct netlink *netlink)
{
	int ret;

	memset(netlink, 0, sizeof(*netlink));
	netlink->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!netlink->socket)
		return -errno;
	if (mnl_socket_bind(netlink->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		ret = -errno;
		netlink_close(netlink);
		return ret;
	}
	netlink->port_id = mnl_socket_get_portid(netlink->socket);
	return 0;
}

void
netlink_close(struct netlink *netlink)
{
	if (netlink->socket)
		mnl_socket_close(netlink->socket);
	netlink->socket = NULL;
}

struct nlmsghdr *
netlink_begin(char buffer[NETLINK_BYTES], uint16_t type, uint16_t flags, size_t body_size)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);

	if ((flags & NLM_F_DUMP) != NLM_F_DUMP)
		flags |= NLM_F_ACK;
	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	mnl_nlmsg_put_extra_header(message, body_size);
	return message;
}

/* Returns >0 when more is to come, 0 when the answer is complete, or a negative errno. */
static int
answer_receive(struct netlink *netlink, unsigned sequence, mnl_cb_t answer, void *arg)
{
	struct pollfd ready = {.fd = mnl_socket_get_fd(netlink->socket), .events = POLLIN};
	char buffer[ANSWER_BYTES];
	ssize_t bytes;
	int ret;

	/* The kernel has answered most requests when they have been sent. */
	bytes = mnl_socket_recvfrom(netlink->socket, buffer, sizeof(buffer));
	if (bytes < 0 && errno == EAGAIN) {
		ret = poll(&ready, 1, ANSWER_WAIT_MS);
		if (ret == 0)
			return -ETIMEDOUT;
		return ret > 0 || errno == EINTR ? 1 : -errno;
	}
	if (bytes < 0)
		return errno == EINTR ? 1 : -errno;
	ret = mnl_cb_run(buffer, (size_t)bytes, sequence, netlink->port_id, answer, arg);
	if (ret >= 0)
		return ret;
	/* An answer to an earlier request, which timed out. */
	return errno == EPROTO ? 1 : -errno;
}

int
netlink_request(struct netlink *netlink, struct nlmsghdr *message, mnl_cb_t answer, void *arg)
{
	unsigned sequence = ++netlink->sequence;
	int ret;

	message->nlmsg_seq = sequence;
	if (mnl_socket_sendto(netlink->socket, message, message->nlmsg_len) < 0)
		return -errno;
	do {
		ret = answer_receive(netlink, sequence, answer, arg);
	} while (ret > 0);
	return ret;
}

static bool
attribute_is(const struct nlattr *attribute, uint16_t type, size_t size)
{
	return mnl_attr_get_type(attribute) == type &&
	       (size == 0 || mnl_attr_get_payload_len(attribute) == size);
}

const struct nlattr *
netlink_attribute(const struct nlmsghdr *message, size_t body_size, uint16_t type, size_t size)
{
	struct nlattr *attribute;

	mnl_attr_for_each (attribute, message, body_size) {
		if (attribute_is(attribute, type, size))
			return attribute;
	}
	return NULL;
}

static const struct nlattr *
nested_attribute(const struct nlattr *nest, uint16_t type, size_t size)
{
	struct nlattr *attribute;

	mnl_attr_for_each_nested (attribute, nest) {
		if (attribute_is(attribute, type, size))
			return attribute;
	}
	return NULL;
}

static const int groups[] = {
	RTNLGRP_LINK,
	RTNLGRP_NEIGH,
	RTNLGRP_IPV4_IFADDR,
	RTNLGRP_IPV6_IFADDR,
	RTNLGRP_IPV4_ROUTE,
	RTNLGRP_IPV6_ROUTE,
	RTNLGRP_IPV4_RULE,
	RTNLGRP_IPV6_RULE,
	RTNLGRP_NEXTHOP,
};

static int
watch_message(const struct nlmsghdr *message, void *arg)
{
	const struct netlink_watch *watch = arg;

	watch->message(watch->arg, message);
	return MNL_CB_OK;
}

static void
watch_read(evutil_socket_t fd, short what, void *arg)
{
	struct netlink_watch *watch = arg;
	char buffer[EVENT_BYTES];

	(void)fd;
	(void)what;
	for (unsigned i = 0; i < EVENTS_PER_WAKE; i++) {
		ssize_t bytes = mnl_socket_recvfrom(watch->netlink.socket, buffer, sizeof(buffer));

		if (bytes > 0)
			mnl_cb_run(buffer, (size_t)bytes, 0, 0, watch_message, watch);
		else if (bytes < 0 && errno == ENOBUFS)
			watch->lost(watch->arg);
		else
			return;
	}
}

int
netlink_watch_open(struct netlink_watch *watch, struct event_base *base)
{
	const int bytes = SOCKET_BYTES;
	int ret = netlink_open(&watch->netlink), fd;

	if (ret < 0)
		return ret;
	fd = mnl_socket_get_fd(watch->netlink.socket);
	/* Less of it costs no more than reading again when events are lost. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	/* RTNLGRP_NEXTHOP is above what a mask of groups can hold, so each is joined by itself. */
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]) && ret == 0; i++) {
		int group = groups[i];

		if (mnl_socket_setsockopt(watch->netlink.socket, NETLINK_ADD_MEMBERSHIP, &group,
			    sizeof(group)) < 0)
			ret = -errno;
	}
	if (ret == 0) {
		watch->readable = event_new(base, fd, EV_READ | EV_PERSIST, watch_read, watch);
		if (!watch->readable)
			ret = -ENOMEM;
		else if (event_add(watch->readable, NULL) < 0)
			ret = -EIO;
	}
	if (ret < 0)
		netlink_watch_close(watch);
	return ret;
}

void
netlink_watch_close(struct netlink_watch *watch)
{
	if (watch->readable)
		event_free(watch->readable);
	watch->readable = NULL;
	netlink_close(&watch->netlink);
}

bool
link_vlan_parse(const struct nlmsghdr *message, struct link_vlan *vlan)
{
	static const char kind_vlan[] = "vlan";
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(message);
	const struct nlattr *parent, *info, *kind, *data, *id, *tpid, *mtu, *mac;

	if (message->nlmsg_type != RTM_NEWLINK ||
		mnl_nlmsg_get_payload_len(message) < sizeof(*link))
		return false;
	parent = netlink_attribute(message, sizeof(*link), IFLA_LINK, sizeof(uint32_t));
	info = netlink_attribute(message, sizeof(*link), IFLA_LINKINFO, 0);
	/* The parent may be in another namespace. */
	if (!parent || !info || netlink_attribute(message, sizeof(*link), IFLA_LINK_NETNSID, 0))
		return false;
	kind = nested_attribute(info, IFLA_INFO_KIND, sizeof(kind_vlan));
	data = nested_attribute(info, IFLA_INFO_DATA, 0);
	if (!kind || !data || memcmp(mnl_attr_get_payload(kind), kind_vlan, sizeof(kind_vlan)) != 0)
		return false;
	id = nested_attribute(data, IFLA_VLAN_ID, sizeof(uint16_t));
	tpid = nested_attribute(data, IFLA_VLAN_PROTOCOL, sizeof(uint16_t));
	mtu = netlink_attribute(message, sizeof(*link), IFLA_MTU, sizeof(uint32_t));
	mac = netlink_attribute(message, sizeof(*link), IFLA_ADDRESS, sizeof(vlan->mac));
	*vlan = (struct link_vlan){
		.ifindex = (unsigned)link->ifi_index,
		.parent = mnl_attr_get_u32(parent),
		.tpid = tpid ? ntohs(mnl_attr_get_u16(tpid)) : ETH_P_8021Q, /* old kernels */
		.id = id ? mnl_attr_get_u16(id) : 0,
		.mtu = mtu ? mnl_attr_get_u32(mtu) : 0,
	};
	if (mac)
		memcpy(vlan->mac, mnl_attr_get_payload(mac), sizeof(vlan->mac));
	return vlan->id != 0;
}

static int
vlan_append(const struct nlmsghdr *message, void *arg)
{
	struct link_vlans *vlans = arg;
	struct link_vlan vlan;
	struct link_vlan *grown;

	if (!link_vlan_parse(message, &vlan))
		return MNL_CB_OK;
	grown = reallocarray(vlans->vlan, vlans->n + 1, sizeof(*grown));
	if (!grown) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	vlans->vlan = grown;
	vlans->vlan[vlans->n++] = vlan;
	return MNL_CB_OK;
}

static int
vlan_compare(const void *a, const void *b)
{
	const unsigned left = ((const struct link_vlan *)a)->ifindex,
		       right = ((const struct link_vlan *)b)->ifindex;

	return (left > right) - (left < right);
}

int
link_vlans_load(struct netlink *netlink, struct link_vlans *vlans)
{
	char buffer[NETLINK_BYTES];
	struct nlmsghdr *message;
	int ret;

	if (vlans->loaded)
		return 0;
	message = netlink_begin(buffer, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
	ret = netlink_request(netlink, message, vlan_append, vlans);
	vlans->loaded = ret == 0;
	if (ret < 0)
		link_vlans_fini(vlans);
	else if (vlans->n > 1)
		qsort(vlans->vlan, vlans->n, sizeof(vlans->vlan[0]), vlan_compare);
	return ret;
}

const struct link_vlan *
link_vlan_on(const struct link_vlans *vlans, unsigned parent, uint16_t tpid, uint16_t id)
{
	for (size_t i = 0; i < vlans->n; i++) {
		const struct link_vlan *vlan = &vlans->vlan[i];

		if (vlan->parent == parent && vlan->tpid == tpid && vlan->id == id)
			return vlan;
	}
	return NULL;
}

const struct link_vlan *
link_vlan_find(const struct link_vlans *vlans, unsigned ifindex)
{
	const struct link_vlan wanted = {.ifindex = ifindex};

	if (vlans->n == 0)
		return NULL;
	return bsearch(&wanted, vlans->vlan, vlans->n, sizeof(wanted), vlan_compare);
}

void
link_vlans_fini(struct link_vlans *vlans)
{
	free(vlans->vlan);
	memset(vlans, 0, sizeof(*vlans));
}

bool
neigh_parse(const struct nlmsghdr *message, struct neigh *neigh)
{
	const struct ndmsg *body = mnl_nlmsg_get_payload(message);
	const struct nlattr *address, *mac;

	if (message->nlmsg_type != RTM_NEWNEIGH && message->nlmsg_type != RTM_DELNEIGH)
		return false;
	if (mnl_nlmsg_get_payload_len(message) < sizeof(*body) || body->ndm_flags & NTF_PROXY)
		return false;
	memset(neigh, 0, sizeof(*neigh));
	neigh->key.family = address_from_af(body->ndm_family);
	if (neigh->key.family == 0)
		return false;
	neigh->key.ifindex = (unsigned)body->ndm_ifindex;
	neigh->state = message->nlmsg_type == RTM_DELNEIGH ? NUD_NONE : body->ndm_state;
	address =
		netlink_attribute(message, sizeof(*body), NDA_DST, address_size(neigh->key.family));
	if (address)
		memcpy(neigh->key.address, mnl_attr_get_payload(address),
			address_size(neigh->key.family));
	mac = netlink_attribute(message, sizeof(*body), NDA_LLADDR, sizeof(neigh->mac));
	neigh->has_mac = mac != NULL;
	if (mac)
		memcpy(neigh->mac, mnl_attr_get_payload(mac), sizeof(neigh->mac));
	return true;
}

bool
neigh_is_usable(const struct neigh *neigh)
{
	return neigh->has_mac && neigh->state & USABLE_STATES;
}

bool
neigh_wants_kick(const struct neigh *neigh)
{
	return neigh->state == NUD_NONE || neigh->state & (NUD_STALE | NUD_FAILED);
}

static struct nlmsghdr *
neigh_message(char buffer[NETLINK_BYTES], uint16_t type, uint16_t flags, uint8_t neigh_flags,
	const struct neigh_key *key)
{
	struct nlmsghdr *message = netlink_begin(buffer, type, flags, sizeof(struct ndmsg));
	struct ndmsg *body = mnl_nlmsg_get_payload(message);

	body->ndm_family = address_to_af(key->family);
	body->ndm_ifindex = (int)key->ifindex;
	body->ndm_flags = neigh_flags;
	mnl_attr_put(message, NDA_DST, address_size(key->family), key->address);
	return message;
}

static int
neigh_answer(const struct nlmsghdr *message, void *arg)
{
	struct neigh *neigh = arg;
	struct neigh found;

	if (neigh_parse(message, &found) && memcmp(&found.key, &neigh->key, sizeof(found.key)) == 0)
		*neigh = found;
	return MNL_CB_OK;
}

int
neigh_get(struct netlink *netlink, const struct neigh_key *key, struct neigh *neigh)
{
	char buffer[NETLINK_BYTES];
	int ret;

	memset(neigh, 0, sizeof(*neigh));
	neigh->key = *key;
	ret = netlink_request(
		netlink, neigh_message(buffer, RTM_GETNEIGH, 0, 0, key), neigh_answer, neigh);
	return ret == -ENOENT ? 0 : ret;
}

int
neigh_kick(struct netlink *netlink, const struct neigh_key *key)
{
	char buffer[NETLINK_BYTES];

	return netlink_request(netlink,
		neigh_message(buffer, RTM_NEWNEIGH, NLM_F_CREATE, NTF_USE, key), NULL, NULL);
}

int
interface_query(unsigned ifindex, unsigned long query, struct ifreq *request)
{
	int fd, rc;

	if (ifindex != 0 && !if_indextoname(ifindex, request->ifr_name))
		return -ENODEV;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	rc = ioctl(fd, query, request) < 0 ? -errno : 0;
	close(fd);
	return rc;
}

int
interface_mtu(unsigned ifindex)
{
	struct ifreq request = {0};
	const int rc = interface_query(ifindex, SIOCGIFMTU, &request);

	return rc < 0 ? rc : request.ifr_mtu;
}

int
interface_mac(unsigned ifindex, uint8_t mac[6])
{
	struct ifreq request = {0};
	int rc = interface_query(ifindex, SIOCGIFHWADDR, &request);

	if (rc == 0)
		memcpy(mac, request.ifr_hwaddr.sa_data, 6);
	return rc;
}

static int
losses_answer(const struct nlmsghdr *message, void *arg)
{
	const size_t least = offsetof(struct rtnl_link_stats64, tx_aborted_errors);
	const struct nlattr *attribute =
		netlink_attribute(message, sizeof(struct ifinfomsg), IFLA_STATS64, 0);
	struct interface_losses *losses = arg;
	struct rtnl_link_stats64 stats;

	if (!attribute || mnl_attr_get_payload_len(attribute) < least)
		return MNL_CB_OK;
	memcpy(&stats, mnl_attr_get_payload(attribute), least);
	*losses = (struct interface_losses){
		.rx_dropped = stats.rx_dropped,
		.rx_missed = stats.rx_missed_errors,
		.rx_errors = stats.rx_errors,
		.tx_dropped = stats.tx_dropped,
		.tx_errors = stats.tx_errors,
	};
	return MNL_CB_OK;
}

/* What the kernel says about one interface, as RTM_NEWLINK. 0 or a negative errno. */
static int
interface_read(unsigned ifindex, mnl_cb_t answer, void *arg)
{
	char buffer[NETLINK_BYTES];
	struct netlink netlink;
	struct nlmsghdr *message;
	struct ifinfomsg *link;
	int rc = netlink_open(&netlink);

	if (rc < 0)
		return rc;
	message = netlink_begin(buffer, RTM_GETLINK, 0, sizeof(*link));
	link = mnl_nlmsg_get_payload(message);
	link->ifi_index = (int)ifindex;
	rc = netlink_request(&netlink, message, answer, arg);
	netlink_close(&netlink);
	return rc;
}

int
interface_losses_read(unsigned ifindex, struct interface_losses *losses)
{
	memset(losses, 0, sizeof(*losses));
	return interface_read(ifindex, losses_answer, losses);
}

static int
master_answer(const struct nlmsghdr *message, void *arg)
{
	const size_t body = sizeof(struct ifinfomsg);
	const struct nlattr *index = netlink_attribute(message, body, IFLA_MASTER, 4), *info, *kind;
	struct interface_master *master = arg;

	info = netlink_attribute(message, body, IFLA_LINKINFO, 0);
	kind = info ? nested_attribute(info, IFLA_INFO_SLAVE_KIND, 0) : NULL;
	if (!index || !kind)
		return MNL_CB_OK;
	snprintf(master->kind, sizeof(master->kind), "%.*s", (int)mnl_attr_get_payload_len(kind),
		mnl_attr_get_str(kind));
	if (!if_indextoname(mnl_attr_get_u32(index), master->name))
		master->kind[0] = '\0'; /* it has just been deleted */
	return MNL_CB_OK;
}

int
interface_master_read(unsigned ifindex, struct interface_master *master)
{
	memset(master, 0, sizeof(*master));
	return interface_read(ifindex, master_answer, master);
}

bool
interface_is_gone(unsigned ifindex)
{
	char name[IF_NAMESIZE];

	return !if_indextoname(ifindex, name) && errno == ENXIO;
}

bool
interface_is_veth(unsigned ifindex)
{
	struct ethtool_drvinfo driver = {.cmd = ETHTOOL_GDRVINFO};
	struct ifreq request = {.ifr_data = (char *)&driver};

	return interface_query(ifindex, SIOCETHTOOL, &request) == 0 &&
	       strcmp(driver.driver, "veth") == 0;
}

bool
interface_runs(unsigned ifindex)
{
	struct ifreq request = {0};

	return interface_query(ifindex, SIOCGIFFLAGS, &request) == 0 &&
	       (request.ifr_flags & IFF_RUNNING) && (request.ifr_flags & IFF_UP);
}
