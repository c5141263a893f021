/* SPDX-License-Identifier: BSD-3-Clause */
#include "rig.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "dp_private.h"
#include "fixture.h"
#include "visible.h"

static void
drops_print(const struct loop *loop)
{
	struct dp_port_stats s;

	if (loop->dp == NULL || dp_port_stats_get(loop->dp, 0, &s) != 0)
		return;
	for (unsigned r = 0; r < DP_DROP_COUNT; r++) {
		if (s.drops[r] != 0)
			fprintf(stderr, "%s %lu\n", dp_drop_name((enum dp_drop)r),
				(unsigned long)s.drops[r]);
	}
}

void
rig_fail(const struct loop *loop, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	drops_print(loop);
	_exit(1);
}

void
rig_init(struct loop *loop, unsigned n_workers, unsigned max_flows)
{
	fixture_eal(n_workers);
	visible_pools();
	loop_init(loop, max_flows, false);
}

void
rig_start(struct loop *loop)
{
	char error[256] = "";

	if (dp_ports_start(loop->dp, error, sizeof(error)) != 0)
		rig_fail(loop, "%s", error);
	visible_port(loop);
	/* The ports are started, and stay as they are. */
	if (dp_start(loop->dp, error, sizeof(error)) != 0)
		rig_fail(loop, "%s", error);
}

double
rig_now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void
rig_conservation_check(const struct loop *loop, unsigned long n_sent, unsigned long n_taken)
{
	struct dp_port_stats s;
	uint64_t drops = 0;

	if (dp_port_stats_get(loop->dp, 0, &s) != 0)
		rig_fail(loop, "no counters");
	for (unsigned r = 0; r < DP_PACKET_DROP_COUNT; r++)
		drops += s.drops[r];
	if (s.rx_packets != n_sent || s.rx_packets != s.forwarded + s.punted + drops ||
		drops != s.drops[DP_DROP_no_flow])
		rig_fail(loop, "%lu sent: %lu received, %lu forwarded, %lu dropped", n_sent,
			(unsigned long)s.rx_packets, (unsigned long)s.forwarded,
			(unsigned long)drops);
	if (s.copies != s.tx_packets || s.tx_packets != n_taken)
		rig_fail(loop, "%lu copies, %lu sent, %lu taken", (unsigned long)s.copies,
			(unsigned long)s.tx_packets, n_taken);
}
