/* SPDX-License-Identifier: BSD-3-Clause */
/* Expositions in pieces of any size, over flows that come and go meanwhile. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "../flow/flow_live.h"
#include "export/metrics.h"

#define FLOWS_MAX 6000

struct dp {
	uint64_t packets[FLOWS_MAX];
};

static struct dp dp;
static struct flows flows;
static struct ports ports = {
	.n = 2, .info = {{.name = "p0"}, {.name = "p1", .driver = "net_af_xdp"}}};
static struct confirm confirm;
static struct config config;
static const struct metrics_source source = {
	.dp = &dp, .config = &config, .flows = &flows, .confirm = &confirm};
static struct flow *live[FLOWS_MAX];

int
dp_flow_stats_get(const struct dp *from, uint32_t handle, struct dp_flow_stats *flow,
	struct dp_leg_stats *legs, unsigned n_legs)
{
	(void)legs;
	(void)n_legs;
	*flow = (struct dp_flow_stats){.packets = from->packets[handle]};
	flow->drops[DP_DROP_policed - DP_FLOW_DROP_FIRST] = from->packets[handle] / 10;
	return 0;
}

int
dp_port_stats_get(const struct dp *from, unsigned port, struct dp_port_stats *stats)
{
	(void)from;
	memset(stats, 0, sizeof(*stats));
	stats->rx_packets = UINT64_MAX - port;
	stats->drops[DP_DROP_no_flow] = 7 + port;
	stats->xdp[DP_XDP_rx_ring_full] = 3;
	return 0;
}

int
dp_port_info_get(const struct dp *from, unsigned port, struct dp_port_info *info)
{
	(void)from;
	*info = ports.info[port];
	return 0;
}

int
dp_worker_stats_get(const struct dp *from, unsigned worker, struct dp_worker_stats *stats)
{
	(void)from;
	memset(stats, 0, sizeof(*stats));
	stats->busy_ns = 1500000000 + worker;
	stats->residence[9] = 4; /* below 1024 ns */
	stats->residence[11] = 2;
	return 0;
}

int
dp_worker_info_get(const struct dp *from, unsigned worker, struct dp_worker_info *info)
{
	(void)from;
	*info = (struct dp_worker_info){.core = worker + 2};
	return 0;
}

unsigned
dp_worker_count(const struct dp *from)
{
	(void)from;
	return 2;
}

unsigned
dp_port_count(const struct dp *from)
{
	(void)from;
	return ports.n;
}

unsigned
dp_flow_count(const struct dp *from, enum dp_family family)
{
	(void)from;
	return family == DP_IPV4 ? 3 : 0;
}

unsigned
dp_flow_capacity(const struct dp *from, enum dp_family family)
{
	(void)from;
	return family == DP_IPV4 ? 100 : 50;
}

unsigned
dp_leg_count(const struct dp *from)
{
	(void)from;
	return 0;
}

unsigned
dp_leg_capacity(const struct dp *from)
{
	(void)from;
	return 10;
}

const char *
dp_dpdk_version(void)
{
	return "DPDK 1.2.3";
}

const char *
dp_drop_name(enum dp_drop reason)
{
	static const char *const names[] = {
#define NAME(name, help) #name,
		DP_FRAME_DROPS(NAME) DP_FLOW_DROPS(NAME) DP_COPY_DROPS(NAME)
#undef NAME
	};

	return names[reason];
}

const char *
dp_xdp_name(enum dp_xdp count)
{
	(void)count;
	return "event";
}

uint64_t
commits_generation(const struct commits *commits)
{
	(void)commits;
	return 41;
}

bool
confirm_open(const struct confirm *ours, struct store_confirm *open)
{
	(void)ours;
	(void)open;
	return true;
}

static void
setup(void)
{
	flow_db_init(&flows.db, 0);
	flows.ports = &ports;
	config.metrics = (struct metrics_config){.max_flows = FLOWS_MAX};
}

static void
teardown(void)
{
	flow_db_fini(&flows.db);
}

TestSuite(metrics, .init = setup, .fini = teardown, .timeout = 60);

static void
flow_add(uint32_t handle, const char *name)
{
	struct flow_spec *spec = calloc(1, sizeof(*spec));
	struct fault fault;

	snprintf(spec->id, sizeof(spec->id), "%s%u", name, handle);
	spec->match.key.family = 4;
	memcpy(spec->match.key.dst, &handle, sizeof(handle));
	spec->legs = calloc(1, sizeof(spec->legs[0]));
	live[handle] = flow_live(&flows.db, spec, &fault);
	cr_assert_not_null(live[handle], "%s", fault.message);
	live[handle]->handle = handle;
	dp.packets[handle] = handle;
}

static void
flow_remove(uint32_t handle)
{
	struct flow_spec *spec = flow_gone(&flows.db, live[handle]);

	free(spec->legs);
	free(spec);
}

/* The whole exposition in pieces of `size` bytes, to be freed; `between` is called after each. */
static char *
exposed(bool openmetrics, size_t size, void (*between)(unsigned piece))
{
	struct exposition *e = exposition_create(&source, openmetrics);
	char *text = NULL, *piece = malloc(size);
	size_t length = 0;
	unsigned n = 0;

	cr_assert_not_null(e);
	while (!exposition_ended(e)) {
		const size_t more = exposition_write(e, piece, size);

		cr_assert_leq(more, size);
		text = realloc(text, length + more + 1);
		memcpy(text + length, piece, more);
		length += more;
		cr_assert(more == 0 || text[length - 1] == '\n', "a piece ends within a line");
		if (between)
			between(n++);
	}
	text[length] = '\0';
	exposition_destroy(e);
	free(piece);
	return text;
}

static void
expect_line(const char *text, const char *line)
{
	char wanted[160];

	snprintf(wanted, sizeof(wanted), "\n%s\n", line);
	cr_expect_not_null(strstr(text, wanted), "no line %s", line);
}

static unsigned
lines_with(const char *text, const char *start)
{
	unsigned n = 0;

	for (; (text = strstr(text, start)) != NULL; text++)
		n++;
	return n;
}

Test(metrics, has_what_was_counted)
{
	char *text = exposed(true, 1 << 20, NULL);

	expect_line(
		text, "sluice_build_info{version=\"" SLUICE_VERSION "\",dpdk=\"DPDK 1.2.3\"} 1");
	expect_line(text, "sluice_generation 41");
	expect_line(text, "sluice_unconfirmed 1");
	expect_line(text, "sluice_flows{family=\"ipv4\"} 3");
	expect_line(text, "sluice_flows_capacity{family=\"ipv6\"} 50");
	expect_line(text, "sluice_worker_busy_seconds_total{worker=\"1\",core=\"3\"} 1.500000001");
	expect_line(text, "sluice_port_receive_packets_total{port=\"p1\"} 18446744073709551614");
	expect_line(text, "sluice_port_drops_total{port=\"p1\",reason=\"no_flow\"} 8");
	expect_line(text, "sluice_port_xdp_events_total{port=\"p1\",event=\"event\"} 3");
	cr_expect_null(strstr(text, "xdp_events_total{port=\"p0\""), "a port that has no sockets");
	cr_expect_null(strstr(text, "sluice_flow_packets_total{"), "flows that nobody selected");
	expect_line(text, "# EOF");
	cr_expect_str_eq(text + strlen(text) - 6, "# EOF\n");
	free(text);
}

/* Buckets are cumulative, and their bounds those of the powers of two. */
Test(metrics, has_a_histogram_of_residence)
{
	char *text = exposed(true, 1 << 20, NULL);

#define BUCKET "sluice_worker_residence_seconds_bucket{worker=\"0\",core=\"2\",le="
	expect_line(text, BUCKET "\"5.12e-07\"} 0");
	expect_line(text, BUCKET "\"1.024e-06\"} 4");
	expect_line(text, BUCKET "\"2.048e-06\"} 4");
	expect_line(text, BUCKET "\"4.096e-06\"} 6");
	expect_line(text, BUCKET "\"+Inf\"} 6");
	free(text);
}

/* There, a counter's family has the name of its samples, and nothing marks the end. */
Test(metrics, has_another_head_in_the_text_format)
{
	char *text = exposed(false, 1 << 20, NULL), *openmetrics = exposed(true, 1 << 20, NULL);

	expect_line(text, "# TYPE sluice_port_drops_total counter");
	cr_expect_not_null(strstr(text, "# TYPE sluice_build_info gauge\n"));
	cr_expect_null(strstr(text, "# EOF"));
	expect_line(openmetrics, "# TYPE sluice_port_drops counter");
	cr_expect_not_null(strstr(openmetrics, "# TYPE sluice_build info\n"));
	free(text);
	free(openmetrics);
}

/* Some are far behind many others: the search for them takes several pieces, which may be empty. */
Test(metrics, is_the_same_in_pieces_of_any_size)
{
	static const size_t sizes[] = {EXPOSITION_PIECE_MIN, EXPOSITION_PIECE_MIN + 1, 9999, 65536};
	char *whole, *text;
	uint32_t i;

	config.metrics.n_flows = 2;
	config.metrics.flows[0] = "cam*";
	config.metrics.flows[1] = "mic59[0-9][0-9]";
	for (i = 0; i < FLOWS_MAX; i++)
		flow_add(i, i < 300 ? "cam" : "mic");
	whole = exposed(true, 4 << 20, NULL);
	cr_expect_eq(lines_with(whole, "\nsluice_flow_packets_total{"), 300 + 100);
	cr_expect_eq(lines_with(whole, "\nsluice_flow_drops_total{"), 290 + 100);
	expect_line(whole, "sluice_flow_packets_total{flow=\"mic5999\"} 5999");
	expect_line(whole, "sluice_flow_drops_total{flow=\"cam10\",reason=\"policed\"} 1");
	expect_line(whole, "sluice_flows_left_out 0");
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		text = exposed(true, sizes[i], NULL);
		/* The uptime and the CPU time differ. */
		cr_expect_str_eq(strstr(text, "# TYPE sluice_log_lines"),
			strstr(whole, "# TYPE sluice_log_lines"), "pieces of %zu bytes", sizes[i]);
		free(text);
	}
	free(whole);
}

Test(metrics, leaves_flows_out_beyond_the_maximum)
{
	char *text;

	config.metrics.n_flows = 1;
	config.metrics.flows[0] = "cam*";
	config.metrics.max_flows = 10;
	for (uint32_t i = 0; i < 3000; i++)
		flow_add(i, i % 2 ? "cam" : "mic");
	text = exposed(true, EXPOSITION_PIECE_MIN, NULL);
	cr_expect_eq(lines_with(text, "\nsluice_flow_packets_total{"), 10);
	cr_expect_eq(lines_with(text, "\nsluice_flow_bytes_total{"), 10);
	expect_line(text, "sluice_flow_packets_total{flow=\"cam19\"} 19");
	expect_line(text, "sluice_flows_left_out 1490");
	free(text);
}

static uint32_t next_gone;

static void
some_go(unsigned piece)
{
	(void)piece;
	for (uint32_t i = 0; i < 50 && next_gone < 2000; i++)
		flow_remove(next_gone++);
}

/* The flow that a piece ended with may be gone when the next begins: each is there once at most. */
Test(metrics, goes_on_where_it_was_when_flows_go)
{
	char *text;

	config.metrics.n_flows = 1;
	config.metrics.flows[0] = "*";
	for (uint32_t i = 0; i < 2500; i++)
		flow_add(i, "cam");
	text = exposed(true, EXPOSITION_PIECE_MIN, some_go);
	for (uint32_t i = 2000; i < 2500; i++) {
		char line[80];

		snprintf(line, sizeof(line), "\nsluice_flow_packets_total{flow=\"cam%u\"}", i);
		cr_expect_eq(lines_with(text, line), 1, "%s", line);
	}
	free(text);
}
