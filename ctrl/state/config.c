/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From file to struct config. The schema has the types, bounds and defaults, so that what is read
 * here is there and fits; config_check.c has the rules across fields.
 */
#include "state/config.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "schema/documents.h"
#include "schema/schema.h"
#include "schema/yaml.h"
#include "state/config_check.h"
#include "state/devargs.h"

static unsigned
number_read(const json_t *object, const char *member)
{
	return (unsigned)json_integer_value(json_object_get(object, member));
}

static void
text_read(const json_t *object, const char *member, char *text, size_t size)
{
	const char *value = json_string_value(json_object_get(object, member));

	snprintf(text, size, "%s", value ? value : "");
}

static void
process_read(const json_t *json, struct config *config)
{
	const json_t *rpc = json_object_get(json, "rpc");
	const json_t *tables = json_object_get(json, "tables");
	const json_t *punt = json_object_get(json, "punt");
	const json_t *state = json_object_get(json, "state");
	const json_t *workers = json_object_get(json, "workers");

	text_read(rpc, "socket", config->socket_path, sizeof(config->socket_path));
	config->max_message_bytes = number_read(rpc, "max_message_bytes");
	config->max_depth = number_read(rpc, "max_depth");
	config->max_connections = number_read(rpc, "max_connections");
	text_read(state, "path", config->state_path, sizeof(config->state_path));
	text_read(state, "flows", config->state_flows, sizeof(config->state_flows));
	config->keep_declared = number_read(json_object_get(state, "history"), "declared");
	config->keep_calls = number_read(json_object_get(state, "history"), "calls");
	config->max_requests_per_s = number_read(rpc, "max_requests_per_s");
	config->max_waiting_bytes = number_read(rpc, "max_waiting_bytes");
	if (config->max_waiting_bytes < 2 * config->max_message_bytes)
		config->max_waiting_bytes = 2 * config->max_message_bytes;
	config->control_core = number_read(json_object_get(json, "control"), "core");
	for (; config->n_workers < json_array_size(workers); config->n_workers++)
		config->worker_cores[config->n_workers] =
			(unsigned)json_integer_value(json_array_get(workers, config->n_workers));
	text_read(json, "file_prefix", config->file_prefix, sizeof(config->file_prefix));
	config->memory_mb = number_read(json, "memory_mb");
	config->hugepages = json_is_true(json_object_get(json, "hugepages"));
	config->packet_buffers = number_read(json, "packet_buffers");
	text_read(json, "xdp_program", config->xdp_program, sizeof(config->xdp_program));
	if (config->xdp_program[0] == '\0')
		snprintf(
			config->xdp_program, sizeof(config->xdp_program), "%s", SLUICE_XDP_PROGRAM);
	config->ipv4_flows = number_read(tables, "ipv4_flows");
	config->ipv6_flows = number_read(tables, "ipv6_flows");
	config->legs = number_read(tables, "legs");
	config->punt_ring = number_read(punt, "ring");
	config->punt_rate_pps = number_read(punt, "rate_pps");
}

/* An AF_XDP port that brings no program of its own gets ours, and is steered. */
static int
port_steer(struct config *config, unsigned i, struct fault *fault)
{
	struct dp_port_config *port = &config->ports[i];
	size_t length = strlen(port->devargs);
	char argument[DP_DEVARGS_MAX + 16];

	if (!devargs_is_af_xdp(port->devargs) ||
		devargs_value(port->devargs, "xdp_prog", argument, sizeof(argument)))
		return 0;
	if (!devargs_value(port->devargs, "iface", config->steered[i], IFNAMSIZ))
		return fault_set(fault, FAULT_INVALID_VALUE, "/devargs",
			"found %s, expected iface=INTERFACE in it", port->devargs);
	snprintf(argument, sizeof(argument), ",xdp_prog=%s", config->xdp_program);
	if (length + strlen(argument) >= sizeof(port->devargs))
		return fault_set(fault, FAULT_INVALID_VALUE, "/devargs",
			"found %zu characters, expected less than %zu together with %s", length,
			sizeof(port->devargs), argument);
	strcat(port->devargs, argument);
	return 0;
}

static int
ports_read(const json_t *json, struct config *config, struct fault *fault)
{
	const json_t *ports = json_object_get(json, "ports");

	for (; config->n_ports < json_array_size(ports); config->n_ports++) {
		const unsigned i = config->n_ports;
		const json_t *entry = json_array_get(ports, i);
		struct dp_port_config *port = &config->ports[i];

		text_read(entry, "name", port->name, sizeof(port->name));
		text_read(entry, "devargs", port->devargs, sizeof(port->devargs));
		port->rx_queues = number_read(entry, "rx_queues");
		port->descriptors = number_read(entry, "descriptors");
		port->mtu = number_read(entry, "mtu");
		port->punt_unmatched =
			strcmp(json_string_value(json_object_get(entry, "unmatched")), "punt") == 0;
		devargs_pci(port->devargs, config->pci[i], sizeof(config->pci[i]));
		if (port_steer(config, i, fault) < 0) {
			fault_prefix(fault, "/ports/%u", i);
			return -1;
		}
	}
	return 0;
}

/* Make the message the line that people read: where, which field, what. */
static void
fault_locate(struct fault *fault, const char *path, const struct yaml_lines *lines)
{
	const struct fault found = *fault;

	fault_set(fault, found.code, found.pointer, "%s:%u: %s: %s", path,
		yaml_line(lines, found.pointer), found.pointer[0] ? found.pointer : "/",
		found.message);
}

int
config_load(const char *path, struct config *config, struct fault *fault)
{
	json_t *schema = schema_config_document();
	struct yaml_lines *lines;
	json_t *json;
	int rc;

	memset(config, 0, sizeof(*config));
	json = yaml_load(path, &lines, fault);
	if (!json)
		return -1;
	rc = schema_check_once(schema, schema, json, fault);
	if (rc == 0) {
		process_read(json, config);
		rc = access_read(json, &config->access, fault);
	}
	if (rc == 0)
		rc = tls_config_read(json, &config->tls, fault);
	if (rc == 0)
		rc = ports_read(json, config, fault);
	if (rc == 0)
		rc = config_check(config, fault);
	if (rc < 0)
		fault_locate(fault, path, lines);
	yaml_lines_destroy(lines);
	json_decref(json);
	return rc;
}
