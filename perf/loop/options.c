/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The options of the command line: one table that parsing and help are made of, and the rules that
 * they keep among each other.
 */
#include "options.h"

#include <getopt.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>

#include <rte_common.h>

#include <dp/flow.h>

#define SIZE_DEFAULT 64 /* testpmd's default, too */
#define MTU 1500
#define ROUNDS_AGAINST 5
#define INFLIGHT_MAX 960 /* testpmd's net_ring holds 1023 */
#define SIZE_MAX_BYTES 1514
#define SECONDS_MIN 0.1
#define SECONDS_MAX 3600
#define UPDATES_MAX 10000000
#define READS_MAX 1000000

const char *const loop_match_words[] = {"exact", "listener", "rule", NULL};
const char *const loop_latch_words[] = {"open", "first", "follow", NULL};
const char *const loop_ttl_words[] = {"decrement", "set", NULL};
static const char *const against_words[] = {"nothing", "testpmd", "one", NULL};

enum kind { FLAG, NUMBER, WORD, SECONDS, CORES };

struct spec {
	const char *name;
	const char *value; /* as help calls it; "" for a flag */
	const char *help; /* its lines; the second and later ones are indented here */
	enum kind kind;
	size_t offset; /* of the member that it sets: bool, unsigned or double */
	unsigned min, max; /* of a number */
	const char *const *words; /* the value is the index of one of them */
};

#define AT(member) offsetof(struct loop_options, member)
#define MORE "\n                      "

static const struct spec specs[] = {
	{"flows", "N", "flows installed (default 1000)", NUMBER, AT(flows), 1, DP_FLOWS_MAX},
	{"inflight", "N", "packets that circulate, a worker; multiple of 32 (256)", NUMBER,
		AT(inflight), LOOP_BURST, INFLIGHT_MAX},
	{"family", "4|6", "IP family (4)", NUMBER, AT(family), 4, 6},
	{"translate", "", "packets leave as IPv6 and as IPv4, alternating", FLAG, AT(translate)},
	{"vlan", "", "frames and legs carry an 802.1Q tag", FLAG, AT(vlan)},
	{"match", "STAGE", "flows are found as exact, listener or rule (exact)", WORD, AT(match),
		.words = loop_match_words},
	{"latch", "WAY", "listeners latch to their source: first or follow", WORD, AT(latch),
		.words = loop_latch_words},
	{"police", "", "every flow is policed, at a rate never reached", FLAG, AT(police)},
	{"ttl", "WAY", "legs decrement the TTL, or set it (decrement)", WORD, AT(ttl_set),
		.words = loop_ttl_words},
	{"streams", "N", "RTP streams a flow, by SSRC (none)", NUMBER, AT(streams), 0,
		DP_STREAMS_MAX},
	{"legs", "N",
		"legs a flow, or a stream (1); all but the last leave by" MORE
		"a second port that frees them, which is not charged",
		NUMBER, AT(legs), 1, DP_FLOW_LEGS_MAX},
	{"size", "BYTES", "frame length without FCS (64, or what headers need)", NUMBER, AT(size),
		1, SIZE_MAX_BYTES},
	{"workers", "N", "worker lcores (1)", NUMBER, AT(workers), 1, LOOP_WORKERS_MAX},
	{"shared", "", "the packets of all workers visit all flows", FLAG, AT(shared)},
	{"cores", "C,W,...", "CPU of control, then of each worker (0,1,2,...)", CORES,
		AT(control_core)},
	{"during-updates", "N", "meanwhile install N flows a second, and remove N", NUMBER,
		AT(updates), 1, UPDATES_MAX},
	{"during-reads", "N", "meanwhile read the counters of all flows N times a second", NUMBER,
		AT(reads), 1, READS_MAX},
	{"seconds", "S", "length of a measurement (2)", SECONDS, AT(seconds)},
	{"against", "OTHER",
		"alternate with testpmd's 5tswap on the same kind of" MORE
		"device (testpmd), or with one worker (one)",
		WORD, AT(against), .words = against_words},
	{"rounds", "N", "measurements (1; with --against 5)", NUMBER, AT(rounds), 1,
		LOOP_ROUNDS_MAX},
	{"no-huge", "", "ordinary pages, also when hugepages are free", FLAG, AT(no_huge)},
	{"json", "", "one JSON object on standard output", FLAG, AT(json)},
	{"help", "", "this text", FLAG, AT(help)},
};

static const char help_head[] =
	"Usage: closed-loop [OPTION]...\n"
	"       closed-loop --matrix [OPTION]...   the whole table: see --matrix --help\n"
	"\n"
	"Measure the data plane alone: packets circulate in a net_ring device that loops\n"
	"to itself, each flow rewriting its packet into the key of another flow. Every\n"
	"cycle spent is the pipeline's own; it is the very library that sluiced runs.\n"
	"\n";

static const char help_tail[] =
	"\n"
	"Cycles are those of the TSC; a replica counts as a packet. Exit code 0 only when\n"
	"every packet was accounted for and none was lost, 1 otherwise, 2 for wrong\n"
	"options.\n"
	"\n"
	"Example: closed-loop --flows 100000 --against testpmd\n";

static void
help_print(void)
{
	fputs(help_head, stdout);
	for (unsigned i = 0; i < RTE_DIM(specs); i++) {
		const int used = printf("  --%s %s", specs[i].name, specs[i].value);

		printf("%*s%s\n", used < 22 ? 22 - used : 1, "", specs[i].help);
	}
	fputs(help_tail, stdout);
}

static void __attribute__((noreturn, format(printf, 1, 2))) refuse(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("closed-loop: ", stderr);
	vfprintf(stderr, format, args);
	fputs("\nTry: closed-loop --help\n", stderr);
	va_end(args);
	exit(2);
}

/* A whole number within bounds. */
static unsigned
number_parse(const char *name, const char *text, unsigned min, unsigned max)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0' || n < min || n > max)
		refuse("--%s: found \"%s\", expected a number from %u to %u", name, text, min, max);
	return (unsigned)n;
}

static unsigned
word_parse(const struct spec *spec, const char *text)
{
	char expected[128] = "";

	for (unsigned i = 0; spec->words[i] != NULL; i++) {
		const size_t n = strlen(expected);

		if (strcmp(text, spec->words[i]) == 0)
			return i;
		snprintf(expected + n, sizeof(expected) - n, "%s\"%s\"", i > 0 ? " or " : "",
			spec->words[i]);
	}
	refuse("--%s: found \"%s\", expected %s", spec->name, text, expected);
}

static double
seconds_parse(const char *text)
{
	char *end;
	const double seconds = strtod(text, &end);

	if (*end != '\0' || !(seconds >= SECONDS_MIN && seconds <= SECONDS_MAX))
		refuse("--seconds: found \"%s\", expected %g to %d", text, SECONDS_MIN,
			SECONDS_MAX);
	return seconds;
}

static void
cores_parse(struct loop_options *options, char *text)
{
	unsigned *core = &options->control_core;
	char *rest = text;
	unsigned n = 0;

	for (char *item = strsep(&rest, ","); item != NULL; item = strsep(&rest, ",")) {
		if (n > LOOP_WORKERS_MAX)
			refuse("--cores: more than %u workers", LOOP_WORKERS_MAX);
		*core = number_parse("cores", item, 0, (unsigned)get_nprocs_conf() - 1);
		core = &options->worker_cores[n++ % LOOP_WORKERS_MAX];
	}
}

static void
option_set(struct loop_options *options, const struct spec *spec, char *text)
{
	void *at = (char *)options + spec->offset;

	if (spec->kind == NUMBER)
		*(unsigned *)at = number_parse(spec->name, text, spec->min, spec->max);
	else if (spec->kind == WORD)
		*(unsigned *)at = word_parse(spec, text);
	else if (spec->kind == SECONDS)
		*(double *)at = seconds_parse(text);
	else if (spec->kind == CORES)
		cores_parse(options, text);
	else
		*(bool *)at = true;
}

static void
arguments_parse(struct loop_options *options, int argc, char **argv)
{
	struct option longs[RTE_DIM(specs) + 1] = {0};
	int index = 0, option;

	for (unsigned i = 0; i < RTE_DIM(specs); i++)
		longs[i] = (struct option){specs[i].name,
			specs[i].kind == FLAG ? no_argument : required_argument, NULL, 0};
	while ((option = getopt_long(argc, argv, "", longs, &index)) != -1) {
		if (option != 0)
			refuse("wrong option");
		option_set(options, &specs[index], optarg);
	}
	if (optind < argc)
		refuse("\"%s\" is no option", argv[optind]);
}

unsigned
loop_flows_spare(const struct loop_options *o)
{
	/* What leaves and what takes its place, in one transaction. */
	return o->updates > 0 ? 2 * LOOP_BATCH_FLOWS : 0;
}

uint64_t
loop_legs_needed(const struct loop_options *o)
{
	const bool plain = o->legs == 1 && o->streams == 0 && !o->police && !o->translate &&
			   o->latch == DP_LATCH_OPEN;

	return plain ? 0 : (uint64_t)o->flows * o->legs * (o->streams > 0 ? o->streams : 1);
}

unsigned
loop_frame_bytes_min(const struct loop_options *o)
{
	return LOOP_L2_BYTES(o) + (o->family == 4 ? 20 : 40) + 8 + (o->streams > 0 ? 12 : 0);
}

/* Each worker has a CPU of this machine to itself; control may share one, as it sleeps. */
static void
cores_check(const struct loop_options *o)
{
	const unsigned cpus = (unsigned)get_nprocs_conf();

	for (unsigned w = 0; w < o->workers; w++) {
		if (o->worker_cores[w] >= cpus)
			refuse("worker %u: found CPU %u, this machine has 0 to %u;"
			       " see --cores",
				w, o->worker_cores[w], cpus - 1);
		for (unsigned other = 0; other < w; other++) {
			if (o->worker_cores[other] == o->worker_cores[w])
				refuse("workers %u and %u: both on CPU %u", other, w,
					o->worker_cores[w]);
		}
	}
}

static void
frames_check(const struct loop_options *o)
{
	const unsigned least = loop_frame_bytes_min(o);

	if (o->family == 5)
		refuse("--family: found \"5\", expected 4 or 6");
	if (o->translate && o->family == 6)
		refuse("--translate: has flows of both families, found --family 6");
	if (o->size < least)
		refuse("--size: found %u, expected at least %u for its headers", o->size, least);
	if (o->translate && o->size - LOOP_L2_BYTES(o) + LOOP_TRANSLATE_BYTES > MTU)
		refuse("--size: found %u, as IPv6 that is over the MTU of %u", o->size, MTU);
}

static void
flows_check(const struct loop_options *o)
{
	const unsigned strands = loop_strands(o);

	if (o->translate && o->flows % 2 != 0)
		refuse("--flows: found %u, --translate wants pairs", o->flows);
	if (loop_units(o) < strands)
		refuse("--flows: found %u, expected one a worker at least", o->flows);
	if (o->match == LOOP_RULE && o->flows > DP_RULES_MAX)
		refuse("--flows: found %u, at most %u rules", o->flows, DP_RULES_MAX);
	if (o->flows > DP_FLOWS_MAX - loop_flows_spare(o))
		refuse("--flows: found %u, expected at most %u with --during-updates", o->flows,
			DP_FLOWS_MAX - loop_flows_spare(o));
	if (loop_legs_needed(o) > DP_LEGS_MAX)
		refuse("--legs: found %u for each of %u flows, expected at most %u in all", o->legs,
			o->flows, DP_LEGS_MAX);
}

static void
rounds_check(const struct loop_options *o)
{
	if (o->inflight % LOOP_BURST != 0)
		refuse("--inflight: found %u, expected a multiple of %u", o->inflight, LOOP_BURST);
	if (o->against == LOOP_TESTPMD && o->workers > 1)
		refuse("--against testpmd compares one worker, found --workers %u", o->workers);
	if (o->against == LOOP_ONE_WORKER && o->workers == 1)
		refuse("--against one: compares several workers, found --workers 1");
}

/* Rules across options, and what follows from others. */
static void
options_settle(struct loop_options *o)
{
	const unsigned least = loop_frame_bytes_min(o);

	if (o->size == 0)
		o->size = least > SIZE_DEFAULT ? least : SIZE_DEFAULT;
	if (o->rounds == 0)
		o->rounds = o->against != LOOP_ALONE ? ROUNDS_AGAINST : 1;
	if (o->latch != DP_LATCH_OPEN && o->match == LOOP_EXACT)
		o->match = LOOP_LISTENER; /* an exact flow names its source */
	frames_check(o);
	flows_check(o);
	rounds_check(o);
	cores_check(o);
}

void
loop_options_parse(struct loop_options *options, int argc, char **argv)
{
	*options = (struct loop_options){
		.flows = 1000,
		.inflight = 256,
		.family = 4,
		.legs = 1,
		.workers = 1,
		.seconds = 2,
	};
	for (unsigned i = 0; i < LOOP_WORKERS_MAX; i++)
		options->worker_cores[i] = i + 1;
	arguments_parse(options, argc, argv);
	if (options->help) {
		help_print();
		exit(0);
	}
	options_settle(options);
}
