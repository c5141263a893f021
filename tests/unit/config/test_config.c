/* SPDX-License-Identifier: BSD-3-Clause */
/* Every refusal names file, line and field. The files are written to a directory of the test. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "schema/schema.h"

#define PORTS "ports: [{name: p0, devargs: net_null0}]\n"

static char directory[] = "/tmp/sluice-config-XXXXXX";
static char path[64];
static struct config config;

static void
setup(void)
{
	cr_assert_not_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/c.yaml", directory);
}

static void
teardown(void)
{
	unlink(path);
	rmdir(directory);
	config_fini(&config);
}

TestSuite(config, .init = setup, .fini = teardown);

static void
file_written(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");

	cr_assert_not_null(file);
	fputs(text, file);
	fclose(file);
}

static int
loaded(const char *text, struct fault *fault)
{
	file_written(path, text);
	memset(fault, 0, sizeof(*fault));
	config_fini(&config);
	return config_load(path, &config, fault);
}

/* Refused on that line at that field, and the message says these words. */
static void
refused(const char *text, unsigned line, const char *pointer, const char *words)
{
	struct fault fault;
	char start[128];

	snprintf(start, sizeof(start), "%s:%u: %s: ", path, line, pointer);
	cr_expect_eq(loaded(text, &fault), -1, "%s", text);
	cr_expect_eq(strncmp(fault.message, start, strlen(start)), 0, "%s, expected %s",
		fault.message, start);
	cr_expect(strstr(fault.message, words), "%s", fault.message);
}

static json_int_t
site_number(unsigned port, const char *name)
{
	return json_integer_value(json_object_get(config.site[port], name));
}

Test(config, defaults)
{
	struct fault fault;

	cr_assert_eq(loaded("workers: [1]\n" PORTS, &fault), 0, "%s", fault.message);
	cr_expect_str_eq(config.socket_path, "/run/sluice/rpc.sock");
	cr_expect_eq(config.max_message_bytes, 4194304);
	cr_expect_eq(config.max_depth, 32);
	cr_expect_eq(config.max_connections, 1024);
	cr_expect_eq(config.max_requests_per_s, 0);
	cr_expect_eq(config.access.default_role, ROLE_VIEWER);
	cr_expect_eq(config.access.n_users + config.access.n_groups, 0);
	cr_expect_str_eq(config.access.audit_log, "/var/log/sluice/audit.log");
	cr_expect_str_eq(config.tls.listen, "");
	cr_expect_eq(config.eal.control_core, 0);
	cr_expect_eq(config.eal.n_workers, 1);
	cr_expect_eq(config.eal.worker_cores[0], 1);
	cr_expect_str_eq(config.eal.file_prefix, "sluice");
	cr_expect_not(config.eal.no_huge);
	cr_expect_str_eq(config.dp.cpu_level, "auto");
	cr_expect_eq(config.dp.max_flows_ipv4, 65536);
	cr_expect_eq(config.dp.max_flows_ipv6, 16384);
	cr_expect_eq(config.dp.max_legs, 65536);
	cr_expect_eq(config.dp.punt_ring, DP_PUNT_RING_DEFAULT);
	cr_expect_eq(config.dp.punt_rate, DP_PUNT_RATE_DEFAULT);
	cr_expect_eq(config.dp.inject_rate, DP_INJECT_RATE_DEFAULT);
	cr_expect_not(config.ports[0].punt_unmatched);
	cr_assert_eq(config.dp.n_ports, 1);
	cr_expect_str_eq(config.ports[0].name, "p0");
	cr_expect_str_eq(config.ports[0].devargs, "net_null0");
	cr_expect_eq(config.ports[0].rx_queues, 0);
	cr_expect_str_eq(config.steered[0], "");
	cr_expect_eq(config.eal.n_pci, 0);
}

#define POOL_HEAD "workers: [1]\n" PORTS "pools:\n"

Test(config, pools)
{
	struct fault fault;

	cr_assert_eq(loaded(POOL_HEAD
			     "  - {name: voice, addresses: [192.0.2.1, 192.0.2.2],\n"
			     "     ports: [20000, 20999], pairs: true, quarantine_s: 5}\n"
			     "  - {name: six, addresses: ['2001:db8::1'], ports: [1, 65535]}\n"
			     "  - {name: next, addresses: [192.0.2.2], ports: [21000, 21000]}\n",
			     &fault),
		0, "%s", fault.message);
	cr_assert_eq(config.n_pools, 3);
	cr_expect_str_eq(config.pools[0].name, "voice");
	cr_expect_eq(config.pools[0].family, 4);
	cr_expect_eq(config.pools[0].n_addresses, 2);
	cr_expect_eq(config.pools[0].addresses[1][3], 2);
	cr_expect_eq(config.pools[0].first, 20000);
	cr_expect_eq(config.pools[0].last, 20999);
	cr_expect(config.pools[0].pairs);
	cr_expect_eq(config.pools[0].quarantine_s, 5);
	cr_expect_eq(config.pools[1].family, 6);
	cr_expect_not(config.pools[1].pairs);
	cr_expect_eq(config.pools[1].quarantine_s, 60);
}

Test(config, pools_refused)
{
	refused(POOL_HEAD
		"  - {name: a, addresses: [192.0.2.1], ports: [20001, 20010], pairs: true}\n",
		4, "/pools/0/ports/0", "found 20001, expected an even port");
	refused(POOL_HEAD
		"  - {name: a, addresses: [192.0.2.1], ports: [20000, 20010], pairs: true}\n",
		4, "/pools/0/ports/1", "found 20010, expected an odd port");
	refused(POOL_HEAD "  - {name: a, addresses: [192.0.2.1], ports: [20001, 20000]}\n", 4,
		"/pools/0/ports", "found first 20001 above last 20000, which is an empty range");
	refused(POOL_HEAD "  - {name: a, addresses: [192.0.2.1], ports: [0, 20000]}\n", 4,
		"/pools/0/ports/0", "");
	refused(POOL_HEAD "  - {name: a, addresses: [], ports: [20000, 20001]}\n", 4,
		"/pools/0/addresses", "");
	refused(POOL_HEAD "  - {name: a, addresses: [192.0.2.1, 'ff02::1'], ports: [1, 2]}\n", 4,
		"/pools/0/addresses/1", "found multicast address");
	refused(POOL_HEAD "  - {name: a, addresses: [192.0.2.1, '2001:db8::1'], ports: [1, 2]}\n",
		4, "/pools/0/addresses/1", "found IPv6, expected IPv4");
	refused(POOL_HEAD "  - {name: a, addresses: [127.0.0.1], ports: [1, 2]}\n", 4,
		"/pools/0/addresses/0", "expected a unicast address");
	refused(POOL_HEAD "  - {name: a, addresses: [192.0.2.1, 192.0.2.1], ports: [1, 2]}\n", 4,
		"/pools/0/addresses/1", "twice");
	refused(POOL_HEAD "  - {name: a, addresses: [192.0.2.1], ports: [1, 2]}\n"
			  "  - {name: a, addresses: [192.0.2.1], ports: [3, 4]}\n",
		5, "/pools/1/name", "the name of /pools/0");
	refused(POOL_HEAD "  - {name: a, addresses: [192.0.2.9, 192.0.2.1], ports: [10, 20]}\n"
			  "  - {name: b, addresses: [192.0.2.1], ports: [20, 30]}\n",
		5, "/pools/1/ports", "overlaps pool a (10 to 20) at 192.0.2.1");
}

Test(config, ports_that_the_kernel_may_give)
{
	struct pool_config pool = {.first = 30000, .last = 39999};

	cr_expect_eq(pool_config_ephemeral(&pool, "32768\t60999\n", ""), 7232);
	cr_expect_eq(pool_config_ephemeral(&pool, "32768\t60999\n", "30000-39999"), 0);
	cr_expect_eq(pool_config_ephemeral(
			     &pool, "32768\t60999\n", "8080,32768,33000-33009,39999-40001\n"),
		7232 - 12);
	cr_expect_eq(pool_config_ephemeral(&pool, "40000\t60999\n", ""), 0);
	cr_expect_eq(pool_config_ephemeral(&pool, "1024\t65535\n", ""), 10000);
	cr_expect_eq(pool_config_ephemeral(&pool, "", ""), 0);
}

Test(config, all_settings)
{
	struct fault fault;

	cr_assert_eq(loaded("rpc: {socket: /tmp/s, max_message_bytes: 1024, max_depth: 8,\n"
			    "  max_connections: 2}\n"
			    "control: {core: 1}\n"
			    "workers: [0]\n"
			    "file_prefix: x\n"
			    "memory_mb: 64\n"
			    "hugepages: false\n"
			    "cpu_level: v2\n"
			    "packet_buffers: 4096\n"
			    "tables: {ipv4_flows: 10, ipv6_flows: 0, legs: 7}\n"
			    "punt: {ring: 64, rate_pps: 1}\n"
			    "inject: {rate_pps: 2.5k}\n"
			    "ports:\n"
			    "  - {name: a, devargs: '0000:03:00.0,x=1', rx_queues: 2,\n"
			    "     descriptors: 512, mtu: 9000, unmatched: punt,\n"
			    "     settings: {tx_descriptors: 256}}\n"
			    "  - {name: b, devargs: net_null0, unmatched: drop}\n",
			     &fault),
		0, "%s", fault.message);
	cr_expect_str_eq(config.socket_path, "/tmp/s");
	cr_expect_eq(config.max_message_bytes, 1024);
	cr_expect_eq(config.max_depth, 8);
	cr_expect_eq(config.max_connections, 2);
	cr_expect_eq(config.eal.control_core, 1);
	cr_expect_eq(config.eal.worker_cores[0], 0);
	cr_expect_str_eq(config.eal.file_prefix, "x");
	cr_expect_eq(config.eal.memory_mb, 64);
	cr_expect(config.eal.no_huge);
	cr_expect_str_eq(config.dp.cpu_level, "v2");
	cr_expect_eq(config.dp.packet_buffers, 4096);
	cr_expect_eq(config.dp.max_flows_ipv4, 10);
	cr_expect_eq(config.dp.max_flows_ipv6, 0);
	cr_assert_eq(config.eal.n_pci, 1);
	cr_expect_str_eq(config.eal.pci[0], "0000:03:00.0,x=1");
	cr_expect_eq(config.ports[0].rx_queues, 2);
	cr_expect_eq(site_number(0, "rx_descriptors"), 512);
	cr_expect_eq(site_number(0, "tx_descriptors"), 256);
	cr_expect_eq(json_object_size(config.site[1]), 0);
	cr_expect_eq(config.ports[0].mtu, 9000);
	cr_expect_eq(config.dp.max_legs, 7);
	cr_expect_eq(config.dp.punt_ring, 64);
	cr_expect_eq(config.dp.punt_rate, 1);
	cr_expect_eq(config.dp.inject_rate, 2500);
	cr_expect(config.ports[0].punt_unmatched);
	cr_expect_not(config.ports[1].punt_unmatched);
}

#define RATES "exception: {link_pps: 7, routing_pps: 8, other_pps: 10}\n"
#define TWO_PORTS(first, second) \
	"workers: [1]\nports:\n  - {name: p0, devargs: " first "}\n" \
	"  - {name: p1, devargs: " second "}\n"

Test(config, a_port_may_have_a_tap)
{
	struct fault fault;

	cr_assert_eq(loaded(TWO_PORTS("'0000:03:00.0', kernel_interface: k0", "net_memif0") RATES,
			     &fault),
		0, "%s", fault.message);
	cr_expect_str_eq(config.taps[0], "k0");
	cr_expect(config.ports[0].kernel_path);
	cr_expect_str_eq(config.taps[1], "");
	cr_expect_not(config.ports[1].kernel_path);
	cr_expect_eq(config.dp.exception_rate[DP_EXCEPTION_link], 7);
	cr_expect_eq(config.dp.exception_rate[DP_EXCEPTION_routing], 8);
	cr_expect_eq(config.dp.exception_rate[DP_EXCEPTION_host], 5000);
	cr_expect_eq(config.dp.exception_rate[DP_EXCEPTION_other], 10);
}

Test(config, taps_that_cannot_be_are_refused)
{
	refused(TWO_PORTS("net_memif0, kernel_interface: k0", "net_memif1, kernel_interface: k0"),
		4, "/ports/1/kernel_interface",
		"found interface k0, which /ports/0 uses, expected a different interface");
	refused(TWO_PORTS("net_memif0", "net_memif1, kernel_interface: k0, unmatched: punt"), 4,
		"/ports/1/kernel_interface", "found k0 together with unmatched: punt");
	refused(TWO_PORTS("net_memif0", "'net_af_xdp0,iface=e0', kernel_interface: k0"), 4,
		"/ports/1/kernel_interface", "found k0 on a port of net_af_xdp");
	refused(TWO_PORTS("net_memif0", "net_memif1, kernel_interface: a/b"), 4,
		"/ports/1/kernel_interface", "");
	refused(TWO_PORTS("net_memif0", "net_memif1, kernel_interface: a234567890123456"), 4,
		"/ports/1/kernel_interface", "");
}

Test(config, access_is_read)
{
	struct fault fault;

	cr_assert_eq(loaded("workers: [1]\n" PORTS "access:\n"
			    "  default_role: none\n"
			    "  audit_log: ''\n"
			    "  users: [{user: root, role: viewer}, {user: 1234, role: operator}]\n"
			    "  groups: [{group: root, role: admin}]\n"
			    "rpc: {max_requests_per_s: 1.5k, max_connections: 4096,\n"
			    "  socket_group: root}\n",
			     &fault),
		0, "%s", fault.message);
	cr_expect_eq(config.access.default_role, ROLE_NONE);
	cr_expect_str_eq(config.access.audit_log, "");
	cr_assert_eq(config.access.n_users, 2);
	cr_expect_eq(config.access.users[0].id, 0);
	cr_expect_eq(config.access.users[0].role, ROLE_VIEWER);
	cr_expect_eq(config.access.users[1].id, 1234);
	cr_expect_eq(config.access.users[1].role, ROLE_OPERATOR);
	cr_assert_eq(config.access.n_groups, 1);
	cr_expect_eq(config.access.groups[0].id, 0);
	cr_expect_eq(config.access.groups[0].role, ROLE_ADMIN);
	cr_expect_eq(config.access.socket_group, 0);
	cr_expect_eq(config.max_requests_per_s, 1500);
	cr_expect_eq(config.max_connections, 4096);
}

Test(config, access_faults)
{
	refused("workers: [1]\n" PORTS
		"access:\n  users:\n    - {user: no-such-user, role: admin}\n",
		5, "/access/users/0/user", "found no-such-user, expected the name of a user");
	refused("workers: [1]\n" PORTS "access:\n  groups:\n    - {group: nogr, role: admin}\n", 5,
		"/access/groups/0/group", "found nogr, expected the name of a group");
	refused("workers: [1]\n" PORTS "rpc:\n  socket_group: nogr\n", 4, "/rpc/socket_group",
		"found nogr, expected the name of a group");
	refused("workers: [1]\n" PORTS "access: {default_role: king}\n", 3, "/access/default_role",
		"king");
	refused("workers: [1]\n" PORTS "access: {audit_log: audit.log}\n", 3, "/access/audit_log",
		"audit.log");
	refused("workers: [1]\n" PORTS "rpc: {max_connections: 4097}\n", 3, "/rpc/max_connections",
		"4096");
}

#define TLS "tls:\n  listen: 192.0.2.1:7878\n  certificate: /c\n  key: /k\n  ca: /a\n"

Test(config, tls_is_read)
{
	struct fault fault;

	cr_assert_eq(
		loaded("workers: [1]\n" PORTS TLS "  roles: [{subject_cn: ana, role: operator},\n"
		       "    {subject_alt_name: 'DNS:box.example', role: viewer}]\n",
			&fault),
		0, "%s", fault.message);
	cr_expect_str_eq(config.tls.listen, "192.0.2.1:7878");
	cr_expect_str_eq(config.tls.certificate, "/c");
	cr_expect_str_eq(config.tls.key, "/k");
	cr_expect_str_eq(config.tls.ca, "/a");
	cr_assert_eq(config.tls.n_subjects, 2);
	cr_expect_str_eq(config.tls.subjects[0].name, "ana");
	cr_expect_not(config.tls.subjects[0].alternative);
	cr_expect_eq(config.tls.subjects[0].role, ROLE_OPERATOR);
	cr_expect_str_eq(config.tls.subjects[1].name, "DNS:box.example");
	cr_expect(config.tls.subjects[1].alternative);
}

Test(config, tls_faults)
{
	refused("workers: [1]\n" PORTS "tls:\n  listen: 192.0.2.1:7878\n", 3, "/tls/certificate",
		"missing");
	refused("workers: [1]\n" PORTS TLS "  roles: [{role: viewer}]\n", 8, "/tls/roles/0",
		"found neither, expected one of subject_cn and subject_alt_name");
	refused("workers: [1]\n" PORTS TLS
		"  roles: [{subject_cn: a, subject_alt_name: 'DNS:a', role: viewer}]\n",
		8, "/tls/roles/0", "found both");
	refused("workers: [1]\n" PORTS TLS "  roles: [{subject_alt_name: a, role: viewer}]\n", 8,
		"/tls/roles/0/subject_alt_name", "");
}

Test(config, schema_faults_have_lines)
{
	refused("workers: [1]\nports:\n  - name: p0\n    devargs: 7\n", 4, "/ports/0/devargs",
		"expected");
	refused("workers: [1]\ncontrol:\n  core: 0\n  cor: 1\n" PORTS, 4, "/control/cor", "");
	refused("workers: [1]\n" PORTS "tables: {ipv4_flows: -1}\n", 3, "/tables/ipv4_flows", "-1");
	refused("workers: [1]\nports:\n  - devargs: net_null0\n", 3, "/ports/0/name", "missing");
}

Test(config, settings_have_the_schema_of_profiles)
{
	refused("workers: [1]\nports:\n  - name: p0\n    devargs: net_null0\n    settings:\n"
		"      brust: 8\n",
		6, "/ports/0/settings/brust", "");
	refused("workers: [1]\nports:\n  - name: p0\n    devargs: net_null0\n"
		"    settings: {tx_offloads: [udp_cksum]}\n",
		5, "/ports/0/settings/tx_offloads/0", "multi_segs");
	refused("workers: [1]\nports:\n  - name: p0\n    devargs: net_null0\n    settings: 7\n", 5,
		"/ports/0/settings", "expected an object");
}

static json_t *
asked_member(const char *name, const char *member)
{
	return json_object_get(json_object_get(config.asked[0].values, name), member);
}

/* The device is of another driver than its name says. */
Test(config, the_profile_of_the_driver_counts)
{
	char profiles[64], first[80], second[80], text[512], devargs[DP_DEVARGS_MAX];
	struct fault fault;

	snprintf(profiles, sizeof(profiles), "%s/profiles", directory);
	snprintf(first, sizeof(first), "%s/a.yaml", profiles);
	snprintf(second, sizeof(second), "%s/b.yaml", profiles);
	cr_assert_eq(mkdir(profiles, 0700), 0);
	file_written(first, "match: {drivers: [net_null]}\nbinding: none\n"
			    "settings: {mtu_max: 1400, rx_queues_max: 1, devargs: a=1}\n"
			    "sources: {mtu_max: x, rx_queues_max: x, devargs: x}\n");
	file_written(second, "match: {drivers: [net_b]}\nbinding: none\n"
			     "settings: {mtu_max: 2000, devargs: b=1}\n"
			     "sources: {mtu_max: x, devargs: x}\n");
	snprintf(text, sizeof(text),
		"workers: [1]\nprofiles: %s\n"
		"ports: [{name: p0, devargs: net_null0, mtu: 9000, rx_queues: 4}]\n",
		profiles);
	cr_assert_eq(loaded(text, &fault), 0, "%s", fault.message);
	cr_expect_eq(config_load_profiles(path, &config, &fault), 0, "%s", fault.message);
	cr_expect_eq(config.ports[0].mtu, 1400);
	cr_expect_eq(config.ports[0].rx_queues, 1);
	strcpy(devargs, config.ports[0].devargs);
	cr_expect_not_null(strstr(devargs, "a=1"), "%s", devargs);

	config_settle_profile(&config, 0, "net_b");
	cr_expect_eq(config.ports[0].mtu, 2000);
	cr_expect_eq(json_integer_value(asked_member("mtu", "limited")), 9000);
	cr_expect_eq(config.ports[0].rx_queues, 4);
	cr_expect_str_eq(config.ports[0].devargs, devargs, "it is too late for those");
	cr_expect_null(asked_member("devargs", "value"));
	unlink(first);
	unlink(second);
	rmdir(profiles);
}

Test(config, punt_ring_is_a_power_of_two)
{
	refused("workers: [1]\npunt:\n  ring: 1000\n" PORTS, 3, "/punt/ring", "power of two");
	refused("workers: [1]\npunt:\n  ring: 32\n" PORTS, 3, "/punt/ring", "from 64 to 65536");
	refused("workers: [1]\npunt:\n  rate_pps: 0\n" PORTS, 3, "/punt/rate_pps", "from 1");
}

Test(config, unmatched_is_dropped_or_punted)
{
	refused("workers: [1]\nports:\n  - name: p0\n    devargs: net_null0\n    unmatched: pass\n",
		5, "/ports/0/unmatched", "drop");
}

Test(config, syntax_faults_have_lines)
{
	struct fault fault;
	char start[128];

	cr_expect_eq(loaded("workers: [1]\nports: [\n", &fault), -1);
	snprintf(start, sizeof(start), "%s:", path);
	cr_expect_eq(strncmp(fault.message, start, strlen(start)), 0, "%s", fault.message);
	cr_expect_eq(config_load("/nonexistent.yaml", &config, &fault), -1);
	cr_expect(strstr(fault.message, "/nonexistent.yaml:"), "%s", fault.message);
}

Test(config, cores_are_used_once)
{
	refused("workers:\n  - 1\n  - 1\n" PORTS, 3, "/workers/1", "found CPU 1 twice");
	refused("workers:\n  - 1\n  - 0\n" PORTS, 3, "/workers/1",
		"found CPU 0, which is that of the control");
}

Test(config, cores_exist)
{
	refused("workers:\n  - 1023\n" PORTS, 2, "/workers/0", "found CPU 1023");
	refused("workers: [1]\ncontrol:\n  core: 1000\n" PORTS, 3, "/control/core",
		"found CPU 1000");
}

Test(config, ports_are_distinguished)
{
	refused("workers: [1]\nports:\n  - {name: p0, devargs: net_null0}\n"
		"  - {name: p0, devargs: net_null1}\n",
		4, "/ports/1/name", "found p0, which is the name of /ports/0");
	refused("workers: [1]\nports:\n  - {name: p0, devargs: net_null0}\n"
		"  - name: p1\n    devargs: net_null0,size=64\n",
		5, "/ports/1/devargs", "/ports/0");
	refused("workers: [1]\nports:\n  - {name: p0, devargs: net_null0}\n"
		"  - {name: p1, bond: {mode: 802.3ad, members: [net_null1, net_null0]}}\n",
		4, "/ports/1/bond/members/1", "which /ports/0 has");
	refused("workers: [1]\nports:\n"
		"  - {name: p1, bond: {mode: 802.3ad, members: [net_null1, 'net_null1,x=1']}}\n",
		3, "/ports/0/bond/members/1", "which /ports/0 has");
	refused("workers: [1]\nports:\n"
		"  - {name: p1, bond: {mode: balance-xor, members: ['net_af_xdp1,iface=a']}}\n",
		3, "/ports/0/bond/members/0", "expected a PCI device, or mode 802.3ad");
	refused("workers: [1]\nports:\n  - {name: p1, bond: {mode: fast, members: [net_null1]}}\n",
		3, "/ports/0/bond/mode", "802.3ad");
	refused("workers: [1]\nports:\n  - {name: p1}\n", 3, "/ports/0", "devargs and bond");
	refused("workers: [1]\nports:\n  - name: p1\n    devargs: net_null0\n"
		"    bond: {mode: 802.3ad, members: [net_null1]}\n",
		3, "/ports/0", "found both");
}

/* The test's own configuration file serves as steering program: it is there. */
static void
with_program(char *text, size_t size, const char *ports)
{
	snprintf(text, size, "workers: [1]\nxdp_program: %s\nports:\n%s", path, ports);
}

Test(config, af_xdp_ports_are_steered)
{
	char text[512], expected[128];
	struct fault fault;

	with_program(text, sizeof(text),
		"  - {name: p0, devargs: 'net_af_xdp0,iface=veth0'}\n"
		"  - {name: p1, devargs: 'net_af_xdp1,iface=veth1,xdp_prog=/x.o'}\n");
	cr_assert_eq(loaded(text, &fault), 0, "%s", fault.message);
	cr_expect_str_eq(config.steered[0], "veth0");
	snprintf(expected, sizeof(expected), "net_af_xdp0,iface=veth0,xdp_prog=%s", path);
	cr_expect_str_eq(config.ports[0].devargs, expected);
	cr_expect_str_eq(config.steered[1], "", "it brings its own program");
	cr_expect_str_eq(config.ports[1].devargs, "net_af_xdp1,iface=veth1,xdp_prog=/x.o");
}

Test(config, af_xdp_faults)
{
	char text[1024], port[512];

	with_program(text, sizeof(text), "  - {name: p0, devargs: net_af_xdp0}\n");
	refused(text, 4, "/ports/0/devargs", "expected iface=");
	with_program(text, sizeof(text),
		"  - {name: p0, devargs: 'net_af_xdp0,iface=veth0'}\n"
		"  - {name: p1, devargs: 'net_af_xdp1,iface=veth0'}\n");
	refused(text, 5, "/ports/1/devargs", "found interface veth0");
	snprintf(port, sizeof(port),
		"  - {name: p0, devargs: 'net_af_xdp0,iface=veth0,x=%0220d'}\n", 0);
	with_program(text, sizeof(text), port);
	refused(text, 4, "/ports/0/devargs", "xdp_prog=");
	refused("workers: [1]\nxdp_program: /nonexistent.o\n"
		"ports: [{name: p0, devargs: 'net_af_xdp0,iface=veth0'}]\n",
		2, "/xdp_program", "/nonexistent.o");
}

Test(config, state_is_kept_at_the_configured_path)
{
	struct fault fault;

	cr_assert_eq(loaded("workers: [1]\n" PORTS, &fault), 0, "%s", fault.message);
	cr_assert_str_eq(config.state_path, "/var/lib/sluice/state.db");
	cr_assert_str_eq(config.state_flows, "");
	cr_assert_eq(
		loaded("state: {path: /x/y.db, flows: /etc/f.d}\nworkers: [1]\n" PORTS, &fault), 0,
		"%s", fault.message);
	cr_assert_str_eq(config.state_path, "/x/y.db");
	cr_assert_str_eq(config.state_flows, "/etc/f.d");
	cr_assert_eq(loaded("state: {path: ''}\nworkers: [1]\n" PORTS, &fault), 0);
	cr_assert_str_eq(config.state_path, "");
	refused("state: {path: y.db}\nworkers: [1]\n" PORTS, 1, "/state/path", "y.db");
	refused("state: {path: /y/}\nworkers: [1]\n" PORTS, 1, "/state/path", "/y/");
}
