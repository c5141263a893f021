/* SPDX-License-Identifier: BSD-3-Clause */
/* Whose value counts, what limits and devices leave of it, and how that is reported. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "config/port_settings.h"

static struct port_asked asked;
static struct dp_port_config config;
static struct profile profile;

/* A profile of these settings, each from "guide NAME". */
static void
profile_make(json_t *settings)
{
	json_t *sources = json_object(), *value;
	const char *name;

	json_object_foreach (settings, name, value)
		json_object_set_new(sources, name, json_sprintf("guide %s", name));
	profile.document = json_pack(
		"{s:s, s:o, s:o}", "binding", "vfio-pci", "settings", settings, "sources", sources);
}

static void
teardown(void)
{
	port_settings_fini(&asked);
	json_decref(profile.document);
}

TestSuite(port_settings, .fini = teardown);

/* The device gives all that it is asked for. */
static struct dp_port_info
willing(void)
{
	struct dp_port_info info = {.name = "p0",
		.driver = "net_x",
		.mtu = (uint16_t)(config.mtu != 0 ? config.mtu : 1500),
		.rx_queues = config.rx_queues,
		.settings = config.settings};

	info.settings.rss_types &= ~DP_SET_NONE;
	info.settings.tx_offloads &= ~DP_SET_NONE;
	info.settings.quirks &= ~DP_SET_NONE;
	return info;
}

/* The setting is reported as this JSON text, but for its name. */
static void
reported(const struct dp_port_info *info, const char *name, const char *expected)
{
	json_t *report = port_settings_report(&asked, info), *setting;
	size_t i;

	json_array_foreach (report, i, setting) {
		char *text;

		if (strcmp(json_string_value(json_object_get(setting, "name")), name) != 0)
			continue;
		json_object_del(setting, "name");
		text = json_dumps(setting, JSON_COMPACT | JSON_SORT_KEYS);
		cr_expect_str_eq(text, expected, "%s: %s", name, text);
		free(text);
		json_decref(report);
		return;
	}
	cr_expect_str_eq("", expected, "%s is not reported", name);
	json_decref(report);
}

Test(port_settings, nothing_asked_leaves_all_to_the_data_plane)
{
	struct dp_port_info info;

	port_settings_merge(&asked, NULL, NULL, 2, &config);
	cr_expect_eq(config.settings.rx_descriptors, 0);
	cr_expect_eq(config.settings.rss_types, 0);
	cr_expect_eq(config.settings.tx_offloads, 0);
	cr_expect_eq(config.rx_queues, 0);
	cr_expect_eq(config.mtu, 0);
	info = willing();
	info.settings.rx_descriptors = 1024;
	info.rx_queues = 2;
	reported(&info, "rx_descriptors", "{\"from\":\"default\",\"value\":1024}");
	reported(&info, "rx_queues", "{\"from\":\"default\",\"value\":2}");
	reported(&info, "rss_key", "{\"from\":\"default\",\"value\":\"driver\"}");
	reported(&info, "pps_max", "");
	info.rx_queues = 1;
	reported(&info, "rx_queues", "{\"asked\":2,\"from\":\"negotiated\",\"value\":1}");
}

Test(port_settings, site_counts_before_profile_before_default)
{
	json_t *site = json_pack("{s:i}", "rx_descriptors", 512);
	struct dp_port_info info;

	profile_make(json_pack("{s:i, s:i, s:[s, s], s:s, s:i}", "rx_descriptors", 2048,
		"tx_descriptors", 256, "rss_types", "ipv4_udp", "ipv4", "rss_key", "6d5a",
		"pps_max", 1000000));
	port_settings_merge(&asked, &profile, site, 2, &config);
	cr_expect_eq(config.settings.rx_descriptors, 512);
	cr_expect_eq(config.settings.tx_descriptors, 256);
	cr_expect_eq(config.settings.burst, 0);
	cr_expect_eq(config.settings.rss_types, DP_RSS_ipv4 | DP_RSS_ipv4_udp);
	cr_expect_eq(config.settings.rss_key_bytes, 2);
	cr_expect_eq(config.settings.rss_key[0], 0x6d);
	cr_expect_eq(config.settings.rss_key[1], 0x5a);
	info = willing();
	info.settings.rss_key_bytes = 40;
	reported(&info, "rx_descriptors", "{\"from\":\"site\",\"value\":512}");
	reported(&info, "tx_descriptors",
		"{\"from\":\"profile\",\"source\":\"guide tx_descriptors\",\"value\":256}");
	reported(&info, "rss_types",
		"{\"from\":\"profile\",\"source\":\"guide rss_types\","
		"\"value\":[\"ipv4\",\"ipv4_udp\"]}");
	reported(&info, "rss_key",
		"{\"from\":\"profile\",\"source\":\"guide rss_key\",\"value\":\"6d5a\"}");
	reported(&info, "pps_max",
		"{\"from\":\"profile\",\"source\":\"guide pps_max\",\"value\":1000000}");
	json_decref(site);
}

Test(port_settings, what_the_device_leaves_is_negotiated)
{
	struct dp_port_info info;

	profile_make(json_pack("{s:[s, s], s:s, s:i}", "tx_offloads", "mbuf_fast_free",
		"multi_segs", "rss_key", "6d5a", "tx_descriptors", 4096));
	port_settings_merge(&asked, &profile, NULL, 2, &config);
	info = willing();
	info.settings.tx_offloads = DP_TX_multi_segs;
	info.settings.rss_key_bytes = 0;
	info.settings.tx_descriptors = 1024;
	reported(&info, "tx_offloads",
		"{\"asked\":[\"multi_segs\",\"mbuf_fast_free\"],\"from\":\"negotiated\","
		"\"source\":\"guide tx_offloads\",\"value\":[\"multi_segs\"]}");
	reported(&info, "rss_key",
		"{\"asked\":\"6d5a\",\"from\":\"negotiated\",\"source\":\"guide rss_key\","
		"\"value\":\"driver\"}");
	reported(&info, "tx_descriptors",
		"{\"asked\":4096,\"from\":\"negotiated\",\"source\":\"guide tx_descriptors\","
		"\"value\":1024}");
}

Test(port_settings, limits_cut_what_the_site_asks_for)
{
	json_t *site = json_pack("{s:i}", "rx_descriptors", 8192);
	struct dp_port_info info;

	profile_make(json_pack("{s:i, s:i, s:i, s:i}", "rx_descriptors_max", 4096,
		"rx_descriptors_min", 64, "mtu_max", 9000, "rx_queues_max", 4));
	config.mtu = 9500;
	config.rx_queues = 8;
	port_settings_merge(&asked, &profile, site, 2, &config);
	cr_expect_eq(config.settings.rx_descriptors, 4096);
	cr_expect_eq(config.mtu, 9000);
	cr_expect_eq(config.rx_queues, 4);
	info = willing();
	reported(
		&info, "rx_descriptors", "{\"asked\":8192,\"from\":\"negotiated\",\"value\":4096}");
	reported(&info, "mtu", "{\"asked\":9500,\"from\":\"negotiated\",\"value\":9000}");
	reported(&info, "rx_queues", "{\"asked\":8,\"from\":\"negotiated\",\"value\":4}");
	json_object_set_new(site, "rx_descriptors", json_integer(32));
	port_settings_merge(&asked, &profile, site, 2, &config);
	cr_expect_eq(config.settings.rx_descriptors, 64);
	json_object_set_new(site, "rx_descriptors_min", json_integer(16));
	port_settings_merge(&asked, &profile, site, 2, &config);
	cr_expect_eq(config.settings.rx_descriptors, 32, "the site overrides a limit, too");
	json_decref(site);
}

Test(port_settings, an_empty_list_is_none)
{
	json_t *site = json_pack("{s:[], s:[]}", "rss_types", "tx_offloads");
	struct dp_port_info info;

	profile_make(json_pack("{s:[s]}", "tx_offloads", "multi_segs"));
	port_settings_merge(&asked, &profile, site, 2, &config);
	cr_expect_eq(config.settings.rss_types, DP_SET_NONE);
	cr_expect_eq(config.settings.tx_offloads, DP_SET_NONE);
	info = willing();
	reported(&info, "tx_offloads", "{\"from\":\"site\",\"value\":[]}");
	json_decref(site);
}

Test(port_settings, one_queue_a_worker_is_cut_by_the_profile_only)
{
	profile_make(json_pack("{s:i}", "rx_queues_max", 4));
	port_settings_merge(&asked, &profile, NULL, 4, &config);
	cr_expect_eq(config.rx_queues, 0, "as many as workers, as far as the device has them");
	port_settings_merge(&asked, &profile, NULL, 5, &config);
	cr_expect_eq(config.rx_queues, 4);
}

Test(port_settings, devargs_are_those_of_the_site_or_the_profile)
{
	json_t *site = json_pack("{s:s}", "devargs", "b=2");
	char devargs[DP_DEVARGS_MAX] = "0000:03:00.0,a=7";
	struct fault fault;

	profile_make(json_pack("{s:s}", "devargs", "a=1,c=3"));
	cr_expect_eq(port_settings_add_devargs(NULL, NULL, devargs, &fault), 0);
	cr_expect_str_eq(devargs, "0000:03:00.0,a=7");
	cr_expect_eq(port_settings_add_devargs(&profile, NULL, devargs, &fault), 0);
	cr_expect_str_eq(devargs, "0000:03:00.0,a=7,c=3");
	cr_expect_eq(port_settings_add_devargs(&profile, site, devargs, &fault), 0);
	cr_expect_str_eq(devargs, "0000:03:00.0,a=7,c=3,b=2");
	memset(devargs, 'x', DP_DEVARGS_MAX - 2);
	cr_expect_eq(port_settings_add_devargs(&profile, NULL, devargs, &fault), -1);
	cr_expect_str_eq(fault.pointer, "/devargs");
	json_decref(site);
}
