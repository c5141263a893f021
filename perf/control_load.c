/* SPDX-License-Identifier: BSD-3-Clause */
/* A load on the control socket of a running sluiced; figures as JSON. perf/control runs it. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "load_modes.h"
#include "load_text.h"

static const char usage[] =
	"usage: control-load --socket PATH [--flows N] [--batch N] [--clients N] [--keep]\n"
	"       control-load --socket PATH --large [--flows N] [--batch N] [--get-every US]\n"
	"\n"
	"Installs N flows in batches over some connections and, unless they are to be\n"
	"kept, removes them; or puts them all into one transaction and commits it while\n"
	"another connection reads a flow every US microseconds. The flows go from port p0\n"
	"to port p1.\n";

static const struct option long_options[] = {
	{"socket", required_argument, NULL, 's'},
	{"flows", required_argument, NULL, 'f'},
	{"batch", required_argument, NULL, 'b'},
	{"clients", required_argument, NULL, 'c'},
	{"get-every", required_argument, NULL, 'g'},
	{"keep", no_argument, NULL, 'k'},
	{"large", no_argument, NULL, 'l'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

/* An option's number; 0 when it is none, which no option takes. */
static unsigned
number_of(const char *text)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	return *end == '\0' && number <= LOAD_FLOWS_MAX ? (unsigned)number : 0;
}

static void
help(FILE *out, int code)
{
	fputs(usage, out);
	exit(code);
}

static struct load_options
options_parse(int argc, char **argv)
{
	struct load_options options = {
		.flows = 100000, .batch = 10000, .clients = 1, .get_interval_us = 10000};
	int option;

	while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (option) {
		case 's':
			options.socket_path = optarg;
			break;
		case 'f':
			options.flows = number_of(optarg);
			break;
		case 'b':
			options.batch = number_of(optarg);
			break;
		case 'c':
			options.clients = number_of(optarg);
			break;
		case 'g':
			options.get_interval_us = number_of(optarg);
			break;
		case 'k':
			options.keep = true;
			break;
		case 'l':
			options.large = true;
			break;
		case 'h':
			help(stdout, 0);
			break;
		default:
			help(stderr, 2);
		}
	}
	if (optind < argc || !options.socket_path || !options.flows || !options.batch ||
		!options.clients || !options.get_interval_us)
		help(stderr, 2);
	return options;
}

int
main(int argc, char **argv)
{
	const struct load_options options = options_parse(argc, argv);
	json_t *result = options.large ? load_large_run(&options) : load_batches_run(&options);

	if (!result)
		return 1;
	json_object_set_new(result, "flows", json_integer(options.flows));
	json_object_set_new(result, "batch", json_integer(options.batch));
	json_object_set_new(result, "clients", json_integer(options.large ? 2 : options.clients));
	json_dumpf(result, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	putchar('\n');
	json_decref(result);
	return 0;
}
