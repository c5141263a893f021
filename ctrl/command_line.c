/* SPDX-License-Identifier: BSD-3-Clause */
/* getopt_long() finds the options and complains of unknown ones; the rest is said here. */
#include "command_line.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include <dp/dp.h>

static const char usage[] =
	"usage: sluiced --config FILE [--rpc-socket PATH] [--check]\n"
	"\n"
	"Forwards UDP media between the ports that FILE names, as the control socket asks.\n"
	"\n"
	"  --config FILE      configuration, YAML; see sluice.yaml(5)\n"
	"  --rpc-socket PATH  control socket, in place of the configuration's rpc.socket\n"
	"  --check            say whether the configuration is valid, and exit\n"
	"  --help             this text\n"
	"  --version          versions of sluiced and of DPDK\n"
	"\n"
	"Exit codes: 0 stopped cleanly, or valid; 1 could not start, or not valid; 2 usage.\n";

static const struct option options[] = {
	{"config", required_argument, NULL, 'c'},
	{"rpc-socket", required_argument, NULL, 's'},
	{"check", no_argument, NULL, 'k'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'v'},
	{NULL, 0, NULL, 0},
};

static enum command_line_result
line_check(int argc, char **argv, const struct command_line *line)
{
	if (optind < argc)
		fprintf(stderr, "sluiced: unexpected argument '%s' (see --help)\n", argv[optind]);
	else if (!line->config_path)
		fprintf(stderr, "sluiced: --config FILE is missing (see --help)\n");
	else
		return COMMAND_LINE_RUN;
	return COMMAND_LINE_WRONG;
}

enum command_line_result
command_line_read(int argc, char **argv, struct command_line *line)
{
	int option;

	memset(line, 0, sizeof(*line));
	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			line->config_path = optarg;
			break;
		case 's':
			line->socket_path = optarg;
			break;
		case 'k':
			line->check_only = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return COMMAND_LINE_DONE;
		case 'v':
			printf("sluiced %s, %s\n", SLUICE_VERSION, dp_dpdk_version());
			return COMMAND_LINE_DONE;
		default:
			fputs("sluiced: see --help\n", stderr);
			return COMMAND_LINE_WRONG;
		}
	}
	return line_check(argc, argv, line);
}
