/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A family at a time, and of its samples a group at a time: all of a port, a worker or a flow. A
 * group is written whole or, if it does not fit the piece, in the next one.
 */
#include "export/metrics.h"

#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "export/metric_list.h"
#include "flow/commit.h"

enum metric_type { info, gauge, counter, histogram };

#define SEARCH_FLOWS 2048 /* that are looked at in one go: some 0.2 ms */

static const char *const type_names[] = {
	[info] = "info", [gauge] = "gauge", [counter] = "counter", [histogram] = "histogram"};

struct family {
	const char *name;
	enum metric_type type;
	const char *help;
	/* The group of samples of that number; false: there is none, the family is over. */
	bool (*write)(struct exposition *e, const struct family *family, size_t group);
	size_t of;
};

struct exposition {
	const struct metrics_source *source;
	bool openmetrics;
	const struct family *family; /* NULL: the end was written */
	size_t group; /* its next */
	bool headed; /* the family's lines of metadata were written */
	uint64_t sequence; /* of the last flow of the family */
	unsigned n_flows; /* of the family so far */
	bool searching; /* for the next flow, which may take long */
	bool ended;
	char *text;
	size_t size, length; /* length > size: the group did not fit */
	unsigned n_ports, n_workers;
	struct dp_port_stats ports[DP_PORTS_MAX];
	struct dp_worker_stats workers[DP_WORKERS_MAX];
	int cores[DP_WORKERS_MAX];
};

static void put(struct exposition *e, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void
put(struct exposition *e, const char *format, ...)
{
	const size_t left = e->length < e->size ? e->size - e->length : 0;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(left > 0 ? e->text + e->length : NULL, left, format, args);
	va_end(args);
	e->length += (size_t)n;
	/* What fills the room exactly has lost its last character to the NUL. */
	if (e->length == e->size)
		e->length++;
}

/* The beginning of a sample, before its labels. */
static void
put_name(struct exposition *e, const struct family *family)
{
	static const char *const suffixes[] = {
		[info] = "_info", [gauge] = "", [counter] = "_total", [histogram] = "_bucket"};

	put(e, "sluice_%s%s", family->name, suffixes[family->type]);
}

static void
put_count(struct exposition *e, uint64_t value)
{
	put(e, " %llu\n", (unsigned long long)value);
}

static void
put_seconds(struct exposition *e, uint64_t ns)
{
	put(e, " %llu.%09llu\n", (unsigned long long)(ns / NS_PER_S),
		(unsigned long long)(ns % NS_PER_S));
}

/* A family without labels. */
static bool
put_one(struct exposition *e, const struct family *family, size_t group, uint64_t value)
{
	if (group > 0)
		return false;
	put_name(e, family);
	put_count(e, value);
	return true;
}

static uint64_t
member_at(const void *stats, size_t offset)
{
	uint64_t value;

	memcpy(&value, (const char *)stats + offset, sizeof(value));
	return value;
}

static bool
build(struct exposition *e, const struct family *family, size_t group)
{
	if (group > 0)
		return false;
	put_name(e, family);
	put(e, "{version=\"%s\",dpdk=\"%s\"} 1\n", SLUICE_VERSION, dp_dpdk_version());
	return true;
}

static bool
uptime(struct exposition *e, const struct family *family, size_t group)
{
	if (group > 0)
		return false;
	put_name(e, family);
	put_seconds(e, clock_read_ns(CLOCK_MONOTONIC) - e->source->started_ns);
	return true;
}

static bool
cpu(struct exposition *e, const struct family *family, size_t group)
{
	if (group > 0)
		return false;
	put_name(e, family);
	put_seconds(e, clock_read_ns(CLOCK_PROCESS_CPUTIME_ID));
	return true;
}

static bool
resident(struct exposition *e, const struct family *family, size_t group)
{
	unsigned long long pages = 0;
	FILE *statm = group == 0 ? fopen("/proc/self/statm", "re") : NULL;

	if (statm) {
		if (fscanf(statm, "%*u %llu", &pages) != 1)
			pages = 0;
		fclose(statm);
	}
	return put_one(e, family, group, pages * (uint64_t)sysconf(_SC_PAGESIZE));
}

static bool
log_lost(struct exposition *e, const struct family *family, size_t group)
{
	return put_one(e, family, group, log_lines_lost());
}

static bool
generation(struct exposition *e, const struct family *family, size_t group)
{
	return put_one(e, family, group, commits_generation(e->source->flows->commits));
}

static bool
unconfirmed(struct exposition *e, const struct family *family, size_t group)
{
	struct store_confirm open;

	return put_one(e, family, group, confirm_open(e->source->confirm, &open));
}

/* `of` is 1 for what there is room for. */
static bool
flows(struct exposition *e, const struct family *family, size_t group)
{
	static const enum dp_family families[] = {DP_IPV4, DP_IPV6};
	const struct dp *dp = e->source->dp;

	if (group >= 2)
		return false;
	put_name(e, family);
	put(e, "{family=\"%s\"} %u\n", families[group] == DP_IPV4 ? "ipv4" : "ipv6",
		family->of ? dp_flow_capacity(dp, families[group])
			   : dp_flow_count(dp, families[group]));
	return true;
}

static bool
legs(struct exposition *e, const struct family *family, size_t group)
{
	const struct dp *dp = e->source->dp;

	return put_one(e, family, group, family->of ? dp_leg_capacity(dp) : dp_leg_count(dp));
}

/* `of` is an offset in struct pool_usage. */
static bool
pools(struct exposition *e, const struct family *family, size_t group)
{
	struct pools *pools = e->source->flows->pools;
	struct pool_usage usage;
	uint32_t ports;

	if (group >= pools_count(pools))
		return false;
	pools_usage_get(pools, (unsigned)group, clock_read_ns(CLOCK_MONOTONIC), &usage);
	put_name(e, family);
	put(e, "{pool=\"%s\"}", usage.config->name);
	memcpy(&ports, (const char *)&usage + family->of, sizeof(ports));
	put_count(e, ports);
	return true;
}

static void
put_worker(struct exposition *e, const struct family *family, size_t worker)
{
	put_name(e, family);
	put(e, "{worker=\"%zu\",core=\"%d\"", worker, e->cores[worker]);
}

/* `of` is an offset in struct dp_worker_stats, here and below. */
static bool
worker_count(struct exposition *e, const struct family *family, size_t group)
{
	if (group >= e->n_workers)
		return false;
	put_worker(e, family, group);
	put(e, "}");
	put_count(e, member_at(&e->workers[group], family->of));
	return true;
}

static bool
worker_ns(struct exposition *e, const struct family *family, size_t group)
{
	if (group >= e->n_workers)
		return false;
	put_worker(e, family, group);
	put(e, "}");
	put_seconds(e, member_at(&e->workers[group], family->of));
	return true;
}

/* Bucket i is what took less than 2^(i+1) ns; there is no sum. */
static bool
residence(struct exposition *e, const struct family *family, size_t group)
{
	uint64_t packets = 0;
	unsigned i;

	if (group >= e->n_workers)
		return false;
	for (i = 0; i < DP_RESIDENCE_BUCKETS; i++) {
		packets += e->workers[group].residence[i];
		put_worker(e, family, group);
		put(e, ",le=\"%.9g\"}", (double)(UINT64_C(2) << i) / NS_PER_S);
		put_count(e, packets);
	}
	put_worker(e, family, group);
	put(e, ",le=\"+Inf\"}");
	put_count(e, packets);
	return true;
}

static void
put_port(struct exposition *e, const struct family *family, size_t port)
{
	put_name(e, family);
	put(e, "{port=\"%s\"", e->source->flows->ports->info[port].name);
}

/* `of` is an offset in struct dp_port_stats. */
static bool
port_count(struct exposition *e, const struct family *family, size_t group)
{
	if (group >= e->n_ports)
		return false;
	put_port(e, family, group);
	put(e, "}");
	put_count(e, member_at(&e->ports[group], family->of));
	return true;
}

static bool
port_up(struct exposition *e, const struct family *family, size_t group)
{
	struct dp_port_info port;

	if (group >= e->n_ports)
		return false;
	put_port(e, family, group);
	put(e, "} %d\n",
		dp_port_info_get(e->source->dp, (unsigned)group, &port) == 0 &&
			port_link_up(&port));
	return true;
}

/* All reasons, so that each series is there before its first drop. */
static bool
port_drops(struct exposition *e, const struct family *family, size_t group)
{
	if (group >= e->n_ports)
		return false;
	for (unsigned i = 0; i < DP_DROP_COUNT; i++) {
		put_port(e, family, group);
		put(e, ",reason=\"%s\"}", dp_drop_name((enum dp_drop)i));
		put_count(e, e->ports[group].drops[i]);
	}
	return true;
}

static bool
port_xdp(struct exposition *e, const struct family *family, size_t group)
{
	if (group >= e->n_ports)
		return false;
	for (unsigned i = 0; i < DP_XDP_COUNT; i++) {
		if (strcmp(e->source->flows->ports->info[group].driver, "net_af_xdp") != 0)
			break;
		put_port(e, family, group);
		put(e, ",event=\"%s\"}", dp_xdp_name((enum dp_xdp)i));
		put_count(e, e->ports[group].xdp[i]);
	}
	return true;
}

/* Whether the metrics of a flow are exposed. */
static bool
is_selected(const struct exposition *e, const struct flow *flow)
{
	const struct metrics_config *config = &e->source->config->metrics;
	unsigned i = 0;

	while (i < config->n_flows && fnmatch(config->flows[i], flow->spec->id, 0) != 0)
		i++;
	return i < config->n_flows;
}

/* The next flow that is selected; NULL: none was found so far, or, unless `searching`, at all. */
static const struct flow *
flow_next(struct exposition *e)
{
	const struct flow *flow = NULL;

	if (e->source->config->metrics.n_flows > 0)
		flow = flow_db_after(&e->source->flows->db, e->sequence);
	for (unsigned i = 0; flow && i < SEARCH_FLOWS; i++, flow = flow_db_next(flow)) {
		if (is_selected(e, flow))
			return flow;
		e->sequence = flow->sequence;
	}
	e->searching = flow != NULL;
	return NULL;
}

/* Of the next flow, by `put_flow`; as struct family.write. */
static bool
flow_write(struct exposition *e,
	void (*put_flow)(struct exposition *e, const char *id, const struct dp_flow_stats *stats))
{
	const struct flow *flow = NULL;
	struct dp_flow_stats stats;

	if (e->n_flows < e->source->config->metrics.max_flows)
		flow = flow_next(e);
	if (!flow)
		return e->searching;
	if (dp_flow_stats_get(e->source->dp, flow->handle, &stats, NULL, 0) == 0)
		put_flow(e, flow->spec->id, &stats);
	if (e->length <= e->size) {
		e->sequence = flow->sequence;
		e->n_flows++;
	}
	return true;
}

static void
put_flow_count(struct exposition *e, const char *id, const struct dp_flow_stats *stats)
{
	put_name(e, e->family);
	put(e, "{flow=\"%s\"}", id);
	put_count(e, member_at(stats, e->family->of));
}

/* `of` is an offset in struct dp_flow_stats. */
static bool
flow_count(struct exposition *e, const struct family *family, size_t group)
{
	(void)family;
	(void)group;
	return flow_write(e, put_flow_count);
}

static void
put_flow_drops(struct exposition *e, const char *id, const struct dp_flow_stats *stats)
{
	for (unsigned i = 0; i < DP_FLOW_DROP_COUNT; i++) {
		if (stats->drops[i] == 0)
			continue;
		put_name(e, e->family);
		put(e, "{flow=\"%s\",reason=\"%s\"}", id,
			dp_drop_name((enum dp_drop)(DP_FLOW_DROP_FIRST + i)));
		put_count(e, stats->drops[i]);
	}
}

static bool
flow_drops(struct exposition *e, const struct family *family, size_t group)
{
	(void)family;
	(void)group;
	return flow_write(e, put_flow_drops);
}

static bool
left_out(struct exposition *e, const struct family *family, size_t group)
{
	const unsigned max = e->source->config->metrics.max_flows;
	const struct flow *flow;

	(void)group;
	for (unsigned i = 0; i < SEARCH_FLOWS && (flow = flow_next(e)); i++) {
		e->sequence = flow->sequence;
		e->n_flows++;
	}
	if (flow)
		e->searching = true;
	if (e->searching)
		return true;
	put_one(e, family, 0, e->n_flows > max ? e->n_flows - max : 0);
	return false;
}

#define FAMILY(name, type, labels, help, writer, of) {#name, type, help, writer, of},
static const struct family families[] = {PROCESS_METRICS(FAMILY) WORKER_METRICS(FAMILY)
		PORT_METRICS(FAMILY) FLOW_METRICS(FAMILY) SCRAPE_METRICS(FAMILY)};
#undef FAMILY

struct exposition *
exposition_create(const struct metrics_source *source, bool openmetrics)
{
	struct exposition *e = calloc(1, sizeof(*e));
	struct dp_worker_info worker;
	unsigned i;

	if (!e)
		return NULL;
	e->source = source;
	e->openmetrics = openmetrics;
	e->family = families;
	e->n_ports = source->flows->ports->n;
	e->n_workers = dp_worker_count(source->dp);
	for (i = 0; i < e->n_ports; i++)
		dp_port_stats_get(source->dp, i, &e->ports[i]);
	for (i = 0; i < e->n_workers; i++) {
		dp_worker_stats_get(source->dp, i, &e->workers[i]);
		if (dp_worker_info_get(source->dp, i, &worker) == 0)
			e->cores[i] = (int)worker.core;
	}
	return e;
}

/*
 * In the text format 0.0.4 a family is named as its samples are, and there is no type for a
 * constant that tells something.
 */
static void
put_head(struct exposition *e)
{
	const struct family *family = e->family;
	const char *suffix = "", *type = type_names[family->type];

	if (!e->openmetrics && family->type == info) {
		suffix = "_info";
		type = "gauge";
	} else if (!e->openmetrics && family->type == counter) {
		suffix = "_total";
	}
	put(e, "# TYPE sluice_%s%s %s\n# HELP sluice_%s%s %s.\n", family->name, suffix, type,
		family->name, suffix, family->help);
}

/* The next group of samples, or the head of a family. False: it did not fit. */
static bool
group_write(struct exposition *e)
{
	const size_t before = e->length;
	bool there = true;

	if (!e->headed)
		put_head(e);
	else
		there = e->family->write(e, e->family, e->group);
	if (e->length > e->size) {
		e->length = before;
		return false;
	}
	if (!there) {
		e->family = e->family + 1 < families + sizeof(families) / sizeof(families[0])
				    ? e->family + 1
				    : NULL;
		e->group = 0;
		e->headed = false;
		e->sequence = 0;
		e->n_flows = 0;
	} else if (e->headed) {
		e->group++;
	} else {
		e->headed = true;
	}
	return true;
}

size_t
exposition_write(struct exposition *e, char *text, size_t size)
{
	e->text = text;
	e->size = size;
	e->length = 0;
	e->searching = false;
	while (e->family && !e->searching && group_write(e))
		;
	if (!e->family && !e->ended) {
		const size_t before = e->length;

		if (e->openmetrics)
			put(e, "# EOF\n");
		e->ended = e->length <= e->size;
		if (!e->ended)
			e->length = before;
	}
	return e->length;
}

bool
exposition_ended(const struct exposition *e)
{
	return e->ended;
}

void
exposition_destroy(struct exposition *e)
{
	free(e);
}
