/* SPDX-License-Identifier: BSD-3-Clause */
/* Ports on devices that can do what the test says; all else is net_null's. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include <rte_ethdev.h>

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
ssize_t __wrap_readlink(const char *path, char *target, size_t size);

static struct dp_port_config port_config = {
	.name = "a", .devargs = "net_null0,no-rx=1", .settings = {.rx_descriptors = 512}};
static bool configured;
static uint16_t descriptors_max; /* of the device once it is configured */
static uint16_t descriptors_min;
static uint64_t tx_capa; /* RTE_ETH_TX_OFFLOAD_* */
static const char *driver_name;
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
	info->tx_offload_capa |= tx_capa;
	return ret;
}

/* The driver of a device in sysfs. */
ssize_t
__wrap_readlink(const char *path, char *target, size_t size)
{
	(void)path;
	return snprintf(target, size, "../vfio-pci");
}

static void
create(void)
{
	const struct dp_config config = {
		.n_ports = 1, .ports = &port_config, .max_flows_ipv4 = 16, .packet_buffers = 1024};

	dp = dp_create(&config, error, sizeof(error));
	cr_assert_not_null(dp, "%s", error);
}

static void
setup(void)
{
	descriptors_max = UINT16_MAX;
	fixture_eal(1);
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

/* The device is taken away, and what is found there now can do what the test says. */
static bool
replace(void)
{
	struct port *port = &dp->ports[0];

	port_unplug(port);
	return port_replug(port, dp->pools[0].packets, error, sizeof(error));
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
	cr_expect(dp->ports[0].unplugged);
	descriptors_min = 0;
	cr_expect(port_replug(&dp->ports[0], dp->pools[0].packets, error, sizeof(error)), "%s",
		error);
}
