/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line of sluiced. */
#ifndef CTRL_COMMAND_LINE_H
#define CTRL_COMMAND_LINE_H

#include <stdbool.h>

struct command_line {
	const char *config_path;
	const char *socket_path; /* NULL: as the configuration has it */
	bool check_only;
};

enum command_line_result {
	COMMAND_LINE_RUN,
	COMMAND_LINE_DONE, /* --help or --version was answered */
	COMMAND_LINE_WRONG, /* and stderr says why */
};

/* Read the arguments; the texts are borrowed from argv. */
enum command_line_result command_line_read(int argc, char **argv, struct command_line *line);

#endif
