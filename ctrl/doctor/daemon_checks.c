/* SPDX-License-Identifier: BSD-3-Clause */
/* See daemon_checks.h. */
#include "doctor/daemon_checks.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "doctor/tree.h"

#define DPDK_LEAST_YEAR 22
#define DPDK_LEAST_MONTH 11

void
versions_read(const json_t *info, struct versions *facts)
{
	FILE *output;

	*facts = (struct versions){.sluicectl = SLUICE_VERSION};
	if (info) {
		snprintf(facts->sluiced, sizeof(facts->sluiced), "%s",
			json_string_value(json_object_get(info, "version")));
		snprintf(facts->dpdk, sizeof(facts->dpdk), "%s",
			json_string_value(json_object_get(info, "dpdk")));
		return;
	}
	/* Users have no directory of daemons in their PATH. */
	output = popen("PATH=$PATH:/usr/local/sbin:/usr/sbin exec sluiced --version 2>&1", "re");
	if (output && fgets(facts->said, sizeof(facts->said), output) &&
		sscanf(facts->said, "sluiced %31[^,], %31[^\n]", facts->sluiced, facts->dpdk) != 2)
		facts->sluiced[0] = '\0';
	facts->said[strcspn(facts->said, "\n")] = '\0';
	if (output)
		pclose(output);
}

struct verdict
versions_judge(const struct versions *facts)
{
	struct verdict verdict = verdict_begin("versions");
	unsigned year = 0, month = 0;

	if (facts->sluiced[0] == '\0') {
		const bool is_missing =
			strstr(facts->said, "not found") && !strstr(facts->said, "librar");

		if (is_missing)
			verdict_found(&verdict, "there is no program sluiced");
		else
			verdict_found(&verdict, "sluiced does not start: %s", facts->said);
		verdict_fault(&verdict, SEVERITY_ERROR, "What does not start forwards 0 packets.",
			is_missing ? "sudo apt-get install -y ./sluice_*.deb"
				   : "sudo apt-get install -y dpdk");
		return verdict;
	}
	verdict_found(&verdict, "sluiced %s, %s", facts->sluiced, facts->dpdk);
	if (strcmp(facts->sluiced, facts->sluicectl) != 0) {
		verdict_found(&verdict, ", sluicectl %s", facts->sluicectl);
		verdict_fault(&verdict, SEVERITY_WARNING,
			"One of them was not upgraded, or sluiced not restarted after it: it may "
			"lack what sluicectl asks for. No packet is lost.",
			"sudo systemctl restart sluiced");
	}
	if (sscanf(facts->dpdk, "DPDK %u.%u", &year, &month) == 2 &&
		(year < DPDK_LEAST_YEAR || (year == DPDK_LEAST_YEAR && month < DPDK_LEAST_MONTH))) {
		verdict_found(&verdict, ", expected DPDK %u.%u or later", DPDK_LEAST_YEAR,
			DPDK_LEAST_MONTH);
		verdict_fault(&verdict, SEVERITY_ERROR,
			"Earlier releases were never tried: packets may be lost or wrong.",
			"sudo apt-get install -y dpdk");
	}
	return verdict;
}

static uint64_t
number_of(const json_t *object, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(object, name));
}

/* How much a counter has grown. They begin at 0 again if sluiced was restarted in that while, or
 * the NIC was plugged in again.
 */
static uint64_t
increase(uint64_t before, uint64_t after)
{
	return after > before ? after - before : 0;
}

static uint64_t
increase_of(const json_t *before, const json_t *after, const char *name)
{
	return increase(number_of(before, name), number_of(after, name));
}

static uint64_t
missed_of(const json_t *counters)
{
	uint64_t missed = 0;
	json_t *port;
	size_t i;

	json_array_foreach (json_object_get(counters, "ports"), i, port) {
		missed += number_of(json_object_get(port, "nic"), "missed");
		missed += number_of(json_object_get(port, "xdp"), "rx_ring_full");
	}
	return missed;
}

/* rss_types in effect, as port.list has the settings of a port. */
static bool
port_has_rss(const json_t *port)
{
	json_t *setting;
	size_t i;

	json_array_foreach (json_object_get(port, "settings"), i, setting) {
		if (strcmp(json_string_value(json_object_get(setting, "name")), "rss_types") == 0)
			return json_array_size(json_object_get(setting, "value")) > 0;
	}
	return false;
}

/* before, after: the port in counters.get. */
static void
queues_read(const json_t *before, const json_t *after, struct queue_spread *facts)
{
	const json_t *earlier = json_object_get(before, "queues");
	json_t *queue;
	size_t i;

	json_array_foreach (json_object_get(after, "queues"), i, queue) {
		const uint64_t packets =
			increase_of(json_array_get(earlier, i), queue, "rx_packets");

		facts->n_queues++;
		facts->packets += packets;
		if (packets > facts->most) {
			facts->most = packets;
			facts->busiest = (unsigned)i;
		}
	}
}

static const char *
iface_of(const struct setup *setup, const char *port)
{
	for (unsigned i = 0; i < setup->n_ports; i++) {
		if (port && strcmp(setup->ports[i].name, port) == 0)
			return setup->ports[i].iface;
	}
	return "";
}

/* Ports have the same order in all replies. */
static void
ports_read(const struct setup *setup, const struct replies *replies, struct spread *facts)
{
	const json_t *before = json_object_get(replies->counters[0], "ports");
	const json_t *ports = json_object_get(replies->ports, "ports");
	json_t *port;
	size_t i;

	json_array_foreach (json_object_get(replies->counters[1], "ports"), i, port) {
		const char *name = json_string_value(json_object_get(port, "name"));

		if (i == DP_PORTS_MAX)
			break;
		facts->ports[i] = (struct queue_spread){.port = name,
			.iface = iface_of(setup, name),
			.rss = port_has_rss(json_array_get(ports, i))};
		queues_read(json_array_get(before, i), port, &facts->ports[i]);
		facts->n_ports++;
	}
}

void
spread_read(const struct setup *setup, const struct replies *replies, struct spread *facts)
{
	const json_t *before = json_object_get(replies->info[0], "workers");
	json_t *worker;
	size_t i;

	*facts = (struct spread){.iface = "",
		.missed =
			increase(missed_of(replies->counters[0]), missed_of(replies->counters[1]))};
	json_array_foreach (json_object_get(replies->info[1], "workers"), i, worker) {
		if (i == DP_WORKERS_MAX)
			break;
		facts->packets[i] = increase_of(json_array_get(before, i), worker, "rx_packets");
		facts->n_workers++;
	}
	for (unsigned port = 0; port < setup->n_ports && !facts->iface[0]; port++)
		facts->iface = setup->ports[port].iface;
	ports_read(setup, replies, facts);
}

#define PACKETS_ENOUGH 1000 /* to say how they spread */
#define SHARE_MUCH 1.5 /* of the mean, for the busiest worker or queue */

/* Queues of a port that get much more than others: also where that is even for the workers. */
static void
queues_judge(const struct queue_spread *facts, struct verdict *verdict)
{
	static const char why[] =
		"One queue fills up, and its worker is at 100%, before the others: "
		"the packets are lost then.";

	if (facts->n_queues < 2 || facts->packets < PACKETS_ENOUGH ||
		(double)facts->most * facts->n_queues <= SHARE_MUCH * (double)facts->packets)
		return;
	verdict_found(verdict, ", queue %u of %s gets %.0f%%, expected %.0f%%", facts->busiest,
		facts->port, (double)facts->most * 100 / (double)facts->packets,
		100.0 / facts->n_queues);
	if (facts->iface[0])
		verdict_fault(verdict, SEVERITY_WARNING, why,
			"sudo ethtool -N %s rx-flow-hash udp4 sdfn && sudo ethtool -X %s equal %u",
			facts->iface, facts->iface, facts->n_queues);
	else if (facts->rss)
		verdict_fault(verdict, SEVERITY_WARNING, why,
			"sluicectl top --view flows # one flow may be most of it: RSS spreads "
			"flows, not packets");
	else
		verdict_fault(verdict, SEVERITY_WARNING, why,
			"sluicectl port show %s # rss_types none: the device chooses the queues; "
			"offer RSS to the guest (qemu: virtio-net-pci,mq=on,rss=on)",
			facts->port);
}

struct verdict
spread_judge(const struct spread *facts)
{
	struct verdict verdict = verdict_begin("queues");
	uint64_t total = 0, most = 0;
	double mean;

	for (unsigned i = 0; i < facts->n_workers; i++) {
		total += facts->packets[i];
		most = facts->packets[i] > most ? facts->packets[i] : most;
	}
	mean = facts->n_workers ? (double)total / facts->n_workers : 0;
	verdict_found(&verdict, "%" PRIu64 " packets in a second", total);
	for (unsigned i = 0; i < facts->n_workers && facts->n_workers > 1 && total > 0; i++)
		verdict_found(&verdict, "%s%.0f%%", i == 0 ? ", by worker " : " ",
			(double)facts->packets[i] * 100 / (double)total);
	for (unsigned i = 0; i < facts->n_ports; i++)
		queues_judge(&facts->ports[i], &verdict);
	if (facts->missed > 0) {
		verdict_found(&verdict, ", %" PRIu64 " lost as queues were full", facts->missed);
		verdict_fault(&verdict, SEVERITY_WARNING,
			"Workers do not take packets as fast as they arrive, or were interrupted: "
			"these packets are lost.",
			"sluicectl workers # BUSY near 100%%: add workers; else see isolation "
			"here");
	}
	if (total < PACKETS_ENOUGH) {
		verdict_found(&verdict, ", too few to judge their spread");
	} else if (facts->n_workers > 1 && (double)most > SHARE_MUCH * mean) {
		verdict_found(&verdict, ", expected %.0f%% each", 100.0 / facts->n_workers);
		if (facts->iface[0])
			verdict_fault(&verdict, SEVERITY_WARNING,
				"One worker limits the whole: packets are lost when it is at 100%, "
				"while others wait.",
				"sudo ethtool -N %s rx-flow-hash udp4 sdfn && sudo ethtool -X %s "
				"equal %u",
				facts->iface, facts->iface, facts->n_workers);
		else
			verdict_fault(&verdict, SEVERITY_WARNING,
				"One worker limits the whole: packets are lost when it is at 100%, "
				"while others wait. RSS spreads flows, not packets.",
				"sluicectl top --view flows # one flow may be most of it");
	}
	return verdict;
}

/* Whether the port is on a device that has a link: tap, veth and memif report one, too. */
static bool
link_is_real(const char *root, const json_t *port)
{
	const char *devargs = json_string_value(json_object_get(port, "devargs"));
	const char *netdev = json_string_value(json_object_get(port, "netdev"));
	char pci[PCI_ADDRESS_MAX];

	return devargs_pci(devargs, pci, sizeof(pci)) ||
	       (netdev && tree_exists(root, "/sys/class/net/%s/device", netdev));
}

static struct load_way
load_way_read(const json_t *before, const json_t *after, const char *packets_name,
	const char *bytes_name, double seconds, uint64_t n_lost)
{
	const uint64_t packets = increase_of(before, after, packets_name);
	const uint64_t bytes = increase_of(before, after, bytes_name);

	return (struct load_way){.pps = (double)(packets + n_lost) / seconds,
		.bytes = packets > 0 ? (double)bytes / (double)packets : 0};
}

static uint64_t
lost_of(const json_t *counters)
{
	const json_t *nic = json_object_get(counters, "nic");

	return number_of(nic, "missed") + number_of(nic, "no_buffer");
}

void
load_read(const char *root, const json_t *port, const json_t *before, const json_t *after,
	double seconds, struct load *facts)
{
	json_t *setting;
	size_t i;

	*facts = (struct load){.port = json_string_value(json_object_get(port, "name")),
		.driver = json_string_value(json_object_get(port, "driver"))};
	if (link_is_real(root, port))
		facts->link_mbps = (unsigned)number_of(port, "link_mbps");
	json_array_foreach (json_object_get(port, "settings"), i, setting) {
		if (strcmp(json_string_value(json_object_get(setting, "name")), "pps_max") == 0)
			facts->pps_max = (unsigned)number_of(setting, "value");
	}
	facts->rx = load_way_read(before, after, "rx_packets", "rx_bytes", seconds,
		increase(lost_of(before), lost_of(after)));
	facts->tx = load_way_read(before, after, "tx_packets", "tx_bytes", seconds, 0);
}

#define SHARE_FULL 0.9 /* of a link or a ceiling: bursts fill the rest */
#define WIRE_BYTES 24 /* FCS 4, preamble 8, gap 12: IEEE 802.3, clauses 3 and 4.4.2 */

static void
load_way_found(struct verdict *verdict, const struct load *facts, const char *what,
	const struct load_way *way, double *most)
{
	const double bps = way->pps * (way->bytes + WIRE_BYTES) * 8;

	if (way->pps < 1e6)
		verdict_found(verdict, "%s %.0f packets a second", what, way->pps);
	else
		verdict_found(verdict, "%s %.3g million packets a second", what, way->pps / 1e6);
	if (facts->link_mbps > 0) {
		const double share = bps / (facts->link_mbps * 1e6);

		verdict_found(verdict, ", %.0f%% of its link", share * 100);
		*most = share > *most ? share : *most;
	}
	if (facts->pps_max > 0) {
		const double share = way->pps / facts->pps_max;

		verdict_found(verdict, ", %.0f%% of pps_max", share * 100);
		*most = share > *most ? share : *most;
	}
}

struct verdict
load_judge(const struct load *facts)
{
	struct verdict verdict = verdict_begin("load");
	double most = 0;

	verdict_found(&verdict, "port %s: ", facts->port);
	load_way_found(&verdict, facts, "receives", &facts->rx, &most);
	load_way_found(&verdict, facts, "; sends", &facts->tx, &most);
	if (facts->link_mbps > 0)
		verdict_found(&verdict, "; link of %u Mbit/s", facts->link_mbps);
	if (facts->pps_max > 0)
		verdict_found(
			&verdict, "; driver %s has a pps_max of %u", facts->driver, facts->pps_max);
	if (most >= SHARE_FULL) {
		verdict_found(&verdict, "; expected less than %.0f%%", SHARE_FULL * 100);
		verdict_fault(&verdict, SEVERITY_WARNING,
			"A burst does not fit any more: the NIC or the switch loses packets that "
			"sluiced never sees, also with idle workers. Move flows to another port.",
			"sluicectl port show %s # pps_max and its source; missed and rx_errors",
			facts->port);
	}
	return verdict;
}
