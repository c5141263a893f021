/* SPDX-License-Identifier: BSD-3-Clause */
/* Rates: what two readings of the counters say. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "cli/traffic.h"

#define NS_PER_S UINT64_C(1000000000)

static const char reading[] =
	"{\"time_ns\": 5000000000, \"monotonic_ns\": 7, \"ports\": ["
	"{\"name\": \"p0\", \"rx_packets\": 10, \"rx_bytes\": 1000, \"tx_packets\": 1,"
	" \"tx_bytes\": 100, \"drops\": {\"no_flow\": 3, \"tx_full\": 1}},"
	"{\"name\": \"p1\", \"rx_packets\": 5, \"rx_bytes\": 500, \"tx_packets\": 20,"
	" \"tx_bytes\": 2000, \"drops\": {\"no_flow\": 0, \"tx_full\": 6}}]}";

static struct traffic
traffic_of(const char *source)
{
	json_t *counters = json_loads(source, 0, NULL);
	struct traffic traffic;

	cr_assert_not_null(counters);
	traffic_init(&traffic, counters);
	json_decref(counters);
	return traffic;
}

Test(traffic, ports_are_summed)
{
	struct traffic traffic = traffic_of(reading);

	cr_assert_eq(traffic.time_ns, 5 * NS_PER_S);
	cr_assert_eq(traffic.monotonic_ns, 7);
	cr_assert_eq(traffic.rx_packets, 15);
	cr_assert_eq(traffic.rx_bytes, 1500);
	cr_assert_eq(traffic.tx_packets, 21);
	cr_assert_eq(traffic.tx_bytes, 2100);
	cr_assert_eq(json_integer_value(json_object_get(traffic.drops, "no_flow")), 3);
	cr_assert_eq(json_integer_value(json_object_get(traffic.drops, "tx_full")), 7);
	traffic_fini(&traffic);
}

Test(traffic, a_reply_without_ports_is_all_zero)
{
	struct traffic traffic = traffic_of("{\"time_ns\": 1}");

	cr_assert_eq(traffic.rx_packets, 0);
	cr_assert_eq(json_object_size(traffic.drops), 0);
	traffic_fini(&traffic);
}

Test(traffic, rates_are_rounded_over_the_time_that_passed)
{
	const struct traffic before = {.monotonic_ns = NS_PER_S, .rx_packets = 100};
	struct traffic after = {.monotonic_ns = 3 * NS_PER_S,
		.rx_packets = 301,
		.rx_bytes = 1000,
		.tx_packets = 3,
		.tx_bytes = 1};
	struct rate rate;

	cr_assert(traffic_rate(&before, &after, &rate));
	cr_assert_eq(rate.rx_pps, 101); /* 100.5 */
	cr_assert_eq(rate.rx_bps, 4000);
	cr_assert_eq(rate.tx_pps, 2); /* 1.5 */
	cr_assert_eq(rate.tx_bps, 4);
	after.monotonic_ns = NS_PER_S + NS_PER_S / 4;
	cr_assert(traffic_rate(&before, &after, &rate));
	cr_assert_eq(rate.rx_pps, 804);
}

/* 400 Gbit/s for a day: the product of bytes, eight and 10^9 needs more than 64 bits. */
Test(traffic, large_figures_do_not_overflow)
{
	const struct traffic before = {.monotonic_ns = 0};
	const struct traffic after = {
		.monotonic_ns = 86400 * NS_PER_S, .rx_bytes = UINT64_C(50000000000) * 86400};
	struct rate rate;

	cr_assert(traffic_rate(&before, &after, &rate));
	cr_assert_eq(rate.rx_bps, UINT64_C(400000000000));
}

Test(traffic, no_rate_when_counters_or_clock_went_back)
{
	const struct traffic before = {
		.monotonic_ns = 2, .rx_packets = 1, .tx_packets = 1, .tx_bytes = 1};
	const struct traffic clock_back = {
		.monotonic_ns = 1, .rx_packets = 1, .tx_packets = 1, .tx_bytes = 1};
	const struct traffic same_time = before;
	const struct traffic fresh = {
		.monotonic_ns = 3, .rx_packets = 0, .tx_packets = 1, .tx_bytes = 1};
	const struct traffic tx_back = {
		.monotonic_ns = 3, .rx_packets = 9, .tx_packets = 0, .tx_bytes = 1};
	struct rate rate;

	cr_assert_not(traffic_rate(&before, &clock_back, &rate));
	cr_assert_not(traffic_rate(&before, &same_time, &rate));
	cr_assert_not(traffic_rate(&before, &fresh, &rate));
	cr_assert_not(traffic_rate(&before, &tx_back, &rate));
}

Test(traffic, drops_are_those_in_between)
{
	struct traffic before = traffic_of(reading);
	struct traffic after =
		traffic_of("{\"time_ns\": 6000000000, \"ports\": [{\"drops\":"
			   " {\"no_flow\": 3, \"tx_full\": 17, \"too_long\": 2, \"not_ip\": 0}}]}");
	json_t *drops = traffic_drops(&before, &after);
	char *text = json_dumps(drops, JSON_COMPACT | JSON_SORT_KEYS);

	cr_assert_str_eq(text, "{\"too_long\":2,\"tx_full\":10}");
	free(text);
	json_decref(drops);
	traffic_fini(&before);
	traffic_fini(&after);
}
