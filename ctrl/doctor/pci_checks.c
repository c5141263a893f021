/* SPDX-License-Identifier: BSD-3-Clause */
/* See pci_checks.h. */
#include "doctor/pci_checks.h"

#include <glob.h>
#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "doctor/tree.h"

#define DISTANCE_LOCAL 10 /* ACPI 6.5, section 5.2.17 */
#define IFF_UP_BIT 0x1

/* As `ethtool -i` has it. */
static void
firmware_read(const char *netdev, char *firmware, size_t size)
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
	struct ifreq request = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%.15s", netdev);
	request.ifr_data = (char *)&info;
	if (ioctl(fd, SIOCETHTOOL, &request) == 0)
		snprintf(firmware, size, "%s", info.fw_version);
	close(fd);
}

/* The kernel's interface of a PCI device: virtio has one more directory in between. */
static void
netdev_find(const char *root, const char *pci, char netdev[DP_NAME_MAX])
{
	static const char *const patterns[] = {"net/*", "virtio*/net/*"};
	char pattern[TREE_PATH_MAX];
	glob_t found;

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		snprintf(pattern, sizeof(pattern), "%s/sys/bus/pci/devices/%s/%s", root, pci,
			patterns[i]);
		if (glob(pattern, 0, NULL, &found) != 0)
			continue;
		snprintf(netdev, DP_NAME_MAX, "%s", strrchr(found.gl_pathv[0], '/') + 1);
		globfree(&found);
		return;
	}
}

/* /proc/net/route: interface, destination, gateway ... in hexadecimal. */
static bool
route_is_default(const char *root, const char *netdev)
{
	FILE *file = tree_open(root, "/proc/net/route");
	char line[256], name[DP_NAME_MAX];
	unsigned destination;
	bool found = false;

	while (file && fgets(line, sizeof(line), file))
		found |= sscanf(line, "%31s %x", name, &destination) == 2 && destination == 0 &&
			 strcmp(name, netdev) == 0;
	if (file)
		fclose(file);
	return found;
}

static struct pcie_link
link_read(const char *root, const char *directory, const char *which)
{
	char speed[32];

	tree_text(root, speed, sizeof(speed), "%s/%s_link_speed", directory, which);
	return (struct pcie_link){.gts = strtod(speed, NULL),
		.lanes = (unsigned)tree_number(root, 0, "%s/%s_link_width", directory, which)};
}

void
device_read(const char *root, const struct port_setup *port, struct device *device)
{
	char directory[64];

	*device = (struct device){.port = port, .node = -1};
	if (port->pci[0]) {
		snprintf(directory, sizeof(directory), "/sys/bus/pci/devices/%s", port->pci);
		device->is_there = tree_exists(root, "%s", directory);
		snprintf(device->pci, sizeof(device->pci), "%s", port->pci);
		netdev_find(root, port->pci, device->netdev);
	} else if (port->iface[0]) {
		snprintf(directory, sizeof(directory), "/sys/class/net/%s/device", port->iface);
		device->is_there = tree_exists(root, "/sys/class/net/%s", port->iface);
		if (device->is_there)
			snprintf(device->netdev, sizeof(device->netdev), "%s", port->iface);
		tree_link(root, device->pci, sizeof(device->pci), "%s", directory);
	} else {
		return;
	}
	tree_link(root, device->driver, sizeof(device->driver), "%s/driver", directory);
	device->node = (int)tree_number(root, -1, "%s/numa_node", directory);
	device->link = link_read(root, directory, "current");
	device->link_max = link_read(root, directory, "max");
	if (!device->netdev[0])
		return;
	device->is_up =
		tree_number(root, 0, "/sys/class/net/%s/flags", device->netdev) & IFF_UP_BIT;
	device->has_default_route = route_is_default(root, device->netdev);
	if (root[0] == '\0')
		firmware_read(device->netdev, device->firmware, sizeof(device->firmware));
}

/* DPDK's PMDs of these work beside the kernel's driver ("bifurcated"). */
static bool
driver_is_shared(const char *driver)
{
	return strcmp(driver, "mlx5_core") == 0 || strcmp(driver, "mlx4_core") == 0 ||
	       strcmp(driver, "mana") == 0;
}

bool
device_needs_vfio(const struct device *device)
{
	return device->port->pci[0] != '\0' && !driver_is_shared(device->driver);
}

static bool
driver_is_for_users(const char *driver)
{
	return strcmp(driver, "vfio-pci") == 0 || strcmp(driver, "igb_uio") == 0 ||
	       strcmp(driver, "uio_pci_generic") == 0;
}

struct verdict
driver_judge(const struct device *device)
{
	static const char none_why[] = "sluiced cannot open the port: it forwards 0 packets.";
	struct verdict verdict = verdict_begin("driver");
	const struct port_setup *port = device->port;

	verdict_found(&verdict, "port %s: ", port->name);
	if (!port->pci[0] && !port->iface[0]) {
		verdict_found(&verdict, "%.*s, a virtual device", (int)strcspn(port->devargs, ","),
			port->devargs);
		return verdict;
	}
	verdict_found(&verdict, "%s", port->pci[0] ? port->pci : port->iface);
	if (!device->is_there) {
		verdict_found(&verdict, " is not there");
		verdict_fault(&verdict, SEVERITY_ERROR, none_why,
			port->pci[0] ? "lspci -D -d ::0200 # then: sudoedit %s"
				     : "ip -brief link # if it has another name now: sudoedit %s",
			device->config);
		return verdict;
	}
	if (device->driver[0])
		verdict_found(&verdict, " is bound to %s", device->driver);
	else if (port->pci[0])
		verdict_found(&verdict, " is bound to no driver");
	if (device->firmware[0])
		verdict_found(&verdict, ", firmware %s", device->firmware);
	if (port->iface[0]) {
		verdict_found(&verdict, ", %s", device->is_up ? "up" : "down");
		if (!device->is_up)
			verdict_fault(&verdict, SEVERITY_ERROR,
				"An interface that is down receives 0 packets.",
				"sudo ip link set %s up", port->iface);
	} else if (!driver_is_shared(device->driver) && !driver_is_for_users(device->driver)) {
		verdict_found(&verdict, ", expected vfio-pci");
		if (device->has_default_route) {
			verdict_found(&verdict, "; its interface %s carries the default route",
				device->netdev);
			verdict_fault(&verdict, SEVERITY_ERROR,
				"sluiced would take the machine's own way to the network. Give the "
				"port another NIC.",
				"lspci -D -d ::0200 # then: sudoedit %s", device->config);
		}
		verdict_fault(&verdict, SEVERITY_ERROR, none_why, "sudo sluice-setup");
	}
	return verdict;
}

/* Of data, each way: 8b/10b up to 5 GT/s, then 128b/130b (PCI Express 5.0, section 4.2). */
static double
link_gbps(struct pcie_link link)
{
	return link.gts * link.lanes * (link.gts <= 5 ? 0.8 : 128.0 / 130);
}

#define PCIE_PACKET_BYTES 200 /* an RTP packet of speech */
#define PCIE_OVERHEAD_BYTES 56 /* headers of two transactions, and a descriptor */

struct verdict
pcie_judge(const struct device *device)
{
	const struct pcie_link link = device->link, max = device->link_max;
	struct verdict verdict = verdict_begin("pcie");
	const double gbps = link_gbps(link), gbps_max = link_gbps(max);
	char why[200];

	verdict_found(&verdict, "port %s: %s ", device->port->name, device->pci);
	if (gbps <= 0 || gbps_max <= 0) {
		verdict_found(&verdict, "reports no link, as virtual devices do");
		return verdict;
	}
	verdict_found(&verdict, "has %u lanes of %.4g GT/s", link.lanes, link.gts);
	if (gbps >= gbps_max)
		return verdict;
	verdict_found(&verdict, ", it can have %u of %.4g GT/s", max.lanes, max.gts);
	snprintf(why, sizeof(why),
		"The link carries at most %.0f instead of %.0f Gbit/s each way, or about %.0f "
		"million packets of %u bytes a second. Use a slot with more lanes.",
		gbps, gbps_max, gbps * 1e3 / 8 / (PCIE_PACKET_BYTES + PCIE_OVERHEAD_BYTES),
		PCIE_PACKET_BYTES);
	verdict_fault(&verdict, SEVERITY_WARNING, why,
		"sudo lspci -vv -s %s | grep -E \"LnkCap|LnkSta\"", device->pci);
	return verdict;
}

/* The distance between two nodes; 10 if the kernel does not know. */
static unsigned
distance_read(const char *root, int from, int to)
{
	char text[512], *at = text, *end;
	unsigned long distance = DISTANCE_LOCAL;

	if (from < 0 || to < 0 ||
		!tree_text(root, text, sizeof(text), NODE_DIR "/node%d/distance", from))
		return DISTANCE_LOCAL;
	for (int i = 0; i <= to; i++, at = end) {
		distance = strtoul(at, &end, 10);
		if (end == at)
			return DISTANCE_LOCAL;
	}
	return (unsigned)distance;
}

static int
node_of_cpu(const char *root, unsigned cpu, unsigned n_nodes)
{
	for (unsigned node = 0; n_nodes > 0 && node < NODES_MAX; node++) {
		cpu_set_t cpus;

		tree_cpus(root, &cpus, NODE_DIR "/node%u/cpulist", node);
		if (CPU_ISSET(cpu, &cpus))
			return (int)node;
	}
	return -1;
}

void
placement_read(const char *root, const struct setup *setup, const struct device *device,
	struct placement *facts)
{
	cpu_set_t nodes;

	tree_cpus(root, &nodes, NODE_DIR "/online");
	*facts = (struct placement){
		.device = device,
		.n_nodes = (unsigned)CPU_COUNT(&nodes),
		.n_workers = setup->n_workers,
	};
	for (unsigned i = 0; i < setup->n_workers; i++) {
		const int node = node_of_cpu(root, setup->workers[i], facts->n_nodes);

		facts->workers[i].cpu = setup->workers[i];
		facts->workers[i].node = node;
		facts->workers[i].distance = distance_read(root, node, device->node);
	}
	if (device->node >= 0)
		tree_text(root, facts->local_cpus, sizeof(facts->local_cpus),
			NODE_DIR "/node%d/cpulist", device->node);
}

struct verdict
placement_judge(const struct placement *facts)
{
	struct verdict verdict = verdict_begin("numa");
	const struct device *device = facts->device;
	unsigned n_far = 0;

	if (facts->n_nodes <= 1) {
		verdict_found(&verdict, "the machine has one node");
		return verdict;
	}
	verdict_found(&verdict, "port %s: ", device->port->name);
	if (device->node < 0) {
		verdict_found(&verdict, "its device is on no node");
		return verdict;
	}
	verdict_found(&verdict, "on node %d, ", device->node);
	for (unsigned i = 0; i < facts->n_workers; i++) {
		if (facts->workers[i].distance > DISTANCE_LOCAL)
			verdict_found(&verdict, "%sworker %u (CPU %u) on node %d at distance %u",
				n_far++ > 0 ? ", " : "", i, facts->workers[i].cpu,
				facts->workers[i].node, facts->workers[i].distance);
	}
	if (n_far == 0)
		verdict_found(&verdict, "as all workers");
	else
		verdict_fault(&verdict, SEVERITY_WARNING,
			"These workers read packets, and write them, over the interconnect to the "
			"memory of the port's node.",
			"sudoedit %s # workers: of CPUs %s", device->config, facts->local_cpus);
	return verdict;
}

void
pci_checks(const char *root, const struct setup *setup, json_t *report)
{
	for (unsigned i = 0; i < setup->n_ports; i++) {
		struct placement placement;
		struct verdict verdict;
		struct device device;

		device_read(root, &setup->ports[i], &device);
		device.config = setup->path;
		verdict = driver_judge(&device);
		verdict_report(&verdict, report);
		if (!device.is_there)
			continue;
		if (setup->ports[i].pci[0] || device.link_max.lanes > 0) {
			verdict = pcie_judge(&device);
			verdict_report(&verdict, report);
		}
		placement_read(root, setup, &device, &placement);
		if (placement.n_nodes <= 1 && i > 0)
			continue; /* said of the first port */
		verdict = placement_judge(&placement);
		verdict_report(&verdict, report);
	}
}
