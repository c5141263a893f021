/* SPDX-License-Identifier: BSD-3-Clause */
#include "loop_options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>

#include <dp/flow.h>

#define INFLIGHT_MAX 960 /* testpmd's net_ring holds 1023 */
#define SIZE_MAX_BYTES 1514
#define SIZE_DEFAULT 64 /* testpmd's default, too */
#define FLOWS_MAX (1u << 22)

static const char help[] =
	"Usage: closed-loop [OPTION]...\n"
	"\n"
	"Measure the data plane alone: packets circulate in a net_ring device that loops\n"
	"to itself, each flow rewriting its packet into the key of another flow. Every\n"
	"cycle spent is the pipeline's own; it is the very library that sluiced runs.\n"
	"\n"
	"  --flows N         flows installed (default 1000)\n"
	"  --inflight N      packets that circulate, a worker; multiple of 32 (default 256)\n"
	"  --family 4|6      IP family (default 4)\n"
	"  --vlan            frames and legs carry an 802.1Q tag\n"
	"  --legs N          legs a flow, 1 to 64 (default 1); all but the last leave by a\n"
	"                    second port that frees them\n"
	"  --size BYTES      frame length without FCS (default 64, or what its headers need)\n"
	"  --workers N       worker lcores (default 1)\n"
	"  --cores C,W,...   CPU of control, then of each worker (default 0,1,2,...)\n"
	"  --seconds S       length of a measurement (default 2)\n"
	"  --against testpmd alternate with testpmd's 5tswap on the same kind of device,\n"
	"                    and print the ratio\n"
	"  --rounds N        alternations (default 5)\n"
	"  --no-huge         ordinary pages, also when hugepages are free\n"
	"  --json            one JSON object on standard output\n"
	"  --help\n"
	"\n"
	"Cycles are those of the TSC; a replica counts as a packet. Exit code 0 only when\n"
	"every packet was accounted for, 1 otherwise, 2 for wrong options.\n"
	"\n"
	"Example: closed-loop --flows 100000 --against testpmd\n";

enum {
	OPT_FLOWS = 1,
	OPT_INFLIGHT,
	OPT_FAMILY,
	OPT_VLAN,
	OPT_LEGS,
	OPT_SIZE,
	OPT_WORKERS,
	OPT_CORES,
	OPT_SECONDS,
	OPT_AGAINST,
	OPT_ROUNDS,
	OPT_NO_HUGE,
	OPT_JSON,
	OPT_HELP
};

static const struct option long_options[] = {
	{"flows", required_argument, NULL, OPT_FLOWS},
	{"inflight", required_argument, NULL, OPT_INFLIGHT},
	{"family", required_argument, NULL, OPT_FAMILY},
	{"vlan", no_argument, NULL, OPT_VLAN},
	{"legs", required_argument, NULL, OPT_LEGS},
	{"size", required_argument, NULL, OPT_SIZE},
	{"workers", required_argument, NULL, OPT_WORKERS},
	{"cores", required_argument, NULL, OPT_CORES},
	{"seconds", required_argument, NULL, OPT_SECONDS},
	{"against", required_argument, NULL, OPT_AGAINST},
	{"rounds", required_argument, NULL, OPT_ROUNDS},
	{"no-huge", no_argument, NULL, OPT_NO_HUGE},
	{"json", no_argument, NULL, OPT_JSON},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

/* A whole number within bounds, or -1 after a message. */
static int
number_parse(const char *name, const char *text, unsigned min, unsigned max, unsigned *value)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0' || n < min || n > max) {
		fprintf(stderr,
			"closed-loop: --%s: found \"%s\", expected a number from %u to %u\n", name,
			text, min, max);
		return -1;
	}
	*value = (unsigned)n;
	return 0;
}

static int
cores_parse(struct loop_options *options, char *text)
{
	unsigned *core = &options->control_core;
	char *rest = text;
	unsigned n = 0;

	for (char *item = strsep(&rest, ","); item != NULL; item = strsep(&rest, ",")) {
		if (n > LOOP_WORKERS_MAX) {
			fprintf(stderr, "closed-loop: --cores: more than %u workers\n",
				LOOP_WORKERS_MAX);
			return -1;
		}
		if (number_parse("cores", item, 0, (unsigned)get_nprocs_conf() - 1, core) < 0)
			return -1;
		core = &options->worker_cores[n++ % LOOP_WORKERS_MAX];
	}
	return 0;
}

static int
seconds_parse(const char *text, double *seconds)
{
	char *end;

	*seconds = strtod(text, &end);
	if (*end == '\0' && *seconds >= 0.1 && *seconds <= 3600)
		return 0;
	fprintf(stderr, "closed-loop: --seconds: found \"%s\", expected 0.1 to 3600\n", text);
	return -1;
}

static int
against_parse(const char *text, bool *against)
{
	*against = true;
	if (strcmp(text, "testpmd") == 0)
		return 0;
	fprintf(stderr, "closed-loop: --against: found \"%s\", expected \"testpmd\"\n", text);
	return -1;
}

static int
option_take(struct loop_options *o, int option, char *text)
{
	switch (option) {
	case OPT_FLOWS:
		return number_parse("flows", text, 1, FLOWS_MAX, &o->flows);
	case OPT_INFLIGHT:
		return number_parse("inflight", text, LOOP_BURST, INFLIGHT_MAX, &o->inflight);
	case OPT_FAMILY:
		return number_parse("family", text, 4, 6, &o->family);
	case OPT_LEGS:
		return number_parse("legs", text, 1, DP_FLOW_LEGS_MAX, &o->legs);
	case OPT_SIZE:
		return number_parse("size", text, 1, SIZE_MAX_BYTES, &o->size);
	case OPT_WORKERS:
		return number_parse("workers", text, 1, LOOP_WORKERS_MAX, &o->workers);
	case OPT_ROUNDS:
		return number_parse("rounds", text, 1, 100, &o->rounds);
	case OPT_CORES:
		return cores_parse(o, text);
	case OPT_SECONDS:
		return seconds_parse(text, &o->seconds);
	case OPT_AGAINST:
		return against_parse(text, &o->against);
	case OPT_VLAN:
		o->vlan = true;
		return 0;
	case OPT_NO_HUGE:
		o->no_huge = true;
		return 0;
	case OPT_JSON:
		o->json = true;
		return 0;
	default:
		fprintf(stderr, "Try: closed-loop --help\n");
		return -1;
	}
}

/* Each worker has a CPU of this machine to itself; control may share one, as it sleeps. */
static bool
cores_suffice(const struct loop_options *o)
{
	const unsigned cpus = (unsigned)get_nprocs_conf();

	for (unsigned w = 0; w < o->workers; w++) {
		if (o->worker_cores[w] >= cpus) {
			fprintf(stderr,
				"closed-loop: worker %u: found CPU %u, this machine has 0 to %u;"
				" see --cores\n",
				w, o->worker_cores[w], cpus - 1);
			return false;
		}
		for (unsigned other = 0; other < w; other++) {
			if (o->worker_cores[other] != o->worker_cores[w])
				continue;
			fprintf(stderr, "closed-loop: workers %u and %u: both on CPU %u\n", other,
				w, o->worker_cores[w]);
			return false;
		}
	}
	return true;
}

/* Bytes of Ethernet, VLAN, IP and UDP headers. */
static unsigned
header_bytes(const struct loop_options *o)
{
	return (o->family == 4 ? 42u : 62u) + (o->vlan ? 4u : 0u);
}

/* Rules across options. */
static int
options_check(const struct loop_options *o)
{
	const unsigned least = header_bytes(o);

	if (o->family == 5)
		fprintf(stderr, "closed-loop: --family: found \"5\", expected 4 or 6\n");
	else if (o->inflight % LOOP_BURST != 0)
		fprintf(stderr, "closed-loop: --inflight: found %u, expected a multiple of %u\n",
			o->inflight, LOOP_BURST);
	else if (o->size < least)
		fprintf(stderr,
			"closed-loop: --size: found %u, expected at least %u for its headers\n",
			o->size, least);
	else if (o->flows < o->workers)
		fprintf(stderr, "closed-loop: --flows: found %u, expected one a worker at least\n",
			o->flows);
	else if (o->against && o->workers > 1)
		fprintf(stderr, "closed-loop: --against compares one worker, found --workers %u\n",
			o->workers);
	else if (cores_suffice(o))
		return 0;
	return 2;
}

int
loop_options_parse(struct loop_options *options, int argc, char **argv)
{
	int option;

	*options = (struct loop_options){.flows = 1000,
		.inflight = 256,
		.family = 4,
		.legs = 1,
		.workers = 1,
		.seconds = 2,
		.rounds = 5};
	for (unsigned i = 0; i < LOOP_WORKERS_MAX; i++)
		options->worker_cores[i] = i + 1;
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (option == OPT_HELP) {
			fputs(help, stdout);
			return -1;
		}
		if (option_take(options, option, optarg) < 0)
			return 2;
	}
	if (optind != argc) {
		fprintf(stderr, "closed-loop: \"%s\" is no option\n", argv[optind]);
		return 2;
	}
	if (options->size == 0)
		options->size =
			header_bytes(options) > SIZE_DEFAULT ? header_bytes(options) : SIZE_DEFAULT;
	return options_check(options);
}
