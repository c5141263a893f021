/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bring the EAL up from plain settings. Memory is private to the process (--in-memory): nothing is
 * left in the file system, also after a crash, and instances on one host cannot collide.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <rte_version.h>

#include <dp/dp.h>

#define NO_HUGE_MEMORY_MB 1024
#define ARGS_MAX (32 + 2 * DP_PORTS_MAX)

struct arg_list {
	int n;
	bool overflow;
	char *args[ARGS_MAX + 1];
};

static void arg_add(struct arg_list *list, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void
arg_add(struct arg_list *list, const char *format, ...)
{
	va_list args;

	if (list->n == ARGS_MAX) {
		list->overflow = true;
		return;
	}
	va_start(args, format);
	if (vasprintf(&list->args[list->n], format, args) < 0)
		list->overflow = true;
	else
		list->n++;
	va_end(args);
}

/* lcore 0 is the control thread, lcore i + 1 is worker i, each on its named CPU. */
static void
arg_add_lcores(struct arg_list *list, const struct dp_eal_config *config)
{
	char map[16 * (DP_WORKERS_MAX + 1)];
	int n = snprintf(map, sizeof(map), "0@%u", config->control_core);

	for (unsigned i = 0; i < config->n_workers; i++)
		n += snprintf(
			map + n, sizeof(map) - (size_t)n, ",%u@%u", i + 1, config->worker_cores[i]);
	arg_add(list, "--lcores=%s", map);
	arg_add(list, "--main-lcore=0");
}

static void
arg_list_build(struct arg_list *list, const struct dp_eal_config *config)
{
	unsigned memory_mb = config->memory_mb;

	arg_add(list, "%s", config->program);
	arg_add_lcores(list, config);
	arg_add(list, "--no-telemetry");
	arg_add(list, "--file-prefix=%s", config->file_prefix);
	arg_add(list, "--log-level=%s", config->log_level != NULL ? config->log_level : "notice");
	/*
	 * While it starts it warns of a hugetlbfs that is not mounted, which --in-memory does not
	 * need, and of each size of which there are no free pages; that there are none at all is an
	 * error.
	 */
	if (config->log_level == NULL)
		arg_add(list, "--log-level=lib.eal:error");
	/* DPDK 22.11 refuses --in-memory beside --no-huge, which has no files but the runtime ones.
	 */
	arg_add(list, config->no_huge ? "--no-shconf" : "--in-memory");
	if (config->no_huge) {
		arg_add(list, "--no-huge");
		if (memory_mb == 0)
			memory_mb = NO_HUGE_MEMORY_MB;
	}
	if (memory_mb != 0)
		arg_add(list, "-m%u", memory_mb);
	if (config->n_pci == 0)
		arg_add(list, "--no-pci");
	for (unsigned i = 0; i < config->n_pci; i++) {
		arg_add(list, "--allow");
		arg_add(list, "%s", config->pci[i]);
	}
}

/* What there is of hugepages, and what to do if that is why the EAL fails; "" without them. */
static void
hugepage_hint(const struct dp_eal_config *config, char *hint, size_t size)
{
	FILE *file = config->no_huge ? NULL : fopen("/proc/meminfo", "re");
	unsigned long n_free = 0, page_kb = 0, n_needed = 256;
	char line[128];

	hint[0] = '\0';
	if (file == NULL)
		return;
	while (fgets(line, sizeof(line), file) != NULL) {
		sscanf(line, "HugePages_Free: %lu", &n_free);
		sscanf(line, "Hugepagesize: %lu", &page_kb);
	}
	fclose(file);
	if (config->memory_mb != 0 && page_kb != 0)
		n_needed = (config->memory_mb * 1024UL + page_kb - 1) / page_kb;
	snprintf(hint, size,
		"; found %lu free hugepages of %lu KiB, expected about %lu: "
		"'sysctl vm.nr_hugepages=%lu' reserves them, 'hugepages: false' does without",
		n_free, page_kb, n_needed, n_needed);
}

int
dp_eal_init(const struct dp_eal_config *config, char *error, size_t error_size)
{
	struct arg_list list = {0};
	char *argv[ARGS_MAX + 1];
	int ret;

	if (config->n_workers == 0 || config->n_workers > DP_WORKERS_MAX) {
		snprintf(error, error_size, "found %u workers, expected 1 to %u", config->n_workers,
			DP_WORKERS_MAX);
		return -EINVAL;
	}
	arg_list_build(&list, config);
	if (list.overflow) {
		snprintf(error, error_size, "too many EAL arguments");
		ret = -E2BIG;
	} else {
		char hint[200];

		/* Before the EAL takes them, which is not undone where it fails. */
		hugepage_hint(config, hint, sizeof(hint));
		/* Without, the EAL writes to syslog as well, which may wait. */
		rte_openlog_stream(stderr);
		/* The EAL permutes argv: it gets a copy. */
		memcpy(argv, list.args, sizeof(argv));
		ret = rte_eal_init(list.n, argv) < 0 ? -rte_errno : 0;
		if (config->log_level == NULL)
			rte_log_set_level_pattern("lib.eal", RTE_LOG_NOTICE);
		if (ret < 0)
			snprintf(error, error_size, "EAL init: %s%s", strerror(-ret), hint);
	}
	for (int i = 0; i < list.n; i++)
		free(list.args[i]);
	return ret;
}

void
dp_eal_fini(void)
{
	rte_eal_cleanup();
}

const char *
dp_dpdk_version(void)
{
	return rte_version();
}
