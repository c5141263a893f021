/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/interface.h"

#include <errno.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>

#include "net/request.h"

/* Ask the kernel about request->ifr_name. 0 or a negative errno. */
static int
interface_ask(unsigned long question, struct ifreq *request)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0)
		return -errno;
	rc = ioctl(fd, question, request) < 0 ? -errno : 0;
	close(fd);
	return rc;
}

int
interface_mtu(const char *name)
{
	struct ifreq request = {0};
	int rc;

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	rc = interface_ask(SIOCGIFMTU, &request);
	return rc < 0 ? rc : request.ifr_mtu;
}

int
interface_mac(unsigned ifindex, uint8_t mac[6])
{
	struct ifreq request = {0};
	int rc;

	if (!if_indextoname(ifindex, request.ifr_name))
		return -ENODEV;
	rc = interface_ask(SIOCGIFHWADDR, &request);
	if (rc == 0)
		memcpy(mac, request.ifr_hwaddr.sa_data, 6);
	return rc;
}

static int
losses_attribute(const struct nlattr *attribute, void *arg)
{
	struct interface_losses *losses = arg;
	struct rtnl_link_stats64 stats;

	if (mnl_attr_get_type(attribute) != IFLA_STATS64 ||
		mnl_attr_get_payload_len(attribute) < offsetof(struct rtnl_link_stats64, multicast))
		return MNL_CB_OK;
	memset(&stats, 0, sizeof(stats));
	memcpy(&stats, mnl_attr_get_payload(attribute),
		mnl_attr_get_payload_len(attribute) < sizeof(stats)
			? mnl_attr_get_payload_len(attribute)
			: sizeof(stats));
	*losses = (struct interface_losses){
		.rx_dropped = stats.rx_dropped,
		.rx_missed = stats.rx_missed_errors,
		.rx_errors = stats.rx_errors,
		.tx_dropped = stats.tx_dropped,
		.tx_errors = stats.tx_errors,
	};
	return MNL_CB_OK;
}

static int
losses_take(const struct nlmsghdr *message, void *arg)
{
	return mnl_attr_parse(message, sizeof(struct ifinfomsg), losses_attribute, arg);
}

int
interface_losses_read(unsigned ifindex, struct interface_losses *losses)
{
	char buffer[REQUEST_BYTES];
	struct request request;
	struct nlmsghdr *message;
	struct ifinfomsg *link;
	int rc = request_open(&request);

	if (rc < 0)
		return rc;
	memset(losses, 0, sizeof(*losses));
	message = request_begin(buffer, RTM_GETLINK, 0, sizeof(*link));
	link = mnl_nlmsg_get_payload(message);
	link->ifi_index = (int)ifindex;
	rc = request_ask(&request, message, losses_take, losses);
	request_close(&request);
	return rc;
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

	return if_indextoname(ifindex, request.ifr_name) &&
	       interface_ask(SIOCETHTOOL, &request) == 0 && strcmp(driver.driver, "veth") == 0;
}

bool
interface_runs(unsigned ifindex)
{
	struct ifreq request = {0};

	return if_indextoname(ifindex, request.ifr_name) &&
	       interface_ask(SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_RUNNING) &&
	       (request.ifr_flags & IFF_UP);
}
