/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which options go together, and what the ones that were given say of the others.
 */
#include <stdarg.h>
#include <stdio.h>
#include <sys/sysinfo.h>

#include <dp/flow.h>

#include "loop_flow.h"
#include "loop_frame.h"
#include "loop_options.h"

#define SIZE_DEFAULT 64 /* testpmd's default, too */
#define MTU 1500
#define ROUNDS_AGAINST 5

static int __attribute__((format(printf, 1, 2))) refuse(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("closed-loop: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	return 2;
}

/* Each worker has a CPU of this machine to itself; control may share one, as it sleeps. */
static int
cores_check(const struct loop_options *o)
{
	const unsigned cpus = (unsigned)get_nprocs_conf();

	for (unsigned w = 0; w < o->workers; w++) {
		if (o->worker_cores[w] >= cpus)
			return refuse("worker %u: found CPU %u, this machine has 0 to %u;"
				      " see --cores",
				w, o->worker_cores[w], cpus - 1);
		for (unsigned other = 0; other < w; other++) {
			if (o->worker_cores[other] == o->worker_cores[w])
				return refuse("workers %u and %u: both on CPU %u", other, w,
					o->worker_cores[w]);
		}
	}
	return 0;
}

static int
frames_check(const struct loop_options *o)
{
	const unsigned least = loop_frame_bytes_min(o);

	if (o->family == 5)
		return refuse("--family: found \"5\", expected 4 or 6");
	if (o->translate && o->family == 6)
		return refuse("--translate: has flows of both families, found --family 6");
	if (o->size < least)
		return refuse(
			"--size: found %u, expected at least %u for its headers", o->size, least);
	if (o->translate && o->size - LOOP_L2_BYTES(o) + LOOP_TRANSLATE_BYTES > MTU)
		return refuse("--size: found %u, as IPv6 that is over the MTU of %u", o->size, MTU);
	return 0;
}

static int
flows_check(const struct loop_options *o)
{
	const unsigned strands = loop_strands(o);

	if (o->translate && o->flows % 2 != 0)
		return refuse("--flows: found %u, --translate wants pairs", o->flows);
	if (loop_units(o) < strands)
		return refuse("--flows: found %u, expected one a worker at least", o->flows);
	if (o->match == LOOP_RULE && o->flows > DP_RULES_MAX)
		return refuse("--flows: found %u, at most %u rules", o->flows, DP_RULES_MAX);
	if (o->flows > DP_FLOWS_MAX - loop_flows_spare(o))
		return refuse("--flows: found %u, expected at most %u with --during-updates",
			o->flows, DP_FLOWS_MAX - loop_flows_spare(o));
	if (loop_legs_needed(o) > DP_LEGS_MAX)
		return refuse("--legs: found %u for each of %u flows, expected at most %u in all",
			o->legs, o->flows, DP_LEGS_MAX);
	return 0;
}

static int
rounds_check(const struct loop_options *o)
{
	if (o->inflight % LOOP_BURST != 0)
		return refuse(
			"--inflight: found %u, expected a multiple of %u", o->inflight, LOOP_BURST);
	if (o->against == LOOP_TESTPMD && o->workers > 1)
		return refuse(
			"--against testpmd compares one worker, found --workers %u", o->workers);
	if (o->against == LOOP_ONE_WORKER && o->workers == 1)
		return refuse("--against one: compares several workers, found --workers 1");
	return 0;
}

int
loop_options_settle(struct loop_options *o)
{
	const unsigned least = loop_frame_bytes_min(o);
	int ret;

	if (o->size == 0)
		o->size = least > SIZE_DEFAULT ? least : SIZE_DEFAULT;
	if (o->rounds == 0)
		o->rounds = o->against != LOOP_ALONE ? ROUNDS_AGAINST : 1;
	if (o->latch != DP_LATCH_OPEN && o->match == LOOP_EXACT)
		o->match = LOOP_LISTENER; /* an exact flow names its source */
	if ((ret = frames_check(o)) == 0 && (ret = flows_check(o)) == 0 &&
		(ret = rounds_check(o)) == 0)
		ret = cores_check(o);
	return ret;
}
