/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From file to struct config. The schema has the types, bounds and defaults, so that what is read
 * here is there and fits; config_check() has the rules across fields.
 */
#include "config/config.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <event2/util.h>
#include <netinet/in.h>

#include "schema/schema.h"
#include "schema/yaml.h"

/* Rules across fields: each names the later of two that do not go together, and the earlier one. */

#define BOND_LACP "4" /* mode of net_bonding */
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
	const unsigned core = config->eal.worker_cores[worker];
	char pointer[32];
	unsigned i;

	snprintf(pointer, sizeof(pointer), "/workers/%u", worker);
	if (core == config->eal.control_core)
		return fault_set(fault, FAULT_INVALID_VALUE, pointer,
			"found CPU %u, which is that of the control thread, expected another CPU",
			core);
	for (i = 0; i < worker; i++) {
		if (config->eal.worker_cores[i] == core)
			return fault_set(fault, FAULT_INVALID_VALUE, pointer,
				"found CPU %u twice, expected each CPU once", core);
	}
	return cpu_check(core, pointer, fault);
}

/* The kernel interface that sluiced makes for a port. */
static int
tap_check(const struct config *config, unsigned port, struct fault *fault)
{
	const char *tap = config->taps[port];
	char pointer[40];
	unsigned i;

	snprintf(pointer, sizeof(pointer), "/ports/%u/kernel_interface", port);
	if (devargs_is_af_xdp(config->ports[port].devargs))
		return fault_set(fault, FAULT_INVALID_VALUE, pointer,
			"found %s on a port of net_af_xdp, which shares its interface with the "
			"kernel, expected none",
			tap);
	if (config->ports[port].punt_unmatched)
		return fault_set(fault, FAULT_INVALID_VALUE, pointer,
			"found %s together with unmatched: punt, expected one of them: what no "
			"flow matches goes to the kernel or to control",
			tap);
	for (i = 0; i < config->dp.n_ports; i++) {
		if ((i < port && strcmp(config->taps[i], tap) == 0) ||
			strcmp(config->steered[i], tap) == 0)
			return fault_set(fault, FAULT_INVALID_VALUE, pointer,
				"found interface %s, which /ports/%u uses, expected a different "
				"interface",
				tap, i);
	}
	return 0;
}

/* Both are one device, or on one kernel interface. */
static bool
devices_clash(const char *devargs, const char *other)
{
	char iface[IFNAMSIZ], other_iface[IFNAMSIZ];

	return devargs_same_device(devargs, other) ||
	       (devargs_value(devargs, "iface", iface, sizeof(iface)) &&
		       devargs_value(other, "iface", other_iface, sizeof(other_iface)) &&
		       strcmp(iface, other_iface) == 0);
}

static int
member_check(const struct config *config, unsigned port, unsigned member, struct fault *fault)
{
	const char *devargs = config->ports[port].members[member];
	char pointer[48], mode[4];

	snprintf(pointer, sizeof(pointer), "/ports/%u/bond/members/%u", port, member);
	devargs_value(config->ports[port].devargs, "mode", mode, sizeof(mode));
	if (devargs_is_af_xdp(devargs) && strcmp(mode, BOND_LACP) != 0)
		return fault_set(fault, FAULT_INVALID_VALUE, pointer,
			"found %s, expected a PCI device, or mode 802.3ad: net_af_xdp cannot set "
			"the MAC address, which the other modes need",
			devargs);
	for (unsigned i = 0; i < config->dp.n_ports; i++) {
		const struct dp_port_config *other = &config->ports[i];
		bool clash = devices_clash(devargs, other->devargs);

		for (unsigned m = 0; m < (i == port ? member : other->n_members); m++)
			clash = clash || devices_clash(devargs, other->members[m]);
		if (clash)
			return fault_set(fault, FAULT_INVALID_VALUE, pointer,
				"found %s, which /ports/%u has, expected a different device",
				devargs, i);
	}
	return 0;
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
				"found %s, which is the name of /ports/%u, expected a "
				"different name",
				name, i);
		snprintf(pointer, sizeof(pointer), "/ports/%u/devargs", port);
		if (devargs_same_device(config->ports[i].devargs, config->ports[port].devargs))
			return fault_set(fault, FAULT_INVALID_VALUE, pointer,
				"found the device of /ports/%u, expected a different device", i);
		if (iface[0] && strcmp(config->steered[i], iface) == 0)
			return fault_set(fault, FAULT_INVALID_VALUE, pointer,
				"found interface %s, which /ports/%u uses, expected a "
				"different interface",
				iface, i);
	}
	for (i = 0; i < config->ports[port].n_members; i++) {
		if (member_check(config, port, i, fault) < 0)
			return -1;
	}
	return config->taps[port][0] != '\0' ? tap_check(config, port, fault) : 0;
}

/* 0, or -1 with *fault set: pointer relative to the document. */
static int
config_check(const struct config *config, struct fault *fault)
{
	unsigned i;

	if (cpu_check(config->eal.control_core, "/control/core", fault) < 0)
		return -1;
	if ((config->dp.punt_ring & (config->dp.punt_ring - 1)) != 0)
		return fault_set(fault, FAULT_INVALID_VALUE, "/punt/ring",
			"found %u, expected a power of two", config->dp.punt_ring);
	for (i = 0; i < config->eal.n_workers; i++) {
		if (worker_check(config, i, fault) < 0)
			return -1;
	}
	for (i = 0; i < config->dp.n_ports; i++) {
		if (port_check(config, i, fault) < 0)
			return -1;
		if (config->steered[i][0] && access(config->xdp_program, R_OK) < 0)
			return fault_set(fault, FAULT_INVALID_VALUE, "/xdp_program",
				"cannot read %s (%s), expected the steering program",
				config->xdp_program, strerror(errno));
	}
	return 0;
}

/* The schema has filled in all defaults but for what has none here. */
static void
process_read(json_t *json, struct config *config)
{
	const json_t *workers = json_object_get(json, "workers");
	int hugepages;

	config->state_flows = "";
	config->user = "";
	config->xdp_program = SLUICE_XDP_PROGRAM;
	config->profiles_path = "";
	json_unpack(json, "{s:{s:s, s:i, s:i, s:i, s:i, s:i}, s:{s:s}}", "rpc", "socket",
		&config->socket_path, "max_message_bytes", &config->max_message_bytes, "max_depth",
		&config->max_depth, "max_connections", &config->max_connections,
		"max_requests_per_s", &config->max_requests_per_s, "max_waiting_bytes",
		&config->max_waiting_bytes, "access", "audit_log", &config->access.audit_log);
	json_unpack(json, "{s:{s:s, s?s, s:{s:i, s:i}}, s:{s:i}}", "state", "path",
		&config->state_path, "flows", &config->state_flows, "history", "declared",
		&config->keep_declared, "calls", &config->keep_calls, "control", "core",
		&config->eal.control_core);
	json_unpack(json, "{s:s, s:i, s:b, s:s, s:i, s?s, s?s, s:{s?s}}", "file_prefix",
		&config->eal.file_prefix, "memory_mb", &config->eal.memory_mb, "hugepages",
		&hugepages, "cpu_level", &config->dp.cpu_level, "packet_buffers",
		&config->dp.packet_buffers, "xdp_program", &config->xdp_program, "profiles",
		&config->profiles_path, "process", "user", &config->user);
	json_unpack(json, "{s:{s:i, s:i, s:i}, s:{s:i, s:i}, s:{s:i}}", "tables", "ipv4_flows",
		&config->dp.max_flows_ipv4, "ipv6_flows", &config->dp.max_flows_ipv6, "legs",
		&config->dp.max_legs, "punt", "ring", &config->dp.punt_ring, "rate_pps",
		&config->dp.punt_rate, "inject", "rate_pps", &config->dp.inject_rate);
	json_unpack(json, "{s:{s:i, s:i, s:i, s:i}}", "exception", "link_pps",
		&config->dp.exception_rate[DP_EXCEPTION_link], "routing_pps",
		&config->dp.exception_rate[DP_EXCEPTION_routing], "host_pps",
		&config->dp.exception_rate[DP_EXCEPTION_host], "other_pps",
		&config->dp.exception_rate[DP_EXCEPTION_other]);
	config->eal.program = "sluiced";
	config->eal.no_huge = !hugepages;
	if (config->max_waiting_bytes < 2 * config->max_message_bytes)
		config->max_waiting_bytes = 2 * config->max_message_bytes;
	for (; config->eal.n_workers < json_array_size(workers); config->eal.n_workers++)
		config->eal.worker_cores[config->eal.n_workers] = (unsigned)json_integer_value(
			json_array_get(workers, config->eal.n_workers));
}

/* Names become ids once, at start: a role does not depend on a directory service later. */
static int
user_read(struct config *config, struct fault *fault)
{
	const struct passwd *user = config->user[0] ? getpwnam(config->user) : NULL;

	if (user) {
		config->uid = user->pw_uid;
		config->gid = user->pw_gid;
	}
	if (user ? user->pw_uid != 0 : config->user[0] == '\0')
		return 0;
	return fault_set(fault, FAULT_INVALID_VALUE, "/process/user",
		"found %s, expected a user of this host other than root", config->user);
}

static uint8_t
role_read(const json_t *entry, const char *member)
{
	return (uint8_t)role_of_name(json_string_value(json_object_get(entry, member)));
}

/* A name or a number; pointer is where it stands. */
static int
id_read(const json_t *who, bool is_group, const char *pointer, uint32_t *id, struct fault *fault)
{
	const char *name = json_string_value(who);
	const struct passwd *user = name && !is_group ? getpwnam(name) : NULL;
	const struct group *group = name && is_group ? getgrnam(name) : NULL;

	if (json_is_integer(who))
		*id = (uint32_t)json_integer_value(who);
	else if (user)
		*id = user->pw_uid;
	else if (group)
		*id = group->gr_gid;
	else
		return fault_set(fault, FAULT_INVALID_VALUE, pointer,
			"found %s, expected the name of a %s of this host, or a number", name,
			is_group ? "group" : "user");
	return 0;
}

static int
entries_read(const json_t *json, bool are_groups, struct access_entry *entries, unsigned *n_entries,
	struct fault *fault)
{
	const char *name = are_groups ? "groups" : "users", *member = are_groups ? "group" : "user";
	const json_t *list = json_object_get(json, name), *entry;
	char pointer[64];
	size_t i;

	json_array_foreach (list, i, entry) {
		snprintf(pointer, sizeof(pointer), "/access/%s/%zu/%s", name, i, member);
		entries[i].role = role_read(entry, "role");
		if (id_read(json_object_get(entry, member), are_groups, pointer, &entries[i].id,
			    fault) < 0)
			return -1;
	}
	*n_entries = (unsigned)i;
	return 0;
}

static int
access_read(const json_t *config, struct access *access, struct fault *fault)
{
	const json_t *group = json_object_get(json_object_get(config, "rpc"), "socket_group");
	const json_t *json = json_object_get(config, "access");

	access->socket_group = UINT32_MAX;
	if (group && id_read(group, true, "/rpc/socket_group", &access->socket_group, fault) < 0)
		return -1;
	access->default_role = role_read(json, "default_role");
	if (entries_read(json, false, access->users, &access->n_users, fault) < 0)
		return -1;
	return entries_read(json, true, access->groups, &access->n_groups, fault);
}

static int
subject_read(const json_t *json, size_t i, struct tls_subject *subject, struct fault *fault)
{
	const char *common = json_string_value(json_object_get(json, "subject_cn"));
	const char *alternative = json_string_value(json_object_get(json, "subject_alt_name"));
	char pointer[64];

	if (!common == !alternative) {
		snprintf(pointer, sizeof(pointer), "/tls/roles/%zu", i);
		return fault_set(fault, FAULT_INVALID_VALUE, pointer,
			"found %s, expected one of subject_cn and subject_alt_name",
			common ? "both" : "neither");
	}
	subject->alternative = alternative != NULL;
	subject->name = common ? common : alternative;
	subject->role = role_read(json, "role");
	return 0;
}

int
listen_address_read(const char *text, const char *pointer, struct sockaddr_storage *address,
	struct fault *fault)
{
	const char *port = strrchr(text, ':');
	int bytes = sizeof(*address);

	if (port && port[1] && !port[1 + strspn(port + 1, "0123456789")] &&
		evutil_parse_sockaddr_port(text, (struct sockaddr *)address, &bytes) == 0 &&
		(address->ss_family != AF_INET6 || text[0] == '['))
		return bytes;
	return fault_set(fault, FAULT_INVALID_VALUE, pointer,
		"found %s, expected ADDRESS:PORT, as 192.0.2.1:7878 or [2001:db8::1]:7878", text);
}

static int
tls_config_read(const json_t *config, struct tls_config *tls, struct fault *fault)
{
	json_t *json = json_object_get(config, "tls");
	const json_t *roles = json_object_get(json, "roles");
	struct sockaddr_storage address;
	size_t i;

	tls->listen = "";
	json_unpack(json, "{s:s, s:s, s:s, s:s}", "listen", &tls->listen, "certificate",
		&tls->certificate, "key", &tls->key, "ca", &tls->ca);
	for (i = 0; i < json_array_size(roles); i++) {
		if (subject_read(json_array_get(roles, i), i, &tls->subjects[i], fault) < 0)
			return -1;
	}
	tls->n_subjects = (unsigned)i;
	if (!json)
		return 0;
	return listen_address_read(tls->listen, "/tls/listen", &address, fault) < 0 ? -1 : 0;
}

static bool
is_loopback(const struct sockaddr_storage *address)
{
	const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)address;
	const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)address;

	if (address->ss_family == AF_INET)
		return ntohl(ipv4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return IN6_IS_ADDR_LOOPBACK(&ipv6->sin6_addr);
}

static int
metrics_config_read(const json_t *config, struct metrics_config *metrics, struct fault *fault)
{
	json_t *json = json_object_get(config, "metrics");
	const json_t *flows = json_object_get(json, "flows");
	struct sockaddr_storage address;
	size_t i;

	metrics->listen = metrics->token_file = "";
	metrics->certificate = metrics->key = metrics->ca = "";
	if (!json)
		return 0;
	json_unpack(json, "{s:s, s?s, s?s, s?s, s?s, s:i}", "listen", &metrics->listen,
		"token_file", &metrics->token_file, "certificate", &metrics->certificate, "key",
		&metrics->key, "ca", &metrics->ca, "max_flows", &metrics->max_flows);
	for (i = 0; i < json_array_size(flows); i++)
		metrics->flows[i] = json_string_value(json_array_get(flows, i));
	metrics->n_flows = (unsigned)i;
	if (listen_address_read(metrics->listen, "/metrics/listen", &address, fault) < 0)
		return -1;
	if (!metrics->certificate[0] != !metrics->key[0])
		return fault_set(fault, FAULT_INVALID_VALUE, "/metrics",
			"found %s only, expected certificate and key, or neither",
			metrics->key[0] ? "key" : "certificate");
	if (metrics->ca[0] && !metrics->certificate[0])
		return fault_set(fault, FAULT_INVALID_VALUE, "/metrics/ca",
			"found ca without a certificate, expected certificate and key");
	if (metrics->token_file[0] || metrics->ca[0] || is_loopback(&address))
		return 0;
	return fault_set(fault, FAULT_INVALID_VALUE, "/metrics/listen",
		"found %s, which others reach, expected an address of loopback, or token_file or "
		"ca",
		metrics->listen);
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

/* Settings have a schema that they share with profiles; `descriptors` stands for two of them. */
static int
site_read(json_t *entry, json_t **site, struct fault *fault)
{
	static const char *const names[] = {"rx_descriptors", "tx_descriptors"};
	json_t *profile = schema_profile_document();
	json_t *schema = json_object_get(json_object_get(profile, "properties"), "settings");
	json_t *descriptors = json_object_get(entry, "descriptors");

	*site = json_object_get(entry, "settings");
	if (schema_check_once(profile, schema, *site, fault) < 0) {
		fault_prefix(fault, "/settings");
		return -1;
	}
	for (size_t i = 0; i < 2 && json_integer_value(descriptors) != 0; i++) {
		if (!json_object_get(*site, names[i]))
			json_object_set(*site, names[i], descriptors);
	}
	return 0;
}

/* What a profile may limit, as the site asks for it. */
static void
port_numbers_read(json_t *entry, struct dp_port_config *port)
{
	json_unpack(entry, "{s:i, s:i}", "rx_queues", &port->rx_queues, "mtu", &port->mtu);
}

static void
pci_allow(struct config *config, const char *devargs)
{
	char address[PCI_ADDRESS_MAX];

	if (devargs_pci(devargs, address, sizeof(address)))
		config->pci[config->eal.n_pci++] = devargs;
}

/* The members' devices are distinct in config_check(). */
static void
bond_read(struct config *config, struct dp_port_config *port, const json_t *bond)
{
	static const struct {
		const char *mode;
		const char *number; /* of net_bonding */
	} modes[] = {{"active-backup", "1"}, {"balance-xor", "2"}, {"802.3ad", BOND_LACP}};
	const json_t *members = json_object_get(bond, "members"), *member;
	const char *mode = json_string_value(json_object_get(bond, "mode"));
	unsigned m = 0;
	size_t i;

	while (strcmp(modes[m].mode, mode) != 0)
		m++;
	snprintf(port->devargs, sizeof(port->devargs), "net_bonding_%s,mode=%s", port->name,
		modes[m].number);
	json_array_foreach (members, i, member) {
		port->members[i] = json_string_value(member);
		pci_allow(config, port->members[i]);
	}
	port->n_members = (unsigned)i;
}

/* The device of a port, or the devices of a bond. */
static int
device_read(struct config *config, struct dp_port_config *port, const json_t *entry,
	struct fault *fault)
{
	const char *devargs = json_string_value(json_object_get(entry, "devargs"));
	const json_t *bond = json_object_get(entry, "bond");

	if (!devargs == !bond)
		return fault_set(fault, FAULT_INVALID_VALUE, "",
			"found %s, expected one of devargs and bond", bond ? "both" : "neither");
	if (bond) {
		bond_read(config, port, bond);
		return 0;
	}
	snprintf(port->devargs, sizeof(port->devargs), "%s", devargs);
	pci_allow(config, port->devargs);
	return 0;
}

static int
ports_read(const json_t *json, struct config *config, struct fault *fault)
{
	json_t *ports = json_object_get(json, "ports"), *entry;
	size_t i;

	json_array_foreach (ports, i, entry) {
		struct dp_port_config *port = &config->ports[i];
		const char *name, *unmatched, *tap = "";

		json_unpack(entry, "{s:s, s:s, s?s}", "name", &name, "unmatched", &unmatched,
			"kernel_interface", &tap);
		port_numbers_read(entry, port);
		snprintf(port->name, sizeof(port->name), "%s", name);
		port->punt_unmatched = strcmp(unmatched, "punt") == 0;
		snprintf(config->taps[i], sizeof(config->taps[i]), "%s", tap);
		port->kernel_path = tap[0] != '\0';
		if (device_read(config, port, entry, fault) < 0 ||
			site_read(entry, &config->site[i], fault) < 0 ||
			port_steer(config, (unsigned)i, fault) < 0) {
			fault_prefix(fault, "/ports/%zu", i);
			return -1;
		}
	}
	config->dp.n_ports = (unsigned)i;
	config->dp.ports = config->ports;
	config->eal.pci = config->pci;
	return 0;
}

int
config_load(const char *path, struct config *config, struct fault *fault)
{
	json_t *schema = schema_config_document(), *json = yaml_load(path, fault);
	int rc;

	memset(config, 0, sizeof(*config));
	if (!json)
		return -1;
	config->document = json;
	rc = schema_check_once(schema, schema, json, fault);
	if (rc == 0) {
		process_read(json, config);
		rc = user_read(config, fault);
	}
	if (rc == 0)
		rc = access_read(json, &config->access, fault);
	if (rc == 0)
		rc = tls_config_read(json, &config->tls, fault);
	if (rc == 0)
		rc = metrics_config_read(json, &config->metrics, fault);
	if (rc == 0)
		rc = ports_read(json, config, fault);
	if (rc == 0)
		rc = pool_configs_read(json, config->pools, &config->n_pools, fault);
	if (rc == 0)
		rc = config_check(config, fault);
	if (rc == 0)
		return 0;
	yaml_fault_locate(path, fault);
	config_fini(config);
	return -1;
}

int
config_load_profiles(const char *path, struct config *config, struct fault *fault)
{
	char room[PATH_MAX];
	const char *directory = config->profiles_path;

	if (directory[0] == '\0')
		directory = profiles_directory(room, sizeof(room));
	if (profiles_load(directory, &config->profiles, fault) < 0)
		return -1;
	for (unsigned i = 0; i < config->dp.n_ports; i++) {
		struct dp_port_config *port = &config->ports[i];
		const struct profile *profile =
			profile_of_device(&config->profiles, port->devargs, "/sys");

		if (port_settings_add_devargs(profile, config->site[i], port->devargs, fault) < 0) {
			fault_prefix(fault, "/ports/%u", i);
			yaml_fault_locate(path, fault);
			return -1;
		}
		port_settings_merge(
			&config->asked[i], profile, config->site[i], config->eal.n_workers, port);
	}
	return 0;
}

void
config_settle_profile(struct config *config, unsigned port, const char *driver)
{
	struct port_asked *asked = &config->asked[port];
	const struct profile *profile = profile_of_driver(&config->profiles, driver);

	if (profile == asked->profile)
		return;
	/* Without what the profile before has cut. */
	port_numbers_read(json_array_get(json_object_get(config->document, "ports"), port),
		&config->ports[port]);
	port_settings_merge(
		asked, profile, config->site[port], config->eal.n_workers, &config->ports[port]);
	if (!json_object_get(config->site[port], "devargs"))
		json_object_del(asked->values, "devargs");
}

void
config_fini(struct config *config)
{
	for (unsigned i = 0; i < config->dp.n_ports; i++)
		port_settings_fini(&config->asked[i]);
	profiles_fini(&config->profiles);
	json_decref(config->document);
	config->document = NULL;
}

static const struct access_entry *
entry_find(const struct access_entry *entries, unsigned n_entries, uint32_t id)
{
	for (unsigned i = 0; i < n_entries; i++)
		if (entries[i].id == id)
			return &entries[i];
	return NULL;
}

enum role
access_role(const struct access *access, uid_t uid, const gid_t *gids, size_t n_gids)
{
	const struct access_entry *entry = entry_find(access->users, access->n_users, uid);
	enum role role = ROLE_NONE;
	bool named = false;

	if (uid == 0 || uid == geteuid())
		return ROLE_ADMIN;
	if (entry)
		return entry->role;
	for (size_t i = 0; i < n_gids; i++) {
		entry = entry_find(access->groups, access->n_groups, gids[i]);
		if (!entry)
			continue;
		named = true;
		if (entry->role > role)
			role = entry->role;
	}
	return named ? role : access->default_role;
}
