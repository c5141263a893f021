/* SPDX-License-Identifier: BSD-3-Clause */
/* Bringing a data plane up and down: what is read, and errors that name what is wrong. */
#include <criterion/criterion.h>

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <rte_mempool.h>

#include "fixture.h"
#include "pool.h"

static char error[384];

static void
setup(void)
{
	fixture_eal(1);
}

TestSuite(create, .init = setup, .fini = dp_eal_fini);

/* Two ports that need nothing of the host. */
static struct dp_port_config ports[2] = {
	{.name = "a", .devargs = "net_null0", .settings = {.rx_descriptors = 64}},
	{.name = "b", .devargs = "net_null1,no-rx=1", .mtu = 0},
};

static struct dp *
create(unsigned n_ports)
{
	const struct dp_config config = {.n_ports = n_ports,
		.ports = ports,
		.max_flows_ipv4 = 16,
		.max_flows_ipv6 = 32,
		.packet_buffers = 1024};

	error[0] = '\0';
	return dp_create(&config, error, sizeof(error));
}

Test(create, ports_and_workers_are_as_configured)
{
	struct dp_memory memory;
	struct dp_worker_info worker;
	struct dp_port_info port;
	struct dp *dp = create(2);

	cr_assert_not_null(dp, "%s", error);
	cr_expect_eq(dp_port_count(dp), 2);
	cr_assert_eq(dp_port_info_get(dp, 1, &port), 0);
	cr_expect_str_eq(port.name, "b");
	cr_expect_str_eq(port.devargs, "net_null1,no-rx=1");
	cr_expect_str_eq(port.driver, "net_null");
	cr_expect_eq(port.rx_queues, 1);
	cr_expect_eq(port.mtu, 1500);
	cr_expect_eq(dp_port_info_get(dp, 2, &port), -ENOENT);
	cr_expect_eq(dp_worker_count(dp), 1);
	cr_assert_eq(dp_worker_info_get(dp, 0, &worker), 0);
	cr_expect_eq(worker.core, 1);
	cr_expect_eq(worker.rx_queues, 2);
	cr_expect_eq(dp_worker_info_get(dp, 1, &worker), -ENOENT);
	cr_expect_eq(dp_flow_capacity(dp, DP_IPV4), 16);
	cr_expect_eq(dp_flow_capacity(dp, DP_IPV6), 32);
	memory = dp_flow_memory(dp, DP_IPV6);
	cr_expect_geq(memory.bytes, 32 * 128);
	cr_expect_geq(memory.page_bytes, 4096);
	cr_expect_geq(memory.pages * memory.page_bytes, memory.bytes);
	cr_expect_eq(dp_leg_memory(dp).page_bytes, memory.page_bytes);
	dp_destroy(dp);
}

/* net_null has neither RSS nor that offload, and any number of descriptors. */
Test(create, settings_in_effect_are_what_the_device_can)
{
	char driver[DP_NAME_MAX];
	struct dp_port_info port;
	struct dp *dp;

	ports[0].settings.tx_descriptors = 128;
	ports[0].settings.burst = 8;
	ports[0].settings.tx_offloads = DP_TX_mbuf_fast_free;
	ports[0].mtu = 20;
	cr_expect_eq(dp_device_driver(ports[0].devargs, driver), -ENODEV);
	dp = create(2);
	cr_assert_not_null(dp, "%s", error);
	cr_assert_eq(dp_port_info_get(dp, 0, &port), 0);
	cr_expect_eq(port.settings.rx_descriptors, 64);
	cr_expect_eq(port.settings.tx_descriptors, 128);
	cr_expect_eq(port.settings.burst, 8);
	cr_expect_eq(port.settings.rss_types, 0);
	cr_expect_eq(port.settings.tx_offloads, 0);
	cr_expect_not(port.shares_payload);
	cr_expect_eq(port.mtu, 46, "the least that ethdev lets a driver take");
	cr_expect_eq(dp_device_driver(ports[0].devargs, driver), 0);
	cr_expect_str_eq(driver, "net_null");
	dp_destroy(dp);
	ports[0].settings.tx_offloads = DP_TX_multi_segs;
	ports[0].settings.quirks = DP_QUIRK_takes_chains;
	dp = create(1);
	cr_assert_not_null(dp, "%s", error);
	cr_assert_eq(dp_port_info_get(dp, 0, &port), 0);
	cr_expect(port.shares_payload);
	dp_destroy(dp);
}

/* Names of pools and devices must be free again, and nothing may pile up. */
Test(create, can_be_done_again_and_again)
{
	for (unsigned i = 0; i < 20; i++) {
		struct dp *dp = create(2);

		cr_assert_not_null(dp, "round %u: %s", i, error);
		cr_assert_eq(dp_start(dp, error, sizeof(error)), 0, "round %u: %s", i, error);
		dp_stop(dp);
		dp_destroy(dp);
	}
}

Test(create, start_follows_stop)
{
	struct dp_worker_stats before, after;
	struct dp *dp = create(2);

	cr_assert_not_null(dp, "%s", error);
	cr_assert_eq(dp_start(dp, error, sizeof(error)), 0);
	dp_stop(dp);
	dp_stop(dp);
	cr_assert_eq(dp_worker_stats_get(dp, 0, &before), 0);
	cr_assert_eq(dp_start(dp, error, sizeof(error)), 0, "%s", error);
	dp_stop(dp);
	cr_assert_eq(dp_worker_stats_get(dp, 0, &after), 0);
	cr_expect_geq(after.loops, before.loops);
	dp_destroy(dp);
}

Test(create, a_device_that_is_not_there_is_named_and_nothing_stays)
{
	struct dp *dp;

	strcpy(ports[1].devargs, "net_unheard_of0");
	cr_expect_null(create(2));
	cr_expect_not_null(strstr(error, "port b"), "%s", error);
	cr_expect_not_null(strstr(error, "net_unheard_of0"), "%s", error);
	strcpy(ports[1].devargs, "net_null1");
	dp = create(2);
	cr_assert_not_null(dp, "the first device is free again: %s", error);
	dp_destroy(dp);
}

/* A port on such a device is not made, and what to do about it is said. */
static void
hinted(const char *devargs, const char *hint)
{
	snprintf(ports[0].devargs, sizeof(ports[0].devargs), "%s", devargs);
	cr_expect_null(create(1), "%s", devargs);
	cr_expect_not_null(strstr(error, "port a"), "%s", error);
	cr_expect_not_null(strstr(error, devargs), "%s", error);
	cr_expect_not_null(strstr(error, hint), "%s: %s", error, hint);
}

Test(create, errors_about_a_device_have_a_hint)
{
	hinted("net_nul0", "no driver net_nul; did you mean net_null?");
	hinted("net_af_xpd0,iface=lo", "did you mean net_af_xdp?");
	hinted("af_xdp0,iface=lo", "did you mean net_af_xdp?");
	hinted("memory", "expected a PCI address");
	hinted("lo", "\"net_af_xdp0,iface=lo\"");
	hinted("net_pcap0,iface=none9", "no interface none9");
	hinted("net_null0,foo=1", "the driver refused it");
	hinted("0000:ff:1f.7", "no /sys/bus/pci/devices/0000:ff:1f.7;");
	hinted("ff:1f.7", "no /sys/bus/pci/devices/0000:ff:1f.7;");
}

/* Nothing is done to it: the EAL of these tests looks at no PCI device. */
Test(create, a_pci_device_of_a_kernel_driver_is_to_be_bound)
{
	char link[300], driver[256], hint[300];
	struct dirent *entry;
	ssize_t length = -1;
	DIR *devices = opendir("/sys/bus/pci/devices");

	cr_assert_not_null(devices);
	while (length < 0 && (entry = readdir(devices)) != NULL) {
		snprintf(link, sizeof(link), "/sys/bus/pci/devices/%s/driver", entry->d_name);
		length = readlink(link, driver, sizeof(driver) - 1);
		snprintf(hint, sizeof(hint), "dpdk-devbind.py -b vfio-pci %s", entry->d_name);
	}
	if (length < 0)
		cr_skip("this machine has no PCI device with a driver");
	driver[length] = '\0';
	hinted(entry->d_name, hint);
	cr_expect_not_null(strstr(error, strrchr(driver, '/') + 1), "%s", error);
	closedir(devices);
}

Test(create, more_queues_than_the_driver_has_are_refused)
{
	ports[0].rx_queues = 4096;
	cr_expect_null(create(1));
	cr_expect_not_null(strstr(error, "rx_queues"), "%s", error);
}

Test(create, a_number_of_ports_out_of_range_is_refused)
{
	cr_expect_null(create(0));
	cr_expect_gt(strlen(error), 0);
	cr_expect_null(create(DP_PORTS_MAX + 1));
	cr_expect_gt(strlen(error), 0);
}

Test(create, pools_too_big_for_memory_are_refused_and_named)
{
	const struct dp_config config = {
		.n_ports = 1, .ports = ports, .max_flows_ipv4 = 16, .packet_buffers = 10000000};

	cr_expect_null(dp_create(&config, error, sizeof(error)));
	cr_expect_not_null(strstr(error, "packet_buffers"), "%s", error);
	cr_expect_null(rte_mempool_lookup("packets_0"));
}

Test(create, tables_too_big_for_memory_are_refused)
{
	const struct dp_config config = {.n_ports = 1,
		.ports = ports,
		.max_flows_ipv4 = DP_FLOWS_MAX,
		.packet_buffers = 1024};

	cr_expect_null(dp_create(&config, error, sizeof(error)));
	cr_expect_not_null(strstr(error, "flows"), "%s", error);
}

/* What net_af_xdp of DPDK 22.11 registers: from the first byte on, as much as all objects have. */
Test(create, buffers_of_af_xdp_lie_inside_what_its_driver_registers)
{
	enum { N = 1000, ROOM = 4 * N };
	static void *objects[ROOM];
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	struct pool_set pools = {0};
	uintptr_t start, end;
	uint32_t object;
	unsigned n, i;

	cr_assert_eq(pool_set_init(&pools, 0, N, 1518, true, error, sizeof(error)), 0, "%s", error);
	object = rte_mempool_calc_obj_size(pools.packets->elt_size, pools.packets->flags, NULL);
	start = (uintptr_t)STAILQ_FIRST(&pools.packets->mem_list)->addr;
	end = start + (uintptr_t)object * pools.packets->populated_size;
	n = rte_mempool_avail_count(pools.packets);
	cr_assert(n >= N && n <= ROOM, "%u", n);
	cr_assert_eq(rte_mempool_generic_get(pools.packets, objects, n, NULL), 0);
	for (i = 0; i < n; i++) {
		const uintptr_t first = (uintptr_t)objects[i] - pools.packets->header_size;

		cr_expect(first >= start && first + object <= end, "buffer %u of %u", i, n);
		cr_expect_eq(first / page, (first + object - 1) / page, "buffer %u", i);
	}
	rte_mempool_generic_put(pools.packets, objects, n, NULL);
	pool_set_fini(&pools);
}

Test(create, buffers_that_af_xdp_cannot_register_are_refused)
{
	struct pool_set pools = {0};

	cr_expect_eq(pool_set_init(&pools, 0, 1000, 9018, true, error, sizeof(error)), -EINVAL);
	cr_expect_not_null(strstr(error, "set a smaller mtu"), "%s", error);
	cr_expect_null(pools.packets);
}

Test(eal, a_wrong_number_of_workers_is_refused)
{
	struct dp_eal_config config = {.program = "test", .file_prefix = "test", .no_huge = true};

	cr_expect_eq(dp_eal_init(&config, error, sizeof(error)), -EINVAL);
	cr_expect_not_null(strstr(error, "workers"), "%s", error);
	config.n_workers = DP_WORKERS_MAX + 1;
	cr_expect_eq(dp_eal_init(&config, error, sizeof(error)), -EINVAL);
}
