/* SPDX-License-Identifier: BSD-3-Clause */
#include "options.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#define SIZE_DEFAULT 64 /* testpmd's default, too */
#define MTU 1500

static const char *const match_words[] = {"exact", "listener", "rule", NULL};
static const char *const latch_words[] = {"open", "first", "follow", NULL};
static const char *const learned_words[] = {"none", "resolved", "stale", "given", NULL};
static const char *const ttl_words[] = {"decrement", "set", NULL};

enum kind { FLAG, NUMBER, WORD, LEVEL };

static const struct member {
	const char *name;
	enum kind kind;
	size_t offset; /* of a bool, an unsigned, the index of a word, or a level's name */
	const char *const *words;
} members[] = {
#define AT(member) offsetof(struct loop_options, member)
	{"flows", NUMBER, AT(flows)},
	{"inflight", NUMBER, AT(inflight)},
	{"family", NUMBER, AT(family)},
	{"translate", FLAG, AT(translate)},
	{"mixed", FLAG, AT(mixed)},
	{"vlan", FLAG, AT(vlan)},
	{"match", WORD, AT(match), match_words},
	{"latch", WORD, AT(latch), latch_words},
	{"learned", WORD, AT(learned), learned_words},
	{"police", FLAG, AT(police)},
	{"ttl", WORD, AT(ttl_set), ttl_words},
	{"legs", NUMBER, AT(legs)},
	{"streams", NUMBER, AT(streams)},
	{"size", NUMBER, AT(size)},
	{"workers", NUMBER, AT(workers)},
	{"shared", FLAG, AT(shared)},
	{"direct", FLAG, AT(direct)},
	{"during_updates", NUMBER, AT(updates)},
	{"during_reads", NUMBER, AT(reads)},
	{"control_core", NUMBER, AT(control_core)},
	{"hugepages", FLAG, AT(hugepages)},
	{"level", LEVEL, AT(level)},
};

static void __attribute__((noreturn, format(printf, 1, 2))) refuse(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("closed-loop: ", stderr);
	vfprintf(stderr, format, args);
	fputs("\nTry: perf/closed-loop --help\n", stderr);
	va_end(args);
	exit(2);
}

/* The index of the value among the words, or a word that is not there: NULL's. */
static unsigned
word_find(const char *const *words, const char *text)
{
	unsigned i;

	for (i = 0; words[i] != NULL && strcmp(words[i], text) != 0; i++)
		;
	return i;
}

static void
member_read(struct loop_options *options, const struct member *member, const json_t *value)
{
	void *at = (char *)options + member->offset;
	bool valid = false;

	if (member->kind == FLAG && json_is_boolean(value)) {
		*(bool *)at = json_is_true(value);
		valid = true;
	} else if (member->kind == NUMBER && json_is_integer(value)) {
		*(unsigned *)at = (unsigned)json_integer_value(value);
		valid = json_integer_value(value) >= 0 && json_integer_value(value) <= INT32_MAX;
	} else if (member->kind == WORD && json_is_string(value)) {
		*(unsigned *)at = word_find(member->words, json_string_value(value));
		valid = member->words[*(unsigned *)at] != NULL;
	} else if (member->kind == LEVEL && json_is_string(value)) {
		valid = snprintf(at, LOOP_LEVEL_BYTES, "%s", json_string_value(value)) <
			LOOP_LEVEL_BYTES;
	}
	if (!valid)
		refuse("%s: missing, or a wrong value", member->name);
}

json_t *
loop_options_json(const struct loop_options *options)
{
	json_t *setting = json_object(), *cores = json_array(), *value;

	for (unsigned i = 0; i < RTE_DIM(members); i++) {
		const struct member *member = &members[i];
		const void *at = (const char *)options + member->offset;

		if (member->kind == FLAG)
			value = json_boolean(*(const bool *)at);
		else if (member->kind == NUMBER)
			value = json_integer(*(const unsigned *)at);
		else if (member->kind == LEVEL)
			value = json_string(at);
		else
			value = json_string(member->words[*(const unsigned *)at]);
		json_object_set_new(setting, member->name, value);
	}
	for (unsigned w = 0; w < options->workers; w++)
		json_array_append_new(cores, json_integer(options->worker_cores[w]));
	json_object_set_new(setting, "worker_cores", cores);
	return setting;
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
			   !o->mixed && o->latch == DP_LATCH_OPEN && o->learned == LOOP_FIXED;

	return plain ? 0 : (uint64_t)o->flows * o->legs * (o->streams > 0 ? o->streams : 1);
}

unsigned
loop_frame_bytes_min(const struct loop_options *o)
{
	const bool ipv6 = o->family == 6 || o->mixed, tagged = o->vlan || o->mixed;

	return LOOP_L2_BYTES(tagged) + (ipv6 ? 40 : 20) + 8 + (o->streams > 0 ? 12 : 0);
}

/* Rules across members, and what follows from others. The data plane refuses what is too large. */
static void
options_settle(struct loop_options *o)
{
	const unsigned least = loop_frame_bytes_min(o);

	if (o->size == 0)
		o->size = least > SIZE_DEFAULT ? least : SIZE_DEFAULT;
	if (o->latch != DP_LATCH_OPEN && o->match == LOOP_EXACT)
		o->match = LOOP_LISTENER; /* an exact flow names its source */
	if (o->translate && o->family == 6)
		refuse("--translate: has flows of both families, found --family 6");
	if (o->mixed && (o->translate || o->vlan || o->police || o->family == 6))
		refuse("--mixed: has tagged, policed and IPv6 flows itself and translates none");
	if (o->learned != LOOP_FIXED && (o->translate || o->mixed))
		refuse("--learned: found --translate or --mixed, expected flows of one family");
	if (o->learned != LOOP_FIXED && o->latch == DP_LATCH_OPEN && o->match != LOOP_EXACT)
		refuse("--learned: found --match, expected exact flows, or ones that latch");
	if (o->learned != LOOP_FIXED && o->latch != DP_LATCH_OPEN && o->legs > 1)
		refuse("--learned: found --legs and --latch, expected one leg where flows latch");
	if (o->learned != LOOP_FIXED && o->inflight > LOOP_PEERS)
		refuse("--inflight: found %u, with --learned expected at most %u", o->inflight,
			LOOP_PEERS);
	if (o->size < least)
		refuse("--size: found %u, expected at least %u for its headers", o->size, least);
	if (o->translate && o->size - LOOP_L2_BYTES(o->vlan) + LOOP_TRANSLATE_BYTES > MTU)
		refuse("--size: found %u, as IPv6 that is over the MTU of %u", o->size, MTU);
	if (o->translate && o->flows % 2 != 0)
		refuse("--flows: found %u, --translate wants pairs", o->flows);
	if (loop_units(o) < loop_strands(o))
		refuse("--flows: found %u, expected at least %u", o->flows, loop_strands(o));
	if (o->inflight == 0 || (o->inflight > LOOP_BURST && o->inflight % LOOP_BURST != 0))
		refuse("--inflight: found %u, expected 1 to %u, or a multiple of it", o->inflight,
			LOOP_BURST);
}

void
loop_options_read(struct loop_options *options, const char *text)
{
	json_t *setting = json_loads(text, 0, NULL);
	const json_t *cores = json_object_get(setting, "worker_cores");

	*options = (struct loop_options){.workers = 0};
	for (unsigned i = 0; i < RTE_DIM(members); i++)
		member_read(options, &members[i], json_object_get(setting, members[i].name));
	if (options->workers < 1 || options->workers > LOOP_WORKERS_MAX ||
		json_array_size(cores) < options->workers)
		refuse("--workers: found %u, expected 1 to %u, each with a CPU", options->workers,
			LOOP_WORKERS_MAX);
	for (unsigned w = 0; w < options->workers; w++)
		options->worker_cores[w] = (unsigned)json_integer_value(json_array_get(cores, w));
	json_decref(setting);
	options_settle(options);
}
