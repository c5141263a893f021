/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `port=p0,dst=192.0.2.1:5004` on the command line to a JSON object, by a table of keys that is
 * also where their help comes from. What is written wrong is said here; whether the values make
 * sense together, and their ranges, is for the daemon's schema to say, which is the one place
 * that knows.
 */
#ifndef CTRL_CLI_PAIRS_H
#define CTRL_CLI_PAIRS_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#define PAIRS_ERROR_MAX 256

enum pair_kind {
	PAIR_NAME, /* any text */
	PAIR_STATE, /* up or down */
	PAIR_VERDICT, /* what becomes of a packet */
	PAIR_MAC,
	PAIR_NUMBER,
	PAIR_DSCP, /* a number or "EF" */
	PAIR_ADDRESS,
	PAIR_ENDPOINT, /* fills <member> and <member>_port */
	PAIR_PREFIX,
	PAIR_PORTS, /* "5004" or "5000-5999" to [first, last] */
	PAIR_RATE, /* "2.5M" or "2.5M/3000" to a policer */
};

struct pair_key {
	const char *name; /* NULL ends a table */
	const char *member; /* of the JSON */
	enum pair_kind kind;
	bool required;
	const char *help;
};

/*
 * Returns a new reference to the object, or NULL with `error` (room for PAIRS_ERROR_MAX) naming
 * the part at fault. Out of memory ends the program.
 */
json_t *pairs_parse(const struct pair_key *keys, const char *text, char *error);

/* List the keys, one a line, below a title. */
void pairs_print(FILE *out, const char *title, const struct pair_key *keys);

#endif
