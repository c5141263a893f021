/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One dump of the links answers for all next hops: the list lives until the kernel reports a link
 * that changed, or that a message was lost, and is read again when it is next needed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "net/link.h"

struct link_attributes {
	const struct nlattr *parent;
	bool is_foreign; /* the parent is in another namespace */
	const struct nlattr *info;
	bool is_vlan; /* from here on: inside info */
	const struct nlattr *data;
	uint16_t tpid; /* inside data; the kernel leaves it out for 802.1Q in old releases */
	uint16_t id;
};

static int
link_attribute(const struct nlattr *attribute, void *arg)
{
	struct link_attributes *found = arg;

	switch (mnl_attr_get_type(attribute)) {
	case IFLA_LINK:
		if (mnl_attr_validate(attribute, MNL_TYPE_U32) == 0)
			found->parent = attribute;
		break;
	case IFLA_LINKINFO:
		found->info = attribute;
		break;
	case IFLA_LINK_NETNSID:
		found->is_foreign = true;
		break;
	}
	return MNL_CB_OK;
}

static int
info_attribute(const struct nlattr *attribute, void *arg)
{
	struct link_attributes *found = arg;

	switch (mnl_attr_get_type(attribute)) {
	case IFLA_INFO_KIND:
		found->is_vlan = mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) == 0 &&
				 strcmp(mnl_attr_get_str(attribute), "vlan") == 0;
		break;
	case IFLA_INFO_DATA:
		found->data = attribute;
		break;
	}
	return MNL_CB_OK;
}

static int
vlan_attribute(const struct nlattr *attribute, void *arg)
{
	struct link_attributes *found = arg;

	if (mnl_attr_validate(attribute, MNL_TYPE_U16) < 0)
		return MNL_CB_OK;
	switch (mnl_attr_get_type(attribute)) {
	case IFLA_VLAN_ID:
		found->id = mnl_attr_get_u16(attribute);
		break;
	case IFLA_VLAN_PROTOCOL:
		found->tpid = ntohs(mnl_attr_get_u16(attribute));
		break;
	}
	return MNL_CB_OK;
}

bool
link_vlan_parse(const struct nlmsghdr *message, struct link_vlan *vlan)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(message);
	struct link_attributes found = {.tpid = ETH_P_8021Q};

	if (message->nlmsg_type != RTM_NEWLINK ||
		mnl_nlmsg_get_payload_len(message) < sizeof(*link))
		return false;
	mnl_attr_parse(message, sizeof(*link), link_attribute, &found);
	if (!found.parent || !found.info || found.is_foreign)
		return false;
	mnl_attr_parse_nested(found.info, info_attribute, &found);
	if (!found.is_vlan || !found.data)
		return false;
	mnl_attr_parse_nested(found.data, vlan_attribute, &found);
	vlan->ifindex = (unsigned)link->ifi_index;
	vlan->parent = mnl_attr_get_u32(found.parent);
	vlan->tpid = found.tpid;
	vlan->id = found.id;
	return found.id != 0;
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

int
link_vlan_find(struct request *request, struct link_vlans *vlans, unsigned parent, uint16_t tpid,
	uint16_t id)
{
	if (!vlans->loaded) {
		char buffer[REQUEST_BYTES];
		struct nlmsghdr *message =
			request_begin(buffer, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
		int ret = request_ask(request, message, vlan_append, vlans);

		if (ret < 0) {
			link_vlans_fini(vlans);
			return ret;
		}
		vlans->loaded = true;
	}
	for (size_t i = 0; i < vlans->n; i++) {
		const struct link_vlan *vlan = &vlans->vlan[i];

		if (vlan->parent == parent && vlan->tpid == tpid && vlan->id == id)
			return (int)vlan->ifindex;
	}
	return 0;
}

void
link_vlans_fini(struct link_vlans *vlans)
{
	free(vlans->vlan);
	memset(vlans, 0, sizeof(*vlans));
}
