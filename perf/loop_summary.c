/* SPDX-License-Identifier: BSD-3-Clause */
#include "loop_summary.h"

#include <math.h>
#include <string.h>

/* A figure of one round. */
typedef double (*figure_fn)(const struct loop_report *report, unsigned round);

static double
cycles(const struct loop_report *report, unsigned round)
{
	return report->sluice[round].cycles.median;
}

static double
cycles_all(const struct loop_report *report, unsigned round)
{
	return report->sluice[round].cycles_all.median;
}

static double
calm(const struct loop_report *report, unsigned round)
{
	return report->sluice[round].calm.median;
}

static double
other(const struct loop_report *report, unsigned round)
{
	return report->other[round].median;
}

/* Cycles of n workers are n to the cycle that passes, so packets a second are n / cycles. */
static double
ratio_of(const struct loop_report *report, unsigned round, double our_cycles)
{
	if (report->options->against == LOOP_ONE_WORKER)
		return report->options->workers * other(report, round) / our_cycles;
	return our_cycles / other(report, round);
}

double
loop_round_ratio(const struct loop_report *report, unsigned round)
{
	return ratio_of(report, round, cycles(report, round));
}

static double
ratio_all(const struct loop_report *report, unsigned round)
{
	return ratio_of(report, round, cycles_all(report, round));
}

static double
growth(const struct loop_report *report, unsigned round)
{
	return cycles(report, round) / calm(report, round) - 1;
}

static struct spread
over_rounds(const struct loop_report *report, figure_fn figure)
{
	double figures[LOOP_ROUNDS_MAX];

	for (unsigned i = 0; i < report->rounds; i++)
		figures[i] = figure(report, i);
	return spread_of(figures, report->rounds);
}

/* What is a sum, a least or a most. */
static void
rounds_fold(const struct loop_report *report, struct loop_summary *s)
{
	for (unsigned i = 0; i < report->rounds; i++) {
		const struct loop_result *r = &report->sluice[i];

		s->packets += r->packets;
		s->conserved &= r->conserved;
		s->cpu_share = fmin(s->cpu_share, r->cpu_share);
		s->longest_round_us = fmax(s->longest_round_us, r->longest_round_us);
		s->updates_per_second = i == 0 ? r->updates_per_second
					       : fmin(s->updates_per_second, r->updates_per_second);
		s->reads_per_second = i == 0 ? r->reads_per_second
					     : fmin(s->reads_per_second, r->reads_per_second);
	}
}

void
loop_report_sum_up(const struct loop_report *report, struct loop_summary *s)
{
	memset(s, 0, sizeof(*s));
	s->cpu_share = 1;
	s->conserved = true;
	rounds_fold(report, s);
	s->cycles = over_rounds(report, cycles);
	s->cycles_all = over_rounds(report, cycles_all);
	if (report->rounds == 1) {
		s->cycles = report->sluice[0].cycles;
		s->cycles_all = report->sluice[0].cycles_all;
	}
	if (loop_is_disturbed(report->options)) {
		s->calm = over_rounds(report, calm);
		s->growth = over_rounds(report, growth);
		if (report->rounds == 1)
			s->calm = report->sluice[0].calm;
	}
	if (report->options->against != LOOP_ALONE) {
		s->other = over_rounds(report, other);
		s->ratio = over_rounds(report, loop_round_ratio);
		s->ratio_all = over_rounds(report, ratio_all);
	}
}
