/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Neighbour entries on the wire of rtnetlink (rtnetlink(7), RTM_GETNEIGH). The states are those of
 * RFC 4861, 7.3.2, which the kernel uses for ARP too.
 */
#include <errno.h>
#include <string.h>

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "net/neigh.h"

#define USABLE_STATES \
	(NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP)

void
neigh_key_init(struct neigh_key *key, unsigned ifindex, uint8_t family,
	const uint8_t address[ADDRESS_BYTES])
{
	memset(key, 0, sizeof(*key));
	memcpy(key->address, address, address_size(family));
	key->ifindex = ifindex;
	key->family = family;
}

static int
neigh_attribute(const struct nlattr *attribute, void *arg)
{
	struct neigh *neigh = arg;
	uint16_t bytes = mnl_attr_get_payload_len(attribute);

	if (mnl_attr_get_type(attribute) == NDA_DST && bytes == address_size(neigh->key.family)) {
		memcpy(neigh->key.address, mnl_attr_get_payload(attribute), bytes);
	} else if (mnl_attr_get_type(attribute) == NDA_LLADDR && bytes == sizeof(neigh->mac)) {
		memcpy(neigh->mac, mnl_attr_get_payload(attribute), bytes);
		neigh->has_mac = true;
	}
	return MNL_CB_OK;
}

bool
neigh_parse(const struct nlmsghdr *message, struct neigh *neigh)
{
	const struct ndmsg *body = mnl_nlmsg_get_payload(message);

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
	mnl_attr_parse(message, sizeof(*body), neigh_attribute, neigh);
	return true;
}

bool
neigh_is_usable(const struct neigh *neigh)
{
	return neigh->has_mac && neigh->state & USABLE_STATES;
}

bool
neigh_is_failed(const struct neigh *neigh)
{
	return neigh->state & NUD_FAILED;
}

bool
neigh_wants_kick(const struct neigh *neigh)
{
	return neigh->state == NUD_NONE || neigh->state & (NUD_STALE | NUD_FAILED);
}

static struct nlmsghdr *
neigh_message(char buffer[REQUEST_BYTES], uint16_t type, uint16_t flags, uint8_t neigh_flags,
	const struct neigh_key *key)
{
	struct nlmsghdr *message = request_begin(buffer, type, flags, sizeof(struct ndmsg));
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
neigh_get(struct request *request, const struct neigh_key *key, struct neigh *neigh)
{
	char buffer[REQUEST_BYTES];
	int ret;

	memset(neigh, 0, sizeof(*neigh));
	neigh->key = *key;
	ret = request_ask(
		request, neigh_message(buffer, RTM_GETNEIGH, 0, 0, key), neigh_answer, neigh);
	return ret == -ENOENT ? 0 : ret;
}

int
neigh_kick(struct request *request, const struct neigh_key *key)
{
	char buffer[REQUEST_BYTES];

	return request_ask(request, neigh_message(buffer, RTM_NEWNEIGH, NLM_F_CREATE, NTF_USE, key),
		NULL, NULL);
}
