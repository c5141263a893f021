/* SPDX-License-Identifier: BSD-3-Clause */
/* See boot.h. The files are written by drivers-conf/setup/plan.py. */
#include "doctor/boot.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/tree.h"

#define GRUB "/etc/default/grub.d/50-sluice.cfg"
#define TMPFILES "/etc/tmpfiles.d/sluice-setup.conf"
#define COMMAND_LINE_MAX 4096 /* COMMAND_LINE_SIZE of the kernel is 2048 on x86 and arm64 */

/* Copy the value of name=value among the words of a text. */
static bool
value_find(const char *text, const char *name, char *value, size_t size)
{
	static const char between[] = " \"\n";
	const size_t length = strlen(name);

	for (; *text; text += strcspn(text, between), text += strspn(text, between)) {
		if (strncmp(text, name, length) != 0 || text[length] != '=')
			continue;
		text += length + 1;
		snprintf(value, size, "%.*s", (int)strcspn(text, between), text);
		return true;
	}
	return false;
}

/* Whether the running kernel was started with exactly that. */
static bool
kernel_has(const char *root, const char *name, const char *value)
{
	char line[COMMAND_LINE_MAX], parameter[COMMAND_LINE_MAX];

	snprintf(parameter, sizeof(parameter), "%s=%s", name, value);
	return tree_text(root, line, sizeof(line), "/proc/cmdline") && has_word(line, parameter);
}

bool
boot_parameter(const char *root, const char *name, char *value, size_t size)
{
	FILE *file = tree_open(root, GRUB);
	char line[COMMAND_LINE_MAX];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file))
		found = line[0] != '#' && value_find(line, name, value, size);
	if (file)
		fclose(file);
	if (found && !kernel_has(root, name, value))
		return true;
	value[0] = '\0';
	return false;
}

void
boot_cpus(const char *root, const char *name, cpu_set_t *cpus)
{
	char value[TREE_PATH_MAX];

	CPU_ZERO(cpus);
	if (boot_parameter(root, name, value, sizeof(value)))
		/* Of isolcpus= flags come first. */
		cpus_parse(value + strcspn(value, "0123456789"), cpus);
}

/* Pages of a node in the value of hugepages=: "0:1,1:2", or "2" on a machine with one node. */
static uint64_t
pages_of_node(const char *value, unsigned node)
{
	char *end;

	for (const char *at = value;; at = end + 1) {
		const unsigned long first = strtoul(at, &end, 10);

		if (*end != ':')
			return at == value ? first : 0;
		if (first == node)
			return strtoul(end + 1, NULL, 10);
		strtoul(end + 1, &end, 10);
		if (*end != ',')
			return 0;
	}
}

uint64_t
boot_hugepages_mib(const char *root, unsigned node, const char *directory)
{
	char value[TREE_PATH_MAX], line[COMMAND_LINE_MAX], path[TREE_PATH_MAX],
		wanted[TREE_PATH_MAX];
	uint64_t pages, mib = 0;
	FILE *file;

	if (boot_parameter(root, "hugepages", value, sizeof(value)))
		mib = pages_of_node(value, node) << 10; /* of 1 GiB */
	snprintf(wanted, sizeof(wanted), "%s/hugepages-2048kB/nr_hugepages", directory);
	file = tree_open(root, TMPFILES);
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "w! %511s - - - - %" SCNu64, path, &pages) == 2 &&
			strcmp(path, wanted) == 0 &&
			pages > (uint64_t)tree_number(root, 0, "%s", wanted))
			mib += pages * 2;
	}
	if (file)
		fclose(file);
	return mib;
}
