/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rtnetlink(7): requests, notifications, and what the kernel says of interfaces and neighbours.
 * Control thread only.
 */
#ifndef CTRL_NET_NETLINK_H
#define CTRL_NET_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>
#include <libmnl/libmnl.h>

#include "base/addr.h"

/* For requests. The kernel has answered by the time one is sent, so that this does not block. */
struct netlink {
	struct mnl_socket *socket;
	unsigned port_id;
	unsigned sequence;
};

/* 0 or a negative errno, and then there is nothing to close. */
int netlink_open(struct netlink *netlink);
void netlink_close(struct netlink *netlink);

/*
 * Begin a message in `buffer` with a body of `body_size` zero bytes. NLM_F_REQUEST is added to
 * `flags`, and NLM_F_ACK unless it is a dump. The result points into the buffer.
 */
#define NETLINK_BYTES 512
struct nlmsghdr *netlink_begin(
	char buffer[NETLINK_BYTES], uint16_t type, uint16_t flags, size_t body_size);

/*
 * Send the message and hand each answer to `answer` (NULL: none is expected), which returns
 * MNL_CB_OK. Returns 0, or the kernel's refusal as a negative errno.
 */
int netlink_request(struct netlink *netlink, struct nlmsghdr *message, mnl_cb_t answer, void *arg);

/* The first attribute of that type and size (0: any) behind a body of `body_size`, or NULL. */
const struct nlattr *netlink_attribute(
	const struct nlmsghdr *message, size_t body_size, uint16_t type, size_t size);

/*
 * Notifications of links, addresses, routes, rules, next-hop objects and neighbours, read by the
 * event loop some at a time.
 */
struct netlink_watch {
	struct netlink netlink;
	struct event *readable;
	void (*message)(void *arg, const struct nlmsghdr *message);
	void (*lost)(void *arg); /* more came than the socket holds: anything may have changed */
	void *arg;
};

/* message, lost and arg are set. 0 or a negative errno, and then nothing is left open. */
int netlink_watch_open(struct netlink_watch *watch, struct event_base *base);

/* What is not open is ignored. */
void netlink_watch_close(struct netlink_watch *watch);

/*
 * The kernel's VLAN interfaces: which of them carries VLAN `id` on an interface. Neighbours
 * and routes of tagged traffic are the VLAN interface's, not the port's.
 */
struct link_vlan {
	unsigned ifindex;
	unsigned parent; /* interface that it is on */
	uint32_t mtu; /* bytes of IP; 0 = unknown */
	uint16_t tpid; /* ETH_P_8021Q or ETH_P_8021AD */
	uint16_t id;
	uint8_t mac[6]; /* its own, or that of the interface that it is on */
};

/* One dump of the links, for all next hops until a link changes or a notification is lost. */
struct link_vlans {
	bool loaded;
	size_t n;
	struct link_vlan *vlan; /* in the order of ifindex */
};

/* Read one RTM_NEWLINK. True: it is a VLAN interface on one of this namespace. Pure. */
bool link_vlan_parse(const struct nlmsghdr *message, struct link_vlan *vlan);

/*
 * Fill *vlans, unless it is filled; it starts as zeros and is released by link_vlans_fini(). 0 or a
 * negative errno, and then it is empty.
 */
int link_vlans_load(struct netlink *netlink, struct link_vlans *vlans);
void link_vlans_fini(struct link_vlans *vlans);

/* VLAN `id` of that kind on `parent`, NULL when there is none. Pure. */
const struct link_vlan *link_vlan_on(
	const struct link_vlans *vlans, unsigned parent, uint16_t tpid, uint16_t id);

/* The VLAN interface of that index, NULL when it is none. Pure. */
const struct link_vlan *link_vlan_find(const struct link_vlans *vlans, unsigned ifindex);

/* One entry of the kernel's neighbour table (ARP, Neighbour Discovery). Hashed as bytes. */
struct neigh_key {
	uint8_t address[ADDRESS_BYTES]; /* of IPv4, the last twelve are zero */
	uint32_t ifindex;
	uint8_t family; /* 4 or 6 */
	uint8_t reserved[3]; /* zero */
};

struct neigh {
	struct neigh_key key;
	uint16_t state; /* NUD_REACHABLE and the like; NUD_NONE = the kernel has no such entry */
	bool has_mac;
	uint8_t mac[6];
};

/* Read one RTM_NEWNEIGH or RTM_DELNEIGH. False: not of IPv4 or IPv6, or a proxy entry. Pure. */
bool neigh_parse(const struct nlmsghdr *message, struct neigh *neigh);

/* True when frames can be sent to its MAC address now. Pure. */
bool neigh_is_usable(const struct neigh *neigh);

/*
 * True when the kernel should be made to resolve or confirm it. Never for permanent entries, which
 * neigh_kick() would turn into ordinary ones. Pure.
 */
bool neigh_wants_kick(const struct neigh *neigh);

/* Read one entry; an absent one is no error but state NUD_NONE. 0 or a negative errno. */
int neigh_get(struct netlink *netlink, const struct neigh_key *key, struct neigh *neigh);

/*
 * Have the kernel resolve or confirm the entry as if it had a packet to send to it. 0 or a negative
 * errno: -ENETDOWN, -ENODEV of the interface; -ENOBUFS: the kernel's neighbour table is full.
 */
int neigh_kick(struct netlink *netlink, const struct neigh_key *key);

/*
 * An ioctl about an interface, by its index or, if that is 0, by request->ifr_name (netdevice(7)).
 * 0 or a negative errno; -ENODEV: there is none.
 */
struct ifreq;
int interface_query(unsigned ifindex, unsigned long query, struct ifreq *request);

/* MTU in bytes of IP, or a negative errno. */
int interface_mtu(unsigned ifindex);

/* Its MAC address. 0 or a negative errno; -ENODEV: it is gone. */
int interface_mac(unsigned ifindex, uint8_t mac[6]);

/* It was deleted, or moved to another network namespace; one of that name is another one. */
bool interface_is_gone(unsigned ifindex);

/* It is one end of a veth pair. */
bool interface_is_veth(unsigned ifindex);

/* What the kernel lost on an interface since it was created. */
struct interface_losses {
	uint64_t rx_dropped;
	uint64_t rx_missed;
	uint64_t rx_errors;
	uint64_t tx_dropped;
	uint64_t tx_errors;
};

/* 0 or a negative errno. */
int interface_losses_read(unsigned ifindex, struct interface_losses *losses);

/* The interface that another one is a part of. */
struct interface_master {
	char kind[16]; /* of link, as in ip-link(8): "vrf", "bond", "bridge"; "" = it is in none */
	char name[16]; /* IFNAMSIZ */
};

/* 0 or a negative errno. */
int interface_master_read(unsigned ifindex, struct interface_master *master);

/* It is up and has a carrier; false also for one that is gone. */
bool interface_runs(unsigned ifindex);

#endif
