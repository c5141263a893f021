/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define TUN_DEVICE "/dev/net/tun"

/* 0, or a negative errno and in *step what was tried. */
static int
interface_set(int fd, const char *name, const uint8_t mac[6], unsigned mtu, const char **step)
{
	struct ifreq request = {0};

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	*step = "setting its MAC address";
	request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(request.ifr_hwaddr.sa_data, mac, 6);
	if (ioctl(fd, SIOCSIFHWADDR, &request) < 0)
		return -errno;
	*step = "setting its MTU";
	request.ifr_mtu = (int)mtu;
	if (ioctl(fd, SIOCSIFMTU, &request) < 0)
		return -errno;
	*step = "bringing it up";
	if (ioctl(fd, SIOCGIFFLAGS, &request) < 0)
		return -errno;
	request.ifr_flags = (short)(request.ifr_flags | IFF_UP);
	return ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
}

static int
interface_make(int fd, const char *name, const uint8_t mac[6], unsigned mtu, unsigned *ifindex,
	const char **step)
{
	/* Without offloads, the default: frames have their checksums and VLAN tags. */
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	int query, ret;

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	*step = "making it (expected that there is no interface of this name, or a TAP of one "
		"queue that nobody uses)";
	if (ioctl(fd, TUNSETIFF, &request) < 0)
		return -errno;
	*step = "socket";
	query = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (query < 0)
		return -errno;
	ret = interface_set(query, name, mac, mtu, step);
	close(query);
	*ifindex = if_nametoindex(name);
	return ret;
}

int
tap_open(const char *name, const uint8_t mac[6], unsigned mtu, unsigned *ifindex, char *error,
	size_t error_size)
{
	const char *step = "opening " TUN_DEVICE " (the kernel module is tun)";
	const int fd = open(TUN_DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	const int ret = fd < 0 ? -errno : interface_make(fd, name, mac, mtu, ifindex, &step);

	if (ret == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	snprintf(error, error_size, "TAP %s: %s: %s", name, step, strerror(-ret));
	return ret;
}

void
tap_carrier_set(int fd, bool has_link)
{
	const int carrier = has_link;

	ioctl(fd, TUNSETCARRIER, &carrier);
}
