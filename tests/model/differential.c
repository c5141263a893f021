/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Differential test: random flows and random frames go through the real data plane and through the
 * reference model, and everything that can be seen of both must be the same: frames out, punted
 * packets, every counter, what was learned. Needs no root and no hugepages.
 *
 *	differential [--packets N] [--seed S] [--burst N] [--level NAME | --levels]
 *
 * It is cut into sessions of SESSION_PACKETS packets, each of which starts empty and from a seed of
 * its own: S, S + 1, ...; without S, or with 0, they begin with the time. A difference ends it with
 * exit code 1 and the command line that shows it again in the first session. --burst 1 gives rounds
 * of single packets. --levels runs each session once for every level of instructions that the
 * machine has: frames, punted packets and counters of all must be the same bytes. By night:
 *
 *	build/tests/model/differential --packets 10000000
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <unistd.h>

#include "level.h"
#include "session.h"

#define PACKETS_DEFAULT 200000
#define SESSION_PACKETS 20000
#define MEMORY_MB 512
#define LEVELS_MAX 8

static int
number_parse(const char *text, uint64_t max, uint64_t *number)
{
	char *end;

	errno = 0;
	*number = strtoull(text, &end, 10);
	if (errno == 0 && *end == '\0' && end != text && *number > 0 && *number <= max)
		return 0;
	fprintf(stderr, "not a number of 1..%llu: %s\n", (unsigned long long)max, text);
	return -1;
}

static int
options_parse(struct session_options *options, bool *all_levels, int argc, char **argv)
{
	static const struct option known[] = {
		{"packets", required_argument, NULL, 'p'},
		{"seed", required_argument, NULL, 's'},
		{"burst", required_argument, NULL, 'b'},
		{"level", required_argument, NULL, 'l'},
		{"levels", no_argument, NULL, 'a'},
		{0},
	};
	uint64_t burst;
	int option, ret = 0;

	while (ret == 0 && (option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (option == 'p') {
			ret = number_parse(optarg, UINT64_MAX, &options->packets);
		} else if (option == 's') {
			ret = number_parse(optarg, UINT64_MAX, &options->seed);
		} else if (option == 'b') {
			ret = number_parse(optarg, SESSION_BURST_MAX, &burst);
			options->burst = (unsigned)burst;
		} else if (option == 'l') {
			options->level = optarg;
		} else if (option == 'a') {
			*all_levels = true;
		} else {
			ret = -1;
		}
	}
	if (ret == 0 && optind == argc)
		return 0;
	fprintf(stderr,
		"usage: %s [--packets N] [--seed S] [--burst N] [--level NAME | --levels]\n",
		argv[0]);
	return -1;
}

static int
eal_init(void)
{
	char prefix[32], error[256];
	const struct dp_eal_config config = {
		.program = "differential",
		.file_prefix = prefix,
		.n_workers = 1,
		.worker_cores = {1},
		.memory_mb = MEMORY_MB,
		.no_huge = true,
		.log_level = "error",
	};

	snprintf(prefix, sizeof(prefix), "model-%d", (int)getpid());
	if (dp_eal_init(&config, error, sizeof(error)) == 0)
		return 0;
	fprintf(stderr, "%s\n", error);
	return -1;
}

/*
 * A long run that never meets some reason to drop tests less than it seems to. Of all seeds, some
 * lead to such a run: whoever chose the seed can choose another one.
 */
static bool
totals_report(const struct session_totals *totals, bool is_chosen)
{
	bool ok = true;

	printf("%llu packets: forwarded %llu, punted %llu, frames sent %llu; "
	       "%llu rounds between the steps of a commit; drops:",
		(unsigned long long)totals->packets, (unsigned long long)totals->forwarded,
		(unsigned long long)totals->punted, (unsigned long long)totals->sent,
		(unsigned long long)totals->between_steps);
	for (unsigned r = 0; r < DP_DROP_COUNT; r++)
		printf(" %s %llu", dp_drop_name((enum dp_drop)r),
			(unsigned long long)totals->drops[r]);
	printf("\n");
	for (unsigned r = 0; r < DP_DROP_COUNT; r++) {
		/* No port of the model has a path to the kernel. */
		if (!is_chosen || totals->packets < PACKETS_DEFAULT || totals->drops[r] > 0 ||
			r == DP_DROP_no_buffer || r == DP_DROP_kernel_limited ||
			r == DP_DROP_kernel_full)
			continue;
		printf("no packet met the reason %s\n", dp_drop_name((enum dp_drop)r));
		ok = false;
	}
	return ok;
}

/* Run a session as options->level, and leave in *bytes all that came of it. */
static bool
session_run_recorded(struct session_options *options, struct session_totals *totals, char **bytes,
	size_t *n_bytes)
{
	bool ok;

	options->record = open_memstream(bytes, n_bytes);
	if (options->record == NULL)
		return false;
	ok = session_run(options, totals);
	return fclose(options->record) == 0 && ok;
}

/* The same session in each level that this machine runs; all must come to the same bytes. */
static bool
session_run_levels(struct session_options *options, struct session_totals *totals)
{
	const struct level_host host = level_host_get();
	char *bytes[LEVELS_MAX] = {0}, error[256];
	size_t n_bytes[LEVELS_MAX];
	bool ok = true;

	for (unsigned i = 0; ok && level_get(i) != NULL; i++) {
		options->level = level_get(i)->name;
		if (level_choose(&host, options->level, error, sizeof(error)) == NULL) {
			printf("not run: %s\n", error);
			continue;
		}
		ok = session_run_recorded(options, totals, &bytes[i], &n_bytes[i]);
		if (!ok ||
			(n_bytes[i] == n_bytes[0] && memcmp(bytes[i], bytes[0], n_bytes[0]) == 0))
			continue;
		printf("level %s: what came out is not that of %s\n", options->level,
			level_get(0)->name);
		ok = false;
	}
	for (unsigned i = 0; i < LEVELS_MAX; i++)
		free(bytes[i]);
	return ok;
}

int
main(int argc, char **argv)
{
	struct session_options options = {
		.packets = PACKETS_DEFAULT,
		.burst = SESSION_BURST_MAX,
	};
	struct session_totals totals = {0};
	bool all_levels = false, ok = true, is_chosen;
	uint64_t left;

	setlinebuf(stdout);
	if (options_parse(&options, &all_levels, argc, argv) < 0)
		return 2;
	if (eal_init() < 0)
		return 2;
	is_chosen = options.seed != 0;
	if (!is_chosen)
		options.seed = (uint64_t)time(NULL);
	printf("seed %llu, %llu packets\n", (unsigned long long)options.seed,
		(unsigned long long)options.packets);
	for (left = options.packets; left > 0 && ok; left -= options.packets) {
		options.packets = left < SESSION_PACKETS ? left : SESSION_PACKETS;
		ok = all_levels ? session_run_levels(&options, &totals)
				: session_run(&options, &totals);
		options.seed++;
	}
	ok = totals_report(&totals, is_chosen) && ok;
	printf("%s\n", ok ? "both sides agree" : "FAILED");
	dp_eal_fini();
	return ok ? 0 : 1;
}
