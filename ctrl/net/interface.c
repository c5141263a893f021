/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/interface.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

int
interface_mtu(const char *name)
{
	struct ifreq request = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0)
		return -errno;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	rc = ioctl(fd, SIOCGIFMTU, &request) < 0 ? -errno : request.ifr_mtu;
	close(fd);
	return rc;
}
