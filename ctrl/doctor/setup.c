/* SPDX-License-Identifier: BSD-3-Clause */
/* See setup.h. */
#include "doctor/setup.h"

#include <stdio.h>
#include <string.h>

#include "config/config.h"

#define STORE_DEFAULT "/var/lib/sluice/state.db"
#define TABLE_ENTRIES_DEFAULT (65536 + 16384 + 65536) /* as sluice-config.json has it */

void
setup_init(struct setup *setup, const char *path)
{
	*setup = (struct setup){.path = path,
		.hugepages = true,
		.control_core = -1,
		.store = STORE_DEFAULT,
		.n_table_entries = TABLE_ENTRIES_DEFAULT};
}

static const char *
text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

static unsigned
count_of(const json_t *object, const char *name)
{
	return (unsigned)json_integer_value(json_object_get(object, name));
}

static void
port_add(struct setup *setup, const json_t *entry)
{
	struct port_setup *port = &setup->ports[setup->n_ports];

	if (setup->n_ports == DP_PORTS_MAX)
		return;
	setup->n_ports++;
	snprintf(port->name, sizeof(port->name), "%s", text_of(entry, "name"));
	snprintf(port->devargs, sizeof(port->devargs), "%s", text_of(entry, "devargs"));
	if (!devargs_pci(port->devargs, port->pci, sizeof(port->pci)))
		port->pci[0] = '\0';
	if (devargs_is_af_xdp(port->devargs))
		devargs_value(port->devargs, "iface", port->iface, sizeof(port->iface));
	port->rx_queues = count_of(entry, "rx_queues");
	port->descriptors = count_of(entry, "descriptors");
	port->mtu = count_of(entry, "mtu");
}

static void
worker_add(struct setup *setup, const json_t *cpu)
{
	if (setup->n_workers < DP_WORKERS_MAX)
		setup->workers[setup->n_workers++] = (unsigned)json_integer_value(cpu);
}

void
setup_read(struct setup *setup, json_t *document)
{
	const json_t *tables = json_object_get(document, "tables");
	const char *store;
	int hugepages;
	json_t *entry;
	size_t i;

	json_unpack(document, "{s:b, s:i, s:{s:i}, s:{s:s}}", "hugepages", &hugepages, "memory_mb",
		&setup->memory_mb, "control", "core", &setup->control_core, "state", "path",
		&store);
	setup->hugepages = hugepages;
	setup->packet_buffers = count_of(document, "packet_buffers");
	setup->n_table_entries = count_of(tables, "ipv4_flows") + count_of(tables, "ipv6_flows") +
				 count_of(tables, "legs");
	snprintf(setup->store, sizeof(setup->store), "%s", store);
	json_array_foreach (json_object_get(document, "workers"), i, entry)
		worker_add(setup, entry);
	json_array_foreach (json_object_get(document, "ports"), i, entry)
		port_add(setup, entry);
	setup->read = setup->known = true;
}

void
setup_ask(struct setup *setup, json_t *info, json_t *ports)
{
	int hugepages = true;
	json_t *entry;
	size_t i;

	setup->pid = (pid_t)json_integer_value(json_object_get(info, "pid"));
	if (setup->read)
		return;
	json_unpack(
		info, "{s?:{s?:{s?:{s?b}}}}", "flows", "ipv4", "memory", "hugepages", &hugepages);
	setup->hugepages = hugepages;
	setup->control_core = (int)json_integer_value(json_object_get(info, "control_core"));
	json_array_foreach (json_object_get(info, "workers"), i, entry)
		worker_add(setup, json_object_get(entry, "core"));
	json_array_foreach (json_object_get(ports, "ports"), i, entry)
		port_add(setup, entry);
	setup->known = true;
}

void
setup_workers(const struct setup *setup, cpu_set_t *cpus)
{
	CPU_ZERO(cpus);
	for (unsigned i = 0; i < setup->n_workers; i++)
		CPU_SET(setup->workers[i], cpus);
}

void
setup_cpus(const struct setup *setup, cpu_set_t *cpus)
{
	setup_workers(setup, cpus);
	if (setup->control_core >= 0)
		CPU_SET((unsigned)setup->control_core, cpus);
}
