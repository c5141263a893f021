/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/interface.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/sockios.h>

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
