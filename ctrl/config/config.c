/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From file to struct config. The schema has the types, bounds and defaults, so that what is read
 * here is there and fits; config_check() has the rules across fields.
 */
#include "config/config.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <jansson.h>

#include "schema/documents.h"
#include "schema/schema.h"
#include "schema/yaml.h"

/* Only commas separate devargs; a value cannot hold one. */

bool
devargs_is_af_xdp(const char *devargs)
{
	static const char prefix[] = "net_af_xdp";

	return strncmp(devargs, prefix, sizeof(prefix) - 1) == 0;
}

bool
devargs_same_device(const char *devargs, const char *other)
{
	const size_t length = strcspn(devargs, ",");

	return length == strcspn(other, ",") && strncmp(devargs, other, length) == 0;
}

bool
devargs_value(const char *devargs, const char *key, char *value, size_t size)
{
	const size_t key_len = strlen(key);
	const char *at;
	size_t length;

	value[0] = '\0';
	for (at = strchr(devargs, ','); at; at = strchr(at, ',')) {
		at++;
		if (strncmp(at, key, key_len) == 0 && at[key_len] == '=') {
			at += key_len + 1;
			length = strcspn(at, ",");
			if (length == 0 || length >= size)
				return false;
			memcpy(value, at, length);
			value[length] = '\0';
			return true;
		}
	}
	return false;
}

bool
devargs_pci(const char *devargs, char *address, size_t size)
{
	unsigned domain, bus, device, function;
	int end = 0;

	if (sscanf(devargs, "%4x:%2x:%2x.%1x%n", &domain, &bus, &device, &function, &end) != 4) {
		end = 0;
		domain = 0;
		if (sscanf(devargs, "%2x:%2x.%1x%n", &bus, &device, &function, &end) != 3)
			return false;
	}
	if (devargs[end] != '\0' && devargs[end] != ',')
		return false;
	snprintf(address, size, "%04x:%02x:%02x.%x", domain, bus, device, function);
	return true;
}

/* Rules across fields: each names the later of two that do not go together, and the earlier one. */
#define CPU_DIR "/sys/devices/system/cpu"

static int
cpu_check(unsigned cpu, const char *pointer, struct fault *fault)
{
	char path[64];
	int state = '1';
	FILE *file;

	snprintf(path, sizeof(path), CPU_DIR "/cpu%u", cpu);
	if (access(path, F_OK) < 0)
		return fault_set(fault, FAULT_INVALID_VALUE, pointer,
			"found CPU %u, expected one that this machine has (see " CPU_DIR "/online)",
			cpu);
	/* A CPU without an `online` file cannot be taken offline. */
	snprintf(path, sizeof(path), CPU_DIR "/cpu%u/online", cpu);
	file = fopen(path, "re");
	if (file) {
		state = fgetc(file);
		fclose(file);
	}
	if (state == '0')
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

/* 0, or -1 with *fault set: pointer relative to the document. */
static int
config_check(const struct config *config, struct fault *fault)
{
	unsigned i;

	if (cpu_check(config->control_core, "/control/core", fault) < 0)
		return -1;
	if ((config->punt_ring & (config->punt_ring - 1)) != 0)
		return fault_set(fault, FAULT_INVALID_VALUE, "/punt/ring",
			"found %u, expected a power of two", config->punt_ring);
	for (i = 0; i < config->n_workers; i++) {
		if (worker_check(config, i, fault) < 0)
			return -1;
	}
	for (i = 0; i < config->n_ports; i++) {
		if (port_check(config, i, fault) < 0)
			return -1;
		if (config->steered[i][0] && access(config->xdp_program, R_OK) < 0)
			return fault_set(fault, FAULT_INVALID_VALUE, "/xdp_program",
				"found nothing to read at %s (%s), expected the steering program "
				"there",
				config->xdp_program, strerror(errno));
	}
	return 0;
}

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
fault_locate(struct fault *fault, const char *path)
{
	const struct fault found = *fault;
	char where[YAML_WHERE_MAX];

	fault_set(fault, found.code, found.pointer, "%s: %s: %s",
		yaml_locate(path, found.pointer, where), found.pointer[0] ? found.pointer : "/",
		found.message);
}

int
config_load(const char *path, struct config *config, struct fault *fault)
{
	json_t *schema = schema_config_document();
	json_t *json;
	int rc;

	memset(config, 0, sizeof(*config));
	json = yaml_load(path, fault);
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
		fault_locate(fault, path);
	json_decref(json);
	return rc;
}

static int
directory_make(const char *path, struct fault *fault)
{
	char copy[sizeof(((struct sockaddr_un *)0)->sun_path)];
	const char *directory;

	snprintf(copy, sizeof(copy), "%s", path);
	directory = dirname(copy);
	if (mkdir(directory, 0755) < 0 && errno != EEXIST)
		return fault_set(fault, FAULT_INVALID_VALUE, "", "cannot make directory %s: %s",
			directory, strerror(errno));
	if (access(directory, W_OK | X_OK) < 0)
		return fault_set(fault, FAULT_INVALID_VALUE, "", "cannot write to directory %s: %s",
			directory, strerror(errno));
	return 0;
}

static bool
is_listened_on(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool listens;

	if (fd < 0)
		return false;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	/* EAGAIN: its queue of connections is full. */
	listens = connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 ||
		  errno == EAGAIN;
	close(fd);
	return listens;
}

/*
 * A second sluiced with the configuration of a running one must stop here: a step later it would
 * take the first one's steering programs off the interfaces.
 */
int
socket_path_prepare(const char *path, struct fault *fault)
{
	struct stat status;

	if (path[0] == '\0' || strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return fault_set(fault, FAULT_INVALID_VALUE, "",
			"control socket: found a path of %zu characters, expected 1 to %zu",
			strlen(path), sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
	if (directory_make(path, fault) < 0)
		return -1;
	if (lstat(path, &status) < 0)
		return 0;
	if (!S_ISSOCK(status.st_mode))
		return fault_set(fault, FAULT_CONFLICT, "",
			"control socket: %s is there and is no socket", path);
	if (is_listened_on(path))
		return fault_set(fault, FAULT_CONFLICT, "",
			"control socket: another process listens on %s", path);
	return 0;
}
