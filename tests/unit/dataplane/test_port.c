/* SPDX-License-Identifier: BSD-3-Clause */
/* Ports on devices that can do what the test says; all else is net_null's. */
#define ALLOW_EXPERIMENTAL_API /* events of devices */

#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_launch.h>

#include "dp_private.h"
#include "fixture.h"

int __real_rte_eth_dev_configure(
	uint16_t ethdev, uint16_t n_rx, uint16_t n_tx, const struct rte_eth_conf *conf);
int __wrap_rte_eth_dev_configure(
	uint16_t ethdev, uint16_t n_rx, uint16_t n_tx, const struct rte_eth_conf *conf);
int __real_rte_eth_dev_adjust_nb_rx_tx_desc(uint16_t ethdev, uint16_t *n_rx, uint16_t *n_tx);
int __wrap_rte_eth_dev_adjust_nb_rx_tx_desc(uint16_t ethdev, uint16_t *n_rx, uint16_t *n_tx);
int __real_rte_eth_dev_info_get(uint16_t ethdev, struct rte_eth_dev_info *info);
int __wrap_rte_eth_dev_info_get(uint16_t ethdev, struct rte_eth_dev_info *info);
enum rte_lcore_state_t __real_rte_eal_get_lcore_state(unsigned lcore);
enum rte_lcore_state_t __wrap_rte_eal_get_lcore_state(unsigned lcore);
int __wrap_lstat64(const char *path, struct stat *stat);
int __real_rte_dev_event_callback_unregister(
	const char *device, rte_dev_event_cb_fn event, void *arg);
int __wrap_rte_dev_event_callback_unregister(
	const char *device, rte_dev_event_cb_fn event, void *arg);
ssize_t __wrap_readlink(const char *path, char *target, size_t size);

static struct dp_port_config port_config = {
	.name = "a", .devargs = "net_null0,no-rx=1", .settings = {.rx_descriptors = 512}};
static bool configured;
static uint16_t descriptors_max; /* of the device once it is configured */
static uint16_t descriptors_min;
static uint64_t tx_capa; /* RTE_ETH_TX_OFFLOAD_* */
static const char *driver_name;
static bool is_there; /* bound to vfio-pci */
static ino_t link_number = 1; /* of the link to its driver */
static unsigned n_busy_calls; /* of rte_dev_event_callback_unregister(), to come */
static unsigned n_unregistered;
static unsigned late_lcore; /* which seems to run, 0 = none */
static unsigned n_workers;
static unsigned n_warnings;
static char error[384];
static struct dp *dp;

int
__wrap_rte_eth_dev_configure(
	uint16_t ethdev, uint16_t n_rx, uint16_t n_tx, const struct rte_eth_conf *conf)
{
	configured = true;
	return __real_rte_eth_dev_configure(ethdev, n_rx, n_tx, conf);
}

int
__wrap_rte_eth_dev_adjust_nb_rx_tx_desc(uint16_t ethdev, uint16_t *n_rx, uint16_t *n_tx)
{
	*n_rx = RTE_MAX(*n_rx, descriptors_min);
	if (configured) {
		*n_rx = RTE_MIN(*n_rx, descriptors_max);
		*n_tx = RTE_MIN(*n_tx, descriptors_max);
	}
	return __real_rte_eth_dev_adjust_nb_rx_tx_desc(ethdev, n_rx, n_tx);
}

int
__wrap_rte_eth_dev_info_get(uint16_t ethdev, struct rte_eth_dev_info *info)
{
	int ret = __real_rte_eth_dev_info_get(ethdev, info);

	if (driver_name != NULL)
		info->driver_name = driver_name;
	info->tx_offload_capa = tx_capa;
	return ret;
}

/* The driver of a device in sysfs. */
ssize_t
__wrap_readlink(const char *path, char *target, size_t size)
{
	(void)path;
	if (!is_there)
		return -1;
	return snprintf(target, size, "../vfio-pci");
}

enum rte_lcore_state_t
__wrap_rte_eal_get_lcore_state(unsigned lcore)
{
	return lcore == late_lcore ? RUNNING : __real_rte_eal_get_lcore_state(lcore);
}

int
__wrap_lstat64(const char *path, struct stat *stat)
{
	(void)path;
	stat->st_ino = link_number;
	return is_there ? 0 : -1;
}

int
__wrap_rte_dev_event_callback_unregister(const char *device, rte_dev_event_cb_fn event, void *arg)
{
	if (n_busy_calls > 0 && n_busy_calls-- > 0)
		return -EAGAIN;
	n_unregistered++;
	return __real_rte_dev_event_callback_unregister(device, event, arg);
}

static void
warn(void *arg, const char *message)
{
	(void)arg;
	n_warnings++;
	snprintf(error, sizeof(error), "%s", message);
}

static void
create(void)
{
	const struct dp_config config = {.n_ports = 1,
		.ports = &port_config,
		.max_flows_ipv4 = 16,
		.packet_buffers = 1024,
		.warn = warn};

	fixture_eal(n_workers);
	dp = dp_create(&config, error, sizeof(error));
	cr_assert_not_null(dp, "%s", error);
	cr_assert_eq(dp_start(dp, error, sizeof(error)), 0, "%s", error);
}

static void
setup(void)
{
	descriptors_max = UINT16_MAX;
	n_workers = 1;
	is_there = true;
}

static void
teardown(void)
{
	dp_destroy(dp);
	dp_eal_fini();
}

TestSuite(port, .init = setup, .fini = teardown);

/* As of net_bonding, which gets its members when it is configured. */
Test(port, limits_that_a_device_has_only_once_configured)
{
	struct dp_port_info info;

	descriptors_max = 256;
	create();
	cr_assert_eq(dp_port_info_get(dp, 0, &info), 0);
	cr_expect_eq(info.settings.rx_descriptors, 256);
	cr_expect_eq(info.settings.tx_descriptors, 256);
}

/* The pool is trimmed for it: see buffers_of_af_xdp_lie_inside_what_its_driver_registers. */
Test(port, af_xdp_registers_its_pool_whatever_quirks_are_asked_for)
{
	struct dp_port_info info;

	driver_name = "net_af_xdp";
	port_config.settings.quirks = DP_SET_NONE;
	create();
	cr_assert_eq(dp_port_info_get(dp, 0, &info), 0);
	cr_expect_eq(info.settings.quirks, DP_QUIRK_registers_pool);
}

/* The device puts packets into the second queue, as it is told of two queue pairs. */
Test(port, virtio_has_a_receive_queue_for_each_transmit_queue)
{
	struct dp_port_info info;

	driver_name = "net_virtio";
	port_config.settings.quirks = DP_SET_NONE;
	port_config.rx_queues = 1;
	n_workers = 2;
	create();
	cr_assert_eq(dp_port_info_get(dp, 0, &info), 0);
	cr_expect_eq(info.settings.quirks, DP_QUIRK_queue_pairs);
	cr_expect_eq(info.rx_queues, 2);
}

static bool
is_unplugged(void)
{
	struct dp_port_info info;

	cr_assert_eq(dp_port_info_get(dp, 0, &info), 0);
	return info.unplugged;
}

/* The device is taken away. */
static void
leave(void)
{
	dp->ports[0].removal_asked = true;
	dp_ports_follow(dp);
}

/* And what is found there now can do what the test says. Whether it is used. */
static bool
replace(void)
{
	leave();
	while (!is_unplugged())
		dp_ports_follow(dp); /* where other processes have the CPUs, a worker is late */
	error[0] = '\0';
	link_number++;
	dp_ports_follow(dp);
	return !is_unplugged();
}

/* Received by queue q: 10 + q packets, by worker q % 2. */
static void
queues_have_counted(void)
{
	struct dp_queue_stats queue;
	struct dp_worker_stats worker;
	struct dp_port_stats port;

	for (unsigned q = 0; q < 3; q++) {
		cr_assert_eq(dp_queue_stats_get(dp, 0, q, &queue), 0);
		cr_expect_eq(queue.rx_packets, 10 + q);
		cr_expect_eq(queue.worker, q % 2);
	}
	cr_expect_eq(dp_queue_stats_get(dp, 0, 3, &queue), -ENOENT);
	cr_assert_eq(dp_port_stats_get(dp, 0, &port), 0);
	cr_expect_eq(port.rx_packets, 33);
	cr_assert_eq(dp_worker_stats_get(dp, 0, &worker), 0);
	cr_expect_eq(worker.rx_packets, 22);
}

Test(port, queues_count_on_when_a_device_replaces_another)
{
	n_workers = 2;
	port_config.rx_queues = 3;
	create();
	dp->workers[0]->queues[0].packets = 10;
	dp->workers[1]->queues[0].packets = 11;
	dp->workers[0]->queues[1].packets = 12;
	queues_have_counted();
	leave();
	while (!is_unplugged())
		dp_ports_follow(dp);
	cr_expect_eq(dp->workers[0]->n_queues, 0);
	queues_have_counted();
	link_number++;
	while (is_unplugged())
		dp_ports_follow(dp);
	cr_expect_eq(dp->workers[0]->n_queues, 2);
	queues_have_counted();
}

/* Until the port is tried again. */
static void
wait_for_retry(void)
{
	while (dp->ports[0].retry_wait > 0)
		dp_ports_follow(dp);
}

Test(port, settings_are_negotiated_with_the_device_that_replaces_another)
{
	struct dp_port_info info;

	tx_capa = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	create();
	cr_assert_eq(dp_port_info_get(dp, 0, &info), 0);
	cr_expect(info.shares_payload);
	tx_capa = 0;
	descriptors_max = 128;
	configured = false;
	cr_assert(replace(), "%s", error);
	cr_assert_eq(dp_port_info_get(dp, 0, &info), 0);
	cr_expect_not(info.shares_payload);
	cr_expect_eq(info.settings.rx_descriptors, 128);
	descriptors_max = 512;
	cr_assert(replace(), "as many as the first one had: %s", error);
}

Test(port, a_device_with_more_descriptors_than_there_are_buffers_is_refused)
{
	create();
	descriptors_min = 2048;
	cr_expect_not(replace());
	cr_expect_not_null(strstr(error, "3072 descriptors"), "%s", error);
	descriptors_min = 0;
	wait_for_retry();
	cr_expect(is_unplugged());
	dp_ports_follow(dp);
	cr_expect_not(is_unplugged());
}

Test(port, a_device_that_cannot_be_used_is_tried_ever_more_seldom)
{
	create();
	descriptors_min = 2048;
	cr_expect_not(replace());
	cr_expect_eq(n_warnings, 1);
	cr_expect_eq(dp->ports[0].retry_wait, 20);
	wait_for_retry();
	dp_ports_follow(dp);
	cr_expect_eq(n_warnings, 1, "the same");
	cr_expect_eq(dp->ports[0].retry_wait, 40);
	descriptors_min = 4096;
	wait_for_retry();
	dp_ports_follow(dp);
	cr_expect_eq(n_warnings, 2, "another");
	cr_expect_eq(dp->ports[0].retry_wait, 80);
	is_there = false;
	dp_ports_follow(dp);
	is_there = true;
	descriptors_min = 0;
	dp_ports_follow(dp);
	cr_expect_not(is_unplugged(), "another device is tried at once");
}

static bool
runs(unsigned lcore)
{
	return __real_rte_eal_get_lcore_state(lcore) == RUNNING;
}

Test(port, workers_go_on_without_a_change_when_one_is_late)
{
	n_workers = 2;
	create();
	late_lcore = 2;
	leave();
	cr_expect_not(is_unplugged());
	cr_expect_not_null(strstr(error, "does not stop"), "%s", error);
	cr_expect(runs(1), "the other one");
	cr_expect_not(runs(2), "it has stopped after all");
	late_lcore = 0;
	dp_ports_follow(dp);
	cr_expect(runs(2));
	wait_for_retry();
	dp_ports_follow(dp);
	cr_expect(is_unplugged());
	cr_expect(runs(1) && runs(2));
	link_number++;
	late_lcore = 1;
	dp_ports_follow(dp);
	cr_expect(is_unplugged());
	cr_expect_not(dp->ports[0].closed, "the device is open already");
	late_lcore = 0;
	wait_for_retry();
	dp_ports_follow(dp);
	cr_expect_not(is_unplugged());
	cr_expect(runs(1) && runs(2));
}

Test(port, the_device_that_was_unplugged_is_not_the_one_that_comes)
{
	create();
	cr_expect_not(dp_ports_due(dp));
	dp->ports[0].removal_asked = true;
	cr_expect(dp_ports_due(dp));
	dp_ports_follow(dp);
	cr_expect(is_unplugged());
	cr_expect_not(dp_ports_due(dp));
	dp_ports_follow(dp);
	cr_expect(is_unplugged(), "the kernel has not taken it away yet");
	link_number++;
	cr_expect(dp_ports_due(dp));
	dp_ports_follow(dp);
	cr_expect_not(is_unplugged(), "%s", error);
	cr_expect_not(dp_ports_due(dp));
}

Test(port, a_callback_that_is_running_is_waited_for)
{
	create();
	n_busy_calls = 2;
	leave();
	cr_expect_eq(n_busy_calls, 0);
	cr_expect_eq(n_unregistered, 1);
	cr_expect_not(dp->ports[0].removal_asked);
}
