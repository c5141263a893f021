/* SPDX-License-Identifier: BSD-3-Clause */
/* See daemon_checks.h. */
#include "doctor/daemon_checks.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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

void
spread_read(const struct setup *setup, const json_t *info_before, const json_t *info_after,
	const json_t *counters_before, const json_t *counters_after, struct spread *facts)
{
	const json_t *before = json_object_get(info_before, "workers");
	json_t *worker;
	size_t i;

	*facts = (struct spread){
		.iface = "", .missed = missed_of(counters_after) - missed_of(counters_before)};
	json_array_foreach (json_object_get(info_after, "workers"), i, worker) {
		if (i == DP_WORKERS_MAX)
			break;
		facts->packets[i] = number_of(worker, "rx_packets") -
				    number_of(json_array_get(before, i), "rx_packets");
		facts->n_workers++;
	}
	for (unsigned port = 0; port < setup->n_ports && !facts->iface[0]; port++)
		facts->iface = setup->ports[port].iface;
}

#define PACKETS_ENOUGH 1000 /* to say how they spread */
#define SHARE_MUCH 1.5 /* of the mean, for the busiest worker */

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
