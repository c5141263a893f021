/* SPDX-License-Identifier: BSD-3-Clause */
/* `workers`: how busy each worker is, and two histograms as bars. */
#include <inttypes.h>

#include "base/escape.h"
#include "cli/commands.h"
#include "cli/paint.h"
#include "cli/text.h"

#define LABEL_INDENT 10
#define BAR_AT 33 /* column where a bar begins */
#define BAR_MAX 40 /* characters of the longest one */

/* A row of a histogram: what it stands for, and how many. What is not 0 can be seen. */
static void
bar_print(const char *label, uint64_t count, uint64_t most, uint64_t sum)
{
	const size_t columns = paint_columns(stdout, SIZE_MAX);
	const size_t longest = columns - BAR_AT < BAR_MAX ? columns - BAR_AT : BAR_MAX;
	uint64_t length = most != 0 ? count * longest / most : 0;
	const double share = sum != 0 ? 100.0 * (double)count / (double)sum : 0;

	if (length == 0 && count != 0)
		length = 1;
	printf("%12s %11" PRIu64 " %5.1f%%%s", label, count, share, length > 0 ? "  " : "");
	while (length-- > 0)
		putchar('#');
	putchar('\n');
}

/* Bursts by packets in them, in groups of powers of two: 1, 2, 3-4, 5-8 ... */
static void
bursts_print(const json_t *bursts)
{
	const size_t n = json_array_size(bursts);
	uint64_t groups[16] = {0}, most = 0, sum = 0;
	char label[32];
	size_t last = 0;

	for (size_t i = 1; i < n; i++) {
		const size_t group = i == 1 ? 0 : 64 - (size_t)__builtin_clzll(i - 1);

		if (group >= sizeof(groups) / sizeof(groups[0]))
			break;
		groups[group] += (uint64_t)json_integer_value(json_array_get(bursts, i));
		most = groups[group] > most ? groups[group] : most;
		last = groups[group] != 0 ? group : last;
	}
	for (size_t group = 0; group <= last; group++)
		sum += groups[group];
	printf("%12s %11s\n", "IN A BURST", "BURSTS");
	for (size_t group = 0; group <= last; group++) {
		if (group < 2)
			snprintf(label, sizeof(label), "%zu", group + 1);
		else
			snprintf(label, sizeof(label), "%u-%u", (1u << (group - 1)) + 1,
				1u << group);
		bar_print(label, groups[group], most, sum);
	}
}

/* "512 ns", "65.5 us", "2.1 ms" */
static void
time_label(uint64_t ns, char *label, size_t size)
{
	if (ns < 1000)
		snprintf(label, size, "%" PRIu64 " ns", ns);
	else if (ns < 1000000)
		snprintf(label, size, "%.1f us", (double)ns / 1e3);
	else
		snprintf(label, size, "%.1f ms", (double)ns / 1e6);
}

/* Time from rx to tx of sampled packets: each row from its time to twice that. */
static void
residence_print(const json_t *buckets)
{
	uint64_t most = 0, sum = 0;
	char label[32];
	json_t *bucket;
	size_t i;

	json_array_foreach (buckets, i, bucket) {
		const uint64_t packets = member_number(bucket, "packets");

		most = packets > most ? packets : most;
		sum += packets;
	}
	printf("%12s %11s\n", "INSIDE FOR", "PACKETS");
	json_array_foreach (buckets, i, bucket) {
		time_label(member_number(bucket, "from_ns"), label, sizeof(label));
		bar_print(label, member_number(bucket, "packets"), most, sum);
	}
}

static double
member_real(const json_t *object, const char *name)
{
	return json_number_value(json_object_get(object, name));
}

static void
worker_print(const json_t *worker)
{
	text_print(stdout, LABEL_INDENT,
		"worker %" PRIu64 "  on CPU %" PRIu64 ", %" PRIu64 " queue%s, %" PRIu64
		" packet%s in, %" PRIu64 " out",
		member_number(worker, "worker"), member_number(worker, "core"),
		member_number(worker, "rx_queues"), plural_s(member_number(worker, "rx_queues")),
		member_number(worker, "rx_packets"), plural_s(member_number(worker, "rx_packets")),
		member_number(worker, "tx_packets"));
	text_print(stdout, LABEL_INDENT,
		"          busy %.1f%% of the time, %.0f cycles a packet, longest round %.0f us",
		member_real(worker, "busy_share") * 100, member_real(worker, "cycles_per_packet"),
		member_real(worker, "longest_round_us"));
	if (member_number(worker, "rx_packets") == 0)
		return;
	bursts_print(json_object_get(worker, "bursts"));
	if (json_array_size(json_object_get(worker, "residence_ns")) > 0)
		residence_print(json_object_get(worker, "residence_ns"));
}

static int
workers(struct cli *cli, const struct arguments *arguments)
{
	json_t *result, *list, *worker;
	int exit_code;
	size_t i;

	(void)arguments;
	result = cli_call(cli, "system.info", json_object(), &exit_code);
	if (result == NULL)
		return exit_code;
	list = json_object_get(result, "workers");
	if (cli->json) {
		cli_print_json(list);
	} else {
		json_array_foreach (list, i, worker) {
			if (i > 0)
				putchar('\n');
			worker_print(worker);
		}
	}
	json_decref(result);
	return CLI_OK;
}

const struct command command_workers = {
	.name = "workers",
	.arguments = "",
	.summary = "Show how busy the workers are, with two histograms",
	.example = "  sluicectl workers",
	.run = workers,
};
