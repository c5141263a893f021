/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Golden packet tests: each case file in a directory says which frames go into the real data plane
 * and what must come of them. Every case is run in several ways that must make no difference.
 * Needs no root and no hugepages. Emits TAP.
 *
 *	golden [--frames FILE] [--workers N] [--trace] DIRECTORY [CASE ...]
 *
 * --frames writes what left, one line a frame: case, "good" or "corrupt", hex. --workers 2 spreads
 * the frames of a port over two workers, to see that two lcores in one flow count exactly. --trace
 * sends frames one by one, and has each of them traced before.
 */
#include <dirent.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "level.h"
#include "run.h"

#define MEMORY_MB 512
#define ERROR_BYTES 256

static const char *const way_names[WAY_COUNT] = {"shared", "whole", "indirect"};

struct options {
	const char *directory;
	FILE *frames; /* NULL = not wanted */
	unsigned n_workers;
	const char *level; /* as in dp_config; NULL = the best */
	bool trace;
	char **cases; /* names; none = all */
	int n_cases;
};

struct tally {
	unsigned n_tests;
	unsigned n_failed;
	bool drop_seen[DP_DROP_COUNT];
	size_t n_traced; /* frames */
};

static void
report(struct tally *tally, bool ok, const char *name, const char *detail)
{
	tally->n_tests++;
	tally->n_failed += !ok;
	printf("%s %u - %s%s%s\n", ok ? "ok" : "not ok", tally->n_tests, name,
		detail[0] != '\0' ? " " : "", detail);
	fflush(stdout);
}

static void
drops_note(struct tally *tally, const struct golden_case *c)
{
	for (unsigned p = 0; p < CASE_PORTS; p++) {
		for (unsigned r = 0; r < DP_DROP_COUNT; r++)
			tally->drop_seen[r] |= c->ports[p].drops[r] > 0;
	}
}

static void
run_traced(const struct options *options, const struct golden_case *c, struct tally *tally)
{
	struct traced traced = {0};

	report(tally, run_case(c, WAY_SHARED, options->level, NULL, &traced), c->name, "as traced");
	tally->n_traced += traced.n_frames;
	traced_fini(&traced);
}

static void
run_file(const struct options *options, const char *file, struct tally *tally)
{
	char path[4096], error[ERROR_BYTES] = "";
	struct golden_case c;

	snprintf(path, sizeof(path), "%s/%s", options->directory, file);
	if (case_init(&c, path, error, sizeof(error)) < 0) {
		printf("# %s: %s\n", path, error);
		report(tally, false, file, "");
	} else if (options->trace) {
		if (traced_foretells(&c))
			run_traced(options, &c, tally);
	} else if (options->n_workers == 1 || !c.one_worker) {
		for (unsigned way = 0; way < WAY_COUNT; way++)
			report(tally,
				run_case(&c, (enum way)way, options->level, options->frames, NULL),
				c.name, way_names[way]);
		drops_note(tally, &c);
	}
	case_fini(&c);
}

static int
is_case_file(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return n > 5 && strcmp(entry->d_name + n - 5, ".json") == 0;
}

static void
run_directory(const struct options *options, struct tally *tally)
{
	struct dirent **entries;
	int n = scandir(options->directory, &entries, is_case_file, alphasort);

	for (int i = 0; i < n; i++) {
		run_file(options, entries[i]->d_name, tally);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	for (unsigned r = 0; r < DP_DROP_COUNT && options->n_workers == 1 && !options->trace; r++)
		report(tally, tally->drop_seen[r], "a case covers", dp_drop_name((enum dp_drop)r));
}

static int
options_parse(struct options *options, int argc, char **argv)
{
	static const struct option known[] = {
		{"frames", required_argument, NULL, 'f'},
		{"workers", required_argument, NULL, 'w'},
		{"trace", no_argument, NULL, 't'},
		{"level", required_argument, NULL, 'l'},
		{0},
	};
	int option;

	*options = (struct options){.n_workers = 1};
	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (option == 'f' && (options->frames = fopen(optarg, "w")) == NULL) {
			perror(optarg);
			return -1;
		}
		if (option == 'w')
			options->n_workers = (unsigned)strtoul(optarg, NULL, 10);
		if (option == 'l')
			options->level = optarg;
		if (option == 't')
			options->trace = true;
		if (option == '?')
			return -1;
	}
	if (optind == argc) {
		fprintf(stderr,
			"usage: %s [--frames FILE] [--workers N] [--level NAME] [--trace] "
			"DIRECTORY [CASE ...]\n",
			argv[0]);
		return -1;
	}
	options->directory = argv[optind];
	options->cases = argv + optind + 1;
	options->n_cases = argc - optind - 1;
	return 0;
}

int
main(int argc, char **argv)
{
	struct dp_eal_config eal = {
		.program = "golden",
		.file_prefix = "golden",
		.memory_mb = MEMORY_MB,
		.no_huge = true,
		.log_level = "error",
		.worker_cores = {1, 0},
	};
	char error[ERROR_BYTES];
	struct tally tally = {0};
	struct options options;
	struct level_host host;

	if (options_parse(&options, argc, argv) < 0)
		return 2;
	eal.n_workers = options.n_workers;
	if (dp_eal_init(&eal, error, sizeof(error)) < 0) {
		printf("Bail out! %s\n", error);
		return 1;
	}
	host = level_host_get();
	if (level_choose(&host, options.level, error, sizeof(error)) == NULL) {
		printf("Bail out! %s\n", error);
		dp_eal_fini();
		return 1;
	}
	for (int i = 0; i < options.n_cases; i++)
		run_file(&options, options.cases[i], &tally);
	if (options.n_cases == 0)
		run_directory(&options, &tally);
	if (options.trace)
		printf("# %zu frames were traced\n", tally.n_traced);
	printf("1..%u\n", tally.n_tests);
	if (options.frames != NULL)
		fclose(options.frames);
	dp_eal_fini();
	return tally.n_failed > 0 ? 1 : 0;
}
