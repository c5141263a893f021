/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow/membership.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* Hashed as bytes. */
struct membership_key {
	uint16_t port;
	uint16_t vlan;
	uint16_t outer_vlan;
	uint8_t family; /* 4 or 6 */
	uint8_t has_source;
	uint8_t group[ADDRESS_BYTES];
	uint8_t source[ADDRESS_BYTES];
};
static_assert(sizeof(struct membership_key) == 40, "no padding in what is hashed");

struct membership_socket;

struct membership {
	UT_hash_handle hh;
	struct membership_key key;
	size_t uses;
	unsigned ifindex; /* as in struct membership_info */
	int error;
	struct membership_socket *socket; /* that is a member; NULL: none is */
};

/*
 * The kernel limits the groups of a socket (net.ipv4.igmp_max_memberships; in IPv6 by their memory,
 * net.core.optmem_max), and their sources (igmp_max_msf), and a socket is a member either of a
 * group or of its sources: as many sockets as it takes. They have no port, and receive nothing.
 */
struct membership_socket {
	struct membership_socket *next;
	int fd;
	uint8_t family;
	size_t members;
};

struct memberships {
	const struct ports *ports;
	struct net *net;
	struct membership *all;
	struct membership_socket *sockets;
};

struct memberships *
memberships_create(const struct ports *ports, struct net *net)
{
	struct memberships *memberships = calloc(1, sizeof(*memberships));

	if (memberships) {
		memberships->ports = ports;
		memberships->net = net;
	}
	return memberships;
}

/* False: the flow matches no group. */
static bool
key_make(const struct ports *ports, const struct flow_spec *spec, struct membership_key *key)
{
	const struct flow_match *match = &spec->match;

	if (spec->rule || address_kind(match->key.family, match->key.dst) != ADDRESS_MULTICAST)
		return false;
	memset(key, 0, sizeof(*key));
	key->port = (uint16_t)ports_find(ports, match->port);
	key->vlan = match->key.vlan;
	key->outer_vlan = match->key.outer_vlan;
	key->family = match->key.family;
	key->has_source = !match->key.any_source;
	memcpy(key->group, match->key.dst, sizeof(key->group));
	if (key->has_source)
		memcpy(key->source, match->key.src, sizeof(key->source));
	return true;
}

static void
socket_address(uint8_t family, const uint8_t address[ADDRESS_BYTES], struct sockaddr_storage *to)
{
	if (family == 4) {
		struct sockaddr_in *four = (struct sockaddr_in *)to;

		four->sin_family = AF_INET;
		memcpy(&four->sin_addr, address, sizeof(four->sin_addr));
	} else {
		struct sockaddr_in6 *six = (struct sockaddr_in6 *)to;

		six->sin6_family = AF_INET6;
		memcpy(&six->sin6_addr, address, sizeof(six->sin6_addr));
	}
}

/* RFC 3678, 5.1: join or leave on that interface. 0 or a negative errno. */
static int
socket_set(int fd, const struct membership_key *key, unsigned ifindex, bool join)
{
	const int level = key->family == 4 ? IPPROTO_IP : IPPROTO_IPV6;
	struct group_source_req channel = {.gsr_interface = ifindex};
	struct group_req group = {.gr_interface = ifindex};
	int ret;

	socket_address(key->family, key->group, &group.gr_group);
	channel.gsr_group = group.gr_group;
	socket_address(key->family, key->source, &channel.gsr_source);
	ret = key->has_source ? setsockopt(fd, level,
					join ? MCAST_JOIN_SOURCE_GROUP : MCAST_LEAVE_SOURCE_GROUP,
					&channel, sizeof(channel))
			      : setsockopt(fd, level, join ? MCAST_JOIN_GROUP : MCAST_LEAVE_GROUP,
					&group, sizeof(group));
	return ret < 0 ? -errno : 0;
}

static struct membership_socket *
socket_open(struct memberships *memberships, uint8_t family, int *error)
{
	struct membership_socket *opened = malloc(sizeof(*opened));

	if (!opened) {
		*error = -ENOMEM;
		return NULL;
	}
	*opened = (struct membership_socket){
		.next = memberships->sockets,
		.fd = socket(family == 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0),
		.family = family,
	};
	if (opened->fd < 0) {
		*error = -errno;
		free(opened);
		return NULL;
	}
	memberships->sockets = opened;
	return opened;
}

/* Close those that are no member of anything. */
static void
sockets_trim(struct memberships *memberships)
{
	struct membership_socket **at = &memberships->sockets, *idle;

	while ((idle = *at)) {
		if (idle->members > 0) {
			at = &idle->next;
			continue;
		}
		*at = idle->next;
		close(idle->fd);
		free(idle);
	}
}

/* On the first socket that has room for it, or on a new one. */
static void
membership_join(struct memberships *memberships, struct membership *m)
{
	struct membership_socket *at;

	m->error = -ENETUNREACH;
	if (m->ifindex == 0)
		return;
	for (at = memberships->sockets; at; at = at->next) {
		if (at->family != m->key.family)
			continue;
		m->error = socket_set(at->fd, &m->key, m->ifindex, true);
		/* Of a group that the socket has in another form, or has no room for. */
		if (m->error != -ENOBUFS && m->error != -ENOMEM && m->error != -EADDRINUSE &&
			m->error != -EINVAL && m->error != -EADDRNOTAVAIL)
			break;
	}
	if (!at) {
		at = socket_open(memberships, m->key.family, &m->error);
		if (at)
			m->error = socket_set(at->fd, &m->key, m->ifindex, true);
	}
	if (m->error == 0) {
		m->socket = at;
		at->members++;
	} else {
		sockets_trim(memberships);
	}
}

static void
membership_leave(struct memberships *memberships, struct membership *m)
{
	if (!m->socket)
		return;
	/* Fails where the interface is gone. */
	socket_set(m->socket->fd, &m->key, m->ifindex, false);
	m->socket->members--;
	m->socket = NULL;
	sockets_trim(memberships);
}

static unsigned
membership_interface(const struct memberships *memberships, const struct membership_key *key)
{
	const struct dp_port_info *port = &memberships->ports->info[key->port];
	const int found =
		net_interface(memberships->net, port->ifindex, key->outer_vlan, key->vlan);

	return found > 0 ? (unsigned)found : 0;
}

int
membership_add(struct memberships *memberships, const struct flow_spec *spec)
{
	struct membership_key key;
	struct membership *m;

	if (!key_make(memberships->ports, spec, &key))
		return 0;
	HASH_FIND(hh, memberships->all, &key, sizeof(key), m);
	if (m) {
		m->uses++;
		return 0;
	}
	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->key = key;
	m->uses = 1;
	HASH_ADD(hh, memberships->all, key, sizeof(m->key), m);
	if (!m->hh.tbl) {
		free(m);
		return -ENOMEM;
	}
	m->ifindex = membership_interface(memberships, &key);
	membership_join(memberships, m);
	return 0;
}

void
membership_del(struct memberships *memberships, const struct flow_spec *spec)
{
	struct membership_key key;
	struct membership *m;

	if (!key_make(memberships->ports, spec, &key))
		return;
	HASH_FIND(hh, memberships->all, &key, sizeof(key), m);
	if (!m || --m->uses > 0)
		return;
	membership_leave(memberships, m);
	HASH_DELETE(hh, memberships->all, m);
	free(m);
}

void
memberships_link_changed(struct memberships *memberships)
{
	const struct ports *ports = memberships->ports;
	bool gone[DP_PORTS_MAX] = {0};
	struct membership *m, *next;
	char name[IF_NAMESIZE];
	unsigned i;

	for (i = 0; i < ports->n; i++)
		gone[i] = !if_indextoname(ports->info[i].ifindex, name);
	HASH_ITER(hh, memberships->all, m, next)
	{
		const unsigned ifindex = membership_interface(memberships, &m->key);

		/* An interface that was deleted has taken its memberships along. */
		if (m->socket && ifindex == m->ifindex && !gone[m->key.port])
			continue;
		membership_leave(memberships, m);
		m->ifindex = ifindex;
		membership_join(memberships, m);
	}
}

bool
membership_info_get(const struct memberships *memberships, const struct flow_spec *spec,
	struct membership_info *info)
{
	struct membership_key key;
	const struct membership *m;

	if (!key_make(memberships->ports, spec, &key))
		return false;
	HASH_FIND(hh, memberships->all, &key, sizeof(key), m);
	if (!m)
		return false;
	*info = (struct membership_info){m->ifindex, m->error, m->key.has_source};
	return true;
}

void
memberships_destroy(struct memberships *memberships)
{
	struct membership_socket *at;
	struct membership *m, *next;

	if (!memberships)
		return;
	HASH_ITER(hh, memberships->all, m, next)
	{
		HASH_DELETE(hh, memberships->all, m);
		free(m);
	}
	while ((at = memberships->sockets)) {
		memberships->sockets = at->next;
		close(at->fd);
		free(at);
	}
	free(memberships);
}
