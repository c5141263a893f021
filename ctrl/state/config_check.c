/* SPDX-License-Identifier: BSD-3-Clause */
/* Every rule names the later of two fields that do not go together, and the earlier one too. */
#include "state/config_check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "state/devargs.h"

#define CPU_DIR "/sys/devices/system/cpu"

/* A CPU without an `online` file cannot be taken offline. */
static bool
cpu_online(unsigned cpu)
{
	char path[64];
	FILE *file;
	int state;

	snprintf(path, sizeof(path), CPU_DIR "/cpu%u/online", cpu);
	file = fopen(path, "re");
	if (!file)
		return true;
	state = fgetc(file);
	fclose(file);
	return state != '0';
}

static int
cpu_check(unsigned cpu, const char *pointer, struct fault *fault)
{
	char path[64];

	snprintf(path, sizeof(path), CPU_DIR "/cpu%u", cpu);
	if (access(path, F_OK) < 0)
		return fault_set(fault, FAULT_INVALID_VALUE, pointer,
			"found CPU %u, expected one that this machine has (see " CPU_DIR "/online)",
			cpu);
	if (!cpu_online(cpu))
		return fault_set(fault, FAULT_INVALID_VALUE, pointer,
			"found CPU %u, which is offline, expected one that is online", cpu);
	return 0;
}

static int
worker_check(const struct config *config, unsigned worker, struct fault *fault)
{
	const unsigned core = config->worker_cores[worker];
	char pointer[32];
	unsigned i;

	snprintf(pointer, sizeof(pointer), "/workers/%u", worker);
	if (core == config->control_core)
		return fault_set(fault, FAULT_INVALID_VALUE, pointer,
			"found CPU %u, which is the control thread's, expected one of its own",
			core);
	for (i = 0; i < worker; i++) {
		if (config->worker_cores[i] == core)
			return fault_set(fault, FAULT_INVALID_VALUE, pointer,
				"found CPU %u again, expected one that no other worker has", core);
	}
	return cpu_check(core, pointer, fault);
}

static int
port_check(const struct config *config, unsigned port, struct fault *fault)
{
	const char *name = config->ports[port].name;
	const char *iface = config->steered[port];
	char pointer[32];
	unsigned i;

	for (i = 0; i < port; i++) {
		snprintf(pointer, sizeof(pointer), "/ports/%u/name", port);
		if (strcmp(config->ports[i].name, name) == 0)
			return fault_set(fault, FAULT_INVALID_VALUE, pointer,
				"found %s, which /ports/%u has, expected a name of its own", name,
				i);
		snprintf(pointer, sizeof(pointer), "/ports/%u/devargs", port);
		if (devargs_same_device(config->ports[i].devargs, config->ports[port].devargs))
			return fault_set(fault, FAULT_INVALID_VALUE, pointer,
				"found the device of /ports/%u, expected one of its own", i);
		if (iface[0] && strcmp(config->steered[i], iface) == 0)
			return fault_set(fault, FAULT_INVALID_VALUE, pointer,
				"found interface %s, which /ports/%u has, expected one of its own",
				iface, i);
	}
	return 0;
}

static int
program_check(const char *path, struct fault *fault)
{
	if (access(path, R_OK) < 0)
		return fault_set(fault, FAULT_INVALID_VALUE, "/xdp_program",
			"found nothing to read at %s (%s), expected the steering program there",
			path, strerror(errno));
	return 0;
}

static int
punt_check(const struct config *config, struct fault *fault)
{
	const unsigned ring = config->punt_ring;

	if ((ring & (ring - 1)) != 0)
		return fault_set(fault, FAULT_INVALID_VALUE, "/punt/ring",
			"found %u, expected a power of two", ring);
	return 0;
}

int
config_check(const struct config *config, struct fault *fault)
{
	unsigned i;

	if (cpu_check(config->control_core, "/control/core", fault) < 0)
		return -1;
	if (punt_check(config, fault) < 0)
		return -1;
	for (i = 0; i < config->n_workers; i++) {
		if (worker_check(config, i, fault) < 0)
			return -1;
	}
	for (i = 0; i < config->n_ports; i++) {
		if (port_check(config, i, fault) < 0)
			return -1;
		if (config->steered[i][0] && program_check(config->xdp_program, fault) < 0)
			return -1;
	}
	return 0;
}
