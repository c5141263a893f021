/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/taps.h"

#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "net/netlink.h"
#include "net/tap.h"

/* 0, or a negative errno and a sentence for people in *error. */
static int
tap_make(struct taps *taps, unsigned port, char *error, size_t error_size)
{
	struct tap *tap = &taps->of[port];
	struct dp_port_info info;
	unsigned ifindex;
	int fd, ret = dp_port_info_get(taps->dp, port, &info);

	if (ret < 0)
		return ret;
	fd = tap_open(taps->config->taps[port], info.mac, info.mtu, &ifindex, error, error_size);
	if (fd < 0)
		return fd;
	ret = dp_kernel_path_set(taps->dp, port, fd, ifindex);
	if (ret < 0) {
		snprintf(error, error_size,
			"TAP %s: driver %s has a kernel interface of its own, expected a port "
			"without one",
			taps->config->taps[port], info.driver);
		close(fd);
		return ret;
	}
	if (tap->fd >= 0)
		close(tap->fd);
	*tap = (struct tap){.fd = fd, .has_link = true};
	return 0;
}

int
taps_create(struct taps *taps, const struct config *config, struct dp *dp, struct fault *fault)
{
	char error[256] = "";
	unsigned i;

	*taps = (struct taps){.dp = dp, .config = config};
	for (i = 0; i < DP_PORTS_MAX; i++)
		taps->of[i].fd = -1;
	for (i = 0; i < config->dp.n_ports; i++) {
		if (config->taps[i][0] == '\0' || tap_make(taps, i, error, sizeof(error)) == 0)
			continue;
		taps_destroy(taps);
		return fault_set(fault, FAULT_INTERNAL, "", "port %s: kernel_interface: %s",
			config->ports[i].name, error);
	}
	return 0;
}

void
taps_destroy(struct taps *taps)
{
	for (unsigned i = 0; i < DP_PORTS_MAX; i++) {
		if (taps->of[i].fd >= 0)
			close(taps->of[i].fd);
		taps->of[i].fd = -1;
	}
}

bool
taps_follow(struct taps *taps, unsigned port, const struct dp_port_info *info)
{
	struct tap *tap = &taps->of[port];
	char error[256] = "";

	if (tap->fd < 0)
		return false;
	if (interface_is_gone(info->ifindex)) {
		if (tap_make(taps, port, error, sizeof(error)) == 0) {
			log_line("port %s: made its interface %s again, which was deleted; it has "
				 "no addresses",
				info->name, taps->config->taps[port]);
			return true;
		}
		if (!tap->failed)
			log_line("warning: port %s: %s", info->name, error);
		tap->failed = true;
		return false;
	}
	if (tap->has_link != info->link_up) {
		tap_carrier_set(tap->fd, info->link_up);
		tap->has_link = info->link_up;
	}
	return false;
}
