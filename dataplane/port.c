/* SPDX-License-Identifier: BSD-3-Clause */
#define ALLOW_EXPERIMENTAL_API /* events of devices */

#include "port.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/if_xdp.h>

#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_ethdev.h>

/* The device's name: devargs up to the first comma. */
static void
port_device_name(const char *devargs, char *name, size_t size)
{
	snprintf(name, size, "%.*s", (int)strcspn(devargs, ","), devargs);
}

/* Characters to insert, delete or replace to make one name of the other (Levenshtein). */
static unsigned
name_distance(const char *a, const char *b)
{
	unsigned row[RTE_ETH_NAME_MAX_LEN + 1], left, corner;
	const size_t n = strlen(b);

	for (size_t i = 0; i <= n; i++)
		row[i] = (unsigned)i;
	for (unsigned line = 1; *a != '\0'; a++, line++) {
		corner = row[0];
		left = row[0] = line;
		for (size_t i = 0; i < n; i++) {
			const unsigned above = row[i + 1];

			left = RTE_MIN(RTE_MIN(left, above) + 1, corner + (*a != b[i]));
			corner = above;
			row[i + 1] = left;
		}
	}
	return row[n];
}

/* What to do about a virtual device of a driver that the EAL does not know. */
static void
driver_hint(const char *device, char *hint, size_t size)
{
	static const char *const drivers[] = {"net_af_packet", "net_af_xdp", "net_bonding",
		"net_failsafe", "net_memif", "net_null", "net_pcap", "net_ring", "net_tap",
		"net_tun", "net_vhost", "net_virtio_user"};
	unsigned best = UINT_MAX, nearest = 0;
	char name[RTE_ETH_NAME_MAX_LEN];
	size_t length;

	snprintf(name, sizeof(name), "%s", device);
	if (if_nametoindex(name) != 0) {
		snprintf(hint, size,
			"%s is a kernel interface: \"net_af_xdp0,iface=%s\" is a port on "
			"it",
			name, name);
		return;
	}
	for (length = strlen(name); length > 0 && isdigit(name[length - 1]); length--)
		name[length - 1] = '\0';
	for (unsigned i = 0; i < RTE_DIM(drivers); i++) {
		const unsigned distance = name_distance(name, drivers[i]);

		if (distance < best) {
			best = distance;
			nearest = i;
		}
	}
	if (best == 0)
		snprintf(hint, size,
			"driver %s is not installed; with Debian it is in one of the "
			"packages librte-net-*",
			name);
	else if (best <= 4)
		snprintf(hint, size, "there is no driver %s; did you mean %s?", name,
			drivers[nearest]);
	else
		snprintf(hint, size,
			"there is no driver %s; expected a PCI address as 0000:03:00.0, or "
			"net_af_xdp0,iface=INTERFACE",
			name);
}

/* The address of a PCI device as sysfs spells it: the domain may be left out. */
static void
pci_address(const char *device, char *address, size_t size)
{
	snprintf(address, size, "%s%s", strchr(device, ':') == strrchr(device, ':') ? "0000:" : "",
		device);
}

/* Whether the kernel's interface is on the PCI device: virtio has one more directory in between. */
static bool
device_has_interface(const char *address, const char *iface)
{
	char pattern[160];
	glob_t found;
	bool is_there;

	snprintf(pattern, sizeof(pattern), "/sys/bus/pci/devices/%s/{net,virtio*/net}/%s", address,
		iface);
	is_there = glob(pattern, GLOB_BRACE, NULL, &found) == 0;
	globfree(&found);
	return is_there;
}

/* Whether an interface of the PCI device, which is then set, carries the default route of IPv4. */
static bool
device_has_default_route(const char *address, char iface[IF_NAMESIZE])
{
	FILE *routes = fopen("/proc/net/route", "re");
	unsigned destination, mask;
	bool found = false;
	char line[256];

	while (routes != NULL && !found && fgets(line, sizeof(line), routes) != NULL)
		found = sscanf(line, "%15s %x %*s %*s %*s %*s %*s %x", iface, &destination,
				&mask) == 3 &&
			destination == 0 && mask == 0 && device_has_interface(address, iface);
	if (routes != NULL)
		fclose(routes);
	return found;
}

/* What to do about a PCI device that no driver of DPDK has taken. */
static void
pci_hint(const char *device, bool kernel_driver, char *hint, size_t size)
{
	char path[128], target[128], address[RTE_ETH_NAME_MAX_LEN + 8], iface[IF_NAMESIZE];
	const char *driver;
	ssize_t length;

	pci_address(device, address, sizeof(address));
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", address);
	if (access(path, F_OK) < 0) {
		snprintf(hint, size,
			"there is no %s; 'dpdk-devbind.py --status-dev net' lists NICs", path);
		return;
	}
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver", address);
	length = readlink(path, target, sizeof(target) - 1);
	target[length > 0 ? length : 0] = '\0';
	driver = strrchr(target, '/');
	if (kernel_driver)
		snprintf(hint, size,
			"%s has it, but DPDK works through the driver of the kernel, which "
			"'dpdk-devbind.py --status-dev net' shows",
			driver != NULL ? driver + 1 : "no kernel driver");
	else if (device_has_default_route(address, iface))
		snprintf(hint, size,
			"driver %s has it, and its interface %s carries the default route; "
			"expected another NIC: 'dpdk-devbind.py --status-dev net' lists them",
			driver != NULL ? driver + 1 : "of the kernel", iface);
	else if (driver == NULL)
		snprintf(hint, size,
			"no kernel driver has it; for most NICs "
			"'dpdk-devbind.py -b vfio-pci %s' makes it DPDK's",
			address);
	else if (strcmp(driver, "/vfio-pci") == 0)
		snprintf(hint, size,
			"vfio-pci has it, but no driver of DPDK took it: see the lines "
			"above, the packages librte-net-*, and whether /dev/vfio may be opened");
	else
		snprintf(hint, size,
			"driver %s has it; for most NICs "
			"'dpdk-devbind.py -b vfio-pci %s' makes it DPDK's",
			driver + 1, address);
}

/* A text that is a PCI address but for what may be behind it. */
static bool
is_pci(const char *device)
{
	return device[strspn(device, "0123456789abcdefABCDEF:.")] == '\0' &&
	       strchr(device, ':') != NULL;
}

/* rte_dev_probe() reports little more than that it failed: -EFAULT when no bus knows the name. */
static void
port_probe_failed(
	const struct port *port, const char *device, int ret, char *error, size_t error_size)
{
	char iface[IF_NAMESIZE] = "", hint[192];
	const char *at = strstr(port->config.devargs, ",iface=");

	if (at != NULL)
		snprintf(iface, sizeof(iface), "%.*s", (int)strcspn(at + 7, ","), at + 7);
	if (is_pci(device))
		pci_hint(device, port->config.kernel_driver, hint, sizeof(hint));
	else if (ret == -EFAULT)
		driver_hint(device, hint, sizeof(hint));
	else if (iface[0] != '\0' && if_nametoindex(iface) == 0)
		snprintf(hint, sizeof(hint),
			"there is no interface %s; 'ip link' lists those there "
			"are",
			iface);
	else
		snprintf(hint, sizeof(hint), "%s; the lines above say why",
			ret == -EPERM ? "the driver refused it" : strerror(-ret));
	snprintf(error, error_size, "port %s: probing \"%s\" failed: %s", port->config.name,
		port->config.devargs, hint);
}

int
dp_device_driver(const char *devargs, char driver[DP_NAME_MAX])
{
	struct rte_eth_dev_info info;
	char name[RTE_ETH_NAME_MAX_LEN];
	uint16_t ethdev;

	port_device_name(devargs, name, sizeof(name));
	if (rte_eth_dev_get_port_by_name(name, &ethdev) < 0 ||
		rte_eth_dev_info_get(ethdev, &info) < 0)
		return -ENODEV;
	snprintf(driver, DP_NAME_MAX, "%s", info.driver_name);
	return 0;
}

/* vfio-pci asks for the device, again and again until it is closed. In the EAL's interrupt thread.
 */
static void
device_event(const char *device, enum rte_dev_event_type event, void *arg)
{
	struct port *port = arg;

	(void)device;
	if (event == RTE_DEV_EVENT_REMOVE)
		__atomic_store_n(&port->removal_asked, true, __ATOMIC_RELAXED);
}

bool
port_removal_asked(const struct port *port)
{
	return __atomic_load_n(&port->removal_asked, __ATOMIC_RELAXED);
}

/* Without the EAL's memory for it the port works; only unplugging the device waits for sluiced. */
static void
port_watch(struct port *port)
{
	char name[RTE_ETH_NAME_MAX_LEN];

	__atomic_store_n(&port->removal_asked, false, __ATOMIC_RELAXED);
	if (rte_eth_dev_get_name_by_port(port->ethdev, name) == 0)
		rte_dev_event_callback_register(name, device_event, port);
}

static void
port_unwatch(struct port *port)
{
	char name[RTE_ETH_NAME_MAX_LEN];

	if (rte_eth_dev_get_name_by_port(port->ethdev, name) < 0)
		return;
	/* -EAGAIN: it is being called, and does not take long. */
	while (rte_dev_event_callback_unregister(name, device_event, port) == -EAGAIN)
		rte_delay_us_sleep(10);
	__atomic_store_n(&port->removal_asked, false, __ATOMIC_RELAXED);
}

static int
port_probe(struct port *port, char *error, size_t error_size)
{
	char name[RTE_ETH_NAME_MAX_LEN];
	int ret;

	port_device_name(port->config.devargs, name, sizeof(name));
	if (rte_eth_dev_get_port_by_name(name, &port->ethdev) == 0)
		return 0;
	ret = rte_dev_probe(port->config.devargs);
	if (ret < 0) {
		port_probe_failed(port, name, ret, error, error_size);
		return ret;
	}
	port->probed = true;
	ret = rte_eth_dev_get_port_by_name(name, &port->ethdev);
	if (ret < 0)
		snprintf(error, error_size, "port %s: \"%s\" was probed but made no port %s",
			port->config.name, port->config.devargs, name);
	return ret;
}

/* Whoever asks for other quirks: packets, or buffers that it cannot register, are lost. */
static uint32_t
driver_quirks(const struct port *port, const char *driver)
{
	if (strcmp(driver, "net_af_xdp") == 0 || bond_has_driver(&port->bond, "net_af_xdp"))
		return DP_QUIRK_registers_pool;
	if (strcmp(driver, "net_virtio") == 0 || strcmp(driver, "net_virtio_user") == 0)
		return DP_QUIRK_queue_pairs;
	return 0;
}

/* How many queues, and whether the driver has as many as the workers need. */
static int
port_plan_queues(struct port *port, const struct rte_eth_dev_info *info, unsigned n_workers,
	char *error, size_t error_size)
{
	const uint32_t quirks =
		port->config.settings.quirks | driver_quirks(port, info->driver_name);
	unsigned n_rx = port->config.rx_queues;

	if (n_rx == 0)
		n_rx = RTE_MIN(n_workers, (unsigned)info->max_rx_queues);
	if (n_rx > info->max_rx_queues) {
		snprintf(error, error_size, "port %s: rx_queues is %u, driver %s has %u",
			port->config.name, n_rx, info->driver_name, info->max_rx_queues);
		return -EINVAL;
	}
	if (n_workers > info->max_tx_queues) {
		snprintf(error, error_size,
			"port %s: %u workers need a transmit queue each, driver %s has %u"
			" (net_af_xdp: set queue_count= in devargs; net_virtio: more queue pairs"
			" in the hypervisor)",
			port->config.name, n_workers, info->driver_name, info->max_tx_queues);
		return -EINVAL;
	}
	if ((quirks & DP_QUIRK_queue_pairs) != 0)
		n_rx = RTE_MAX(n_rx, n_workers);
	port->n_rx = (uint16_t)n_rx;
	port->n_tx = (uint16_t)n_workers;
	return 0;
}

static int
port_plan(struct port *port, unsigned n_workers, char *error, size_t error_size)
{
	struct rte_eth_dev_info info;
	int ret = rte_eth_dev_info_get(port->ethdev, &info);

	if (ret == 0)
		ret = bond_limit_queues(&port->bond, &info);
	if (ret == 0)
		ret = port_plan_queues(port, &info, n_workers, error, error_size);
	else
		snprintf(error, error_size, "port %s: rte_eth_dev_info_get: %s", port->config.name,
			strerror(-ret));
	if (ret < 0)
		return ret;
	port->socket = rte_eth_dev_socket_id(
		port->bond.n_members > 0 ? port->bond.members[0] : port->ethdev);
	if (port->config.mtu != 0)
		port->mtu = (uint16_t)RTE_MAX(
			RTE_MIN(port->config.mtu, (unsigned)info.max_mtu), (unsigned)info.min_mtu);
	else
		ret = rte_eth_dev_get_mtu(port->ethdev, &port->mtu);
	if (ret < 0)
		snprintf(error, error_size, "port %s: reading the MTU: %s", port->config.name,
			strerror(-ret));
	return ret;
}

int
port_open(struct port *port, const struct dp_port_config *config, unsigned n_workers, char *error,
	size_t error_size)
{
	int ret;

	memset(port, 0, sizeof(*port));
	port->config = *config;
	if (config->n_members > 0) {
		ret = bond_open(&port->bond, config, &port->ethdev, error, error_size);
		port->probed = true;
	} else {
		ret = port_probe(port, error, error_size);
	}
	if (ret < 0)
		return ret;
	port_watch(port);
	ret = port_plan(port, n_workers, error, error_size);
	if (ret < 0)
		port_close(port);
	return ret;
}

static int
port_adjust_descriptors(struct port *port)
{
	struct dp_port_settings *settings = &port->settings;
	uint16_t n_rx = (uint16_t)settings->rx_descriptors;
	uint16_t n_tx = (uint16_t)settings->tx_descriptors;
	int ret = rte_eth_dev_adjust_nb_rx_tx_desc(port->ethdev, &n_rx, &n_tx);

	if (ret == 0) {
		settings->rx_descriptors = n_rx;
		settings->tx_descriptors = n_tx;
	}
	return ret;
}

int
port_negotiate(struct port *port, char *error, size_t error_size)
{
	struct rte_eth_dev_info info;
	int ret = rte_eth_dev_info_get(port->ethdev, &info);

	if (ret == 0) {
		port->settings = port->config.settings;
		port->shares_payload = negotiate(&port->settings, &info, port->n_rx, &port->use);
		port->settings.quirks |= driver_quirks(port, info.driver_name);
		ret = port_adjust_descriptors(port);
	}
	if (ret < 0)
		snprintf(error, error_size, "port %s: reading what the device can do: %s",
			port->config.name, strerror(-ret));
	return ret;
}

unsigned
port_descriptors(const struct port *port)
{
	return port->n_rx * port->settings.rx_descriptors +
	       port->n_tx * port->settings.tx_descriptors;
}

/* Spread over receive queues what differs in these headers. */
static void
port_set_rss(struct port *port, const struct rte_eth_dev_info *info, struct rte_eth_conf *conf)
{
	struct dp_port_settings *settings = &port->settings;

	if (settings->rss_types == 0)
		return;
	conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
	conf->rx_adv_conf.rss_conf.rss_hf = negotiated_rss(settings, info);
	if (settings->rss_key_bytes == 0)
		return;
	conf->rx_adv_conf.rss_conf.rss_key = settings->rss_key;
	conf->rx_adv_conf.rss_conf.rss_key_len = (uint8_t)settings->rss_key_bytes;
}

/* The AF_XDP sockets of this process, and in *n how many; no more than fit. */
static void
xdp_sockets_find(int sockets[PORT_XDP_SOCKETS_MAX * DP_PORTS_MAX], unsigned *n)
{
	DIR *all = opendir("/proc/self/fd");
	const struct dirent *entry;

	*n = 0;
	while (all != NULL && (entry = readdir(all)) != NULL) {
		const int fd = atoi(entry->d_name);
		int domain = 0;
		socklen_t size = sizeof(domain);

		if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
			domain == AF_XDP && *n < PORT_XDP_SOCKETS_MAX * DP_PORTS_MAX)
			sockets[(*n)++] = fd;
	}
	if (all != NULL)
		closedir(all);
}

/*
 * net_af_xdp does not expose its sockets, and AF_XDP has no getsockname(): the sockets of a port
 * are those that were opened with its queues.
 */
static void
port_note_xdp_sockets(struct port *port, const int *before, unsigned n_before)
{
	int now[PORT_XDP_SOCKETS_MAX * DP_PORTS_MAX];
	unsigned n_now;

	xdp_sockets_find(now, &n_now);
	for (unsigned i = 0; i < n_now; i++) {
		bool known = false;

		for (unsigned k = 0; k < n_before; k++)
			known = known || before[k] == now[i];
		if (!known && port->n_xdp_sockets < PORT_XDP_SOCKETS_MAX)
			port->xdp_sockets[port->n_xdp_sockets++] = now[i];
	}
}

static int
port_setup_queues(struct port *port, struct rte_mempool *packets)
{
	int before[PORT_XDP_SOCKETS_MAX * DP_PORTS_MAX];
	unsigned n_before;
	int socket = rte_eth_dev_socket_id(port->ethdev);
	/* Again: net_bonding has its members, and their limits, only once it is configured. */
	int ret = port_adjust_descriptors(port);

	xdp_sockets_find(before, &n_before);
	for (uint16_t q = 0; q < port->n_rx && ret == 0; q++)
		ret = rte_eth_rx_queue_setup(port->ethdev, q,
			(uint16_t)port->settings.rx_descriptors, (unsigned)socket, NULL, packets);
	port_note_xdp_sockets(port, before, n_before);
	for (uint16_t q = 0; q < port->n_tx && ret == 0; q++)
		ret = rte_eth_tx_queue_setup(port->ethdev, q,
			(uint16_t)port->settings.tx_descriptors, (unsigned)socket, NULL);
	return ret;
}

/* A virtio device receives no VLAN that it was not asked for, as its driver negotiates the filter.
 */
static bool
filters_vlans(const struct rte_eth_dev_info *info)
{
	return strcmp(info->driver_name, "net_virtio") == 0 &&
	       (info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_VLAN_FILTER) != 0;
}

/* Ask for all VLANs, as flows of any may come. */
static int
port_take_vlans(const struct port *port)
{
	int ret = 0;

	for (uint16_t vlan = 1; vlan < RTE_ETHER_MAX_VLAN_ID && ret == 0; vlan++)
		ret = rte_eth_dev_vlan_filter(port->ethdev, vlan, 1);
	return ret;
}

int
port_configure(struct port *port, struct rte_mempool *packets, char *error, size_t error_size)
{
	struct rte_eth_conf conf = {0};
	struct rte_eth_dev_info info;
	const char *step = "rte_eth_dev_info_get";
	int ret = rte_eth_dev_info_get(port->ethdev, &info);

	if (ret < 0)
		goto failed;
	conf.rxmode.mtu = port->mtu;
	if (filters_vlans(&info))
		conf.rxmode.offloads = RTE_ETH_RX_OFFLOAD_VLAN_FILTER;
	conf.txmode.offloads = negotiated_tx_offloads(&port->settings, &info);
	port_set_rss(port, &info, &conf);
	step = "rte_eth_dev_configure";
	ret = rte_eth_dev_configure(port->ethdev, port->n_rx, port->n_tx, &conf);
	if (ret < 0)
		goto failed;
	/* A bond's members get that of the configuration when it starts, and not before. */
	if (port->config.mtu != 0 && port->bond.n_members == 0) {
		step = "rte_eth_dev_set_mtu";
		ret = rte_eth_dev_set_mtu(port->ethdev, port->mtu);
		/* Without such a function, that of the configuration counts. */
		if (ret < 0 && ret != -ENOTSUP)
			goto failed;
	}
	step = "queue setup";
	ret = port_setup_queues(port, packets);
	if (ret < 0)
		goto failed;
	step = "rte_eth_dev_vlan_filter";
	if (filters_vlans(&info))
		ret = port_take_vlans(port);
	if (ret < 0)
		goto failed;
	return 0;

failed:
	snprintf(error, error_size, "port %s: %s with %u rx and %u tx queues, MTU %u: %s",
		port->config.name, step, port->n_rx, port->n_tx, port->mtu, strerror(-ret));
	return ret;
}

int
port_start(struct port *port, char *error, size_t error_size)
{
	int before[PORT_XDP_SOCKETS_MAX * DP_PORTS_MAX];
	unsigned n_before;
	int ret;

	/* net_bonding sets up the queues of its members only now. */
	xdp_sockets_find(before, &n_before);
	ret = rte_eth_dev_start(port->ethdev);
	port_note_xdp_sockets(port, before, n_before);
	/* The kernel is to hear Neighbour Discovery, and the groups that it joins. A driver without
	 * such a filter has no such function. */
	if (ret == 0 && port->config.kernel_path) {
		ret = rte_eth_allmulticast_enable(port->ethdev);
		ret = ret == -ENOTSUP ? 0 : ret;
	}
	if (ret < 0)
		snprintf(error, error_size, "port %s: rte_eth_dev_start: %s", port->config.name,
			strerror(-ret));
	else
		port->started = true;
	return ret;
}

void
port_stop(struct port *port)
{
	if (port->started)
		rte_eth_dev_stop(port->ethdev);
	port->started = false;
}

void
port_close(struct port *port)
{
	struct rte_eth_dev_info info;
	struct rte_device *device = NULL;

	if (port->closed)
		return;
	port_stop(port);
	port_unwatch(port);
	if (rte_eth_dev_info_get(port->ethdev, &info) == 0)
		device = info.device;
	rte_eth_dev_close(port->ethdev);
	if (port->probed && device != NULL)
		rte_dev_remove(device);
	bond_close(&port->bond);
	port->closed = true;
}

/* Where sysfs names the driver that has the port's PCI device. */
static void
driver_link_path(const struct port *port, char *path, size_t size)
{
	char device[RTE_ETH_NAME_MAX_LEN], address[RTE_ETH_NAME_MAX_LEN + 8];

	port_device_name(port->config.devargs, device, sizeof(device));
	pci_address(device, address, sizeof(address));
	snprintf(path, size, "/sys/bus/pci/devices/%s/driver", address);
}

/* Another number each time that a driver takes the device; 0: none has it. */
static ino_t
driver_link(const char *path)
{
	struct stat link;

	return lstat(path, &link) == 0 ? link.st_ino : 0;
}

void
port_unplug(struct port *port)
{
	char path[128];

	driver_link_path(port, path, sizeof(path));
	port->driver_link = driver_link(path);
	port_info(port, &port->last);
	port->last.link_up = false;
	port->last.unplugged = true;
	port_nic_stats(port, &port->nic_before);
	port->probed = true; /* and if it was the EAL: the kernel waits for the removal */
	port_close(port);
	port->unplugged = true;
}

bool
port_is_back(const struct port *port)
{
	char path[128], target[128];
	const char *driver;
	ssize_t length;

	driver_link_path(port, path, sizeof(path));
	length = readlink(path, target, sizeof(target) - 1);
	target[length > 0 ? length : 0] = '\0';
	driver = strrchr(target, '/');
	return driver != NULL && strcmp(driver, "/vfio-pci") == 0 &&
	       driver_link(path) != port->driver_link;
}

int
port_replug(struct port *port, struct rte_mempool *packets, char *error, size_t error_size)
{
	const uint16_t n_rx = port->n_rx, n_tx = port->n_tx, mtu = port->mtu;
	int ret = port_probe(port, error, error_size);

	if (ret < 0)
		return ret;
	port->closed = false;
	port_watch(port);
	ret = port_plan(port, n_tx, error, error_size);
	if (ret == 0 && (port->n_rx != n_rx || port->mtu != mtu)) {
		snprintf(error, error_size,
			"port %s: found another device with %u receive queues and MTU %u, expected"
			" %u and %u (restart sluiced to use it)",
			port->config.name, port->n_rx, port->mtu, n_rx, mtu);
		ret = -EINVAL;
	}
	if (ret == 0)
		ret = port_negotiate(port, error, error_size);
	if (ret == 0 && port_descriptors(port) > port->pool_descriptors) {
		snprintf(error, error_size,
			"port %s: found another device with %u descriptors in all queues, expected"
			" at most %u (restart sluiced to use it)",
			port->config.name, port_descriptors(port), port->pool_descriptors);
		ret = -EINVAL;
	}
	if (ret == 0)
		ret = port_configure(port, packets, error, error_size);
	if (ret == 0)
		ret = port_start(port, error, error_size);
	if (ret < 0) {
		port_close(port);
		port->n_rx = n_rx;
		port->mtu = mtu;
	}
	return ret;
}

/* The MAC address that the kernel's interface has now; drivers keep the one of when they began. */
static void
kernel_mac(unsigned ifindex, uint8_t mac[6])
{
	struct ifreq request = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	if (if_indextoname(ifindex, request.ifr_name) != NULL &&
		ioctl(fd, SIOCGIFHWADDR, &request) == 0)
		memcpy(mac, request.ifr_hwaddr.sa_data, RTE_ETHER_ADDR_LEN);
	close(fd);
}

void
port_info(const struct port *port, struct dp_port_info *info)
{
	struct rte_eth_dev_info dev;
	struct rte_eth_link link;
	struct rte_ether_addr mac;

	if (port->unplugged) {
		*info = port->last;
		return;
	}
	memset(info, 0, sizeof(*info));
	memcpy(info->name, port->config.name, sizeof(info->name));
	memcpy(info->devargs, port->config.devargs, sizeof(info->devargs));
	info->mtu = port->mtu;
	info->socket = port->socket;
	info->rx_queues = port->n_rx;
	info->shares_payload = port->shares_payload;
	info->settings = port->settings;
	if (rte_eth_dev_info_get(port->ethdev, &dev) == 0) {
		snprintf(info->driver, sizeof(info->driver), "%s", dev.driver_name);
		info->ifindex = dev.if_index;
	}
	if (rte_eth_macaddr_get(port->ethdev, &mac) == 0)
		memcpy(info->mac, mac.addr_bytes, sizeof(info->mac));
	if (info->ifindex != 0)
		kernel_mac(info->ifindex, info->mac);
	info->kernel_path = info->ifindex == 0 && port->kernel_ifindex != 0;
	if (info->kernel_path)
		info->ifindex = port->kernel_ifindex;
	if (rte_eth_link_get_nowait(port->ethdev, &link) == 0) {
		info->link_up = link.link_status == RTE_ETH_LINK_UP;
		/* Some drivers' links never go down: the partner tells. */
		if (port->bond.is_lacp)
			info->link_up = info->link_up && bond_is_active(&port->bond, port->ethdev);
		if (link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN)
			info->link_mbps = link.link_speed;
	}
}

static void
xdp_stats_add(int fd, uint64_t sum[DP_XDP_COUNT])
{
	struct xdp_statistics found = {0};
	socklen_t size = sizeof(found);

	if (getsockopt(fd, SOL_XDP, XDP_STATISTICS, &found, &size) < 0)
		return;
	sum[DP_XDP_rx_ring_full] += found.rx_ring_full;
	sum[DP_XDP_rx_dropped] += found.rx_dropped;
	sum[DP_XDP_rx_fill_ring_empty] += found.rx_fill_ring_empty_descs;
	sum[DP_XDP_rx_invalid_descs] += found.rx_invalid_descs;
	sum[DP_XDP_tx_invalid_descs] += found.tx_invalid_descs;
}

void
port_nic_stats(const struct port *port, struct dp_port_stats *stats)
{
	const struct dp_port_stats *before = &port->nic_before;
	struct rte_eth_stats nic = {0};

	if (!port->closed && rte_eth_stats_get(port->ethdev, &nic) < 0)
		return;
	for (unsigned i = 0; i < port->n_xdp_sockets; i++)
		xdp_stats_add(port->xdp_sockets[i], stats->xdp);
	/* The driver counts only what was dropped for other reasons. */
	stats->nic_missed = before->nic_missed + nic.imissed + stats->xdp[DP_XDP_rx_ring_full];
	stats->nic_no_buffer = before->nic_no_buffer + nic.rx_nombuf;
	stats->nic_rx_errors = before->nic_rx_errors + nic.ierrors;
	stats->nic_tx_errors = before->nic_tx_errors + nic.oerrors;
}
