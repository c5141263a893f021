/* SPDX-License-Identifier: BSD-3-Clause */
/* See traffic.h. */
#include "cli/traffic.h"

#include "cli/cli.h"
#include "cli/text.h"

#define NS_PER_S UINT64_C(1000000000)

static void
drops_add(json_t *sum, json_t *drops)
{
	const char *reason;
	json_t *count;

	json_object_foreach (drops, reason, count) {
		const json_int_t before = json_integer_value(json_object_get(sum, reason));

		json_object_set_new(sum, reason, json_integer(before + json_integer_value(count)));
	}
}

void
traffic_init(struct traffic *traffic, const json_t *counters)
{
	json_t *port;
	size_t i;

	*traffic = (struct traffic){.time_ns = member_number(counters, "time_ns")};
	/* An older sluiced has the one clock only. */
	traffic->monotonic_ns = json_object_get(counters, "monotonic_ns") != NULL
					? member_number(counters, "monotonic_ns")
					: traffic->time_ns;
	traffic->drops = json_object();
	if (traffic->drops == NULL)
		cli_out_of_memory();
	json_array_foreach (json_object_get(counters, "ports"), i, port) {
		traffic->rx_packets += member_number(port, "rx_packets");
		traffic->rx_bytes += member_number(port, "rx_bytes");
		traffic->tx_packets += member_number(port, "tx_packets");
		traffic->tx_bytes += member_number(port, "tx_bytes");
		drops_add(traffic->drops, json_object_get(port, "drops"));
	}
}

void
traffic_fini(struct traffic *traffic)
{
	json_decref(traffic->drops);
	traffic->drops = NULL;
}

/* delta x scale a second; 128 bits, as 100 Gbit/s for a minute would overflow 64. */
static uint64_t
per_second(uint64_t delta, unsigned scale, uint64_t elapsed_ns)
{
	const unsigned __int128 scaled = (unsigned __int128)delta * scale * NS_PER_S;

	return (uint64_t)((scaled + elapsed_ns / 2) / elapsed_ns);
}

bool
traffic_rate(const struct traffic *before, const struct traffic *after, struct rate *rate)
{
	const uint64_t elapsed_ns = after->monotonic_ns - before->monotonic_ns;

	if (after->monotonic_ns <= before->monotonic_ns || after->rx_packets < before->rx_packets ||
		after->rx_bytes < before->rx_bytes || after->tx_packets < before->tx_packets ||
		after->tx_bytes < before->tx_bytes)
		return false;
	rate->rx_pps = per_second(after->rx_packets - before->rx_packets, 1, elapsed_ns);
	rate->rx_bps = per_second(after->rx_bytes - before->rx_bytes, 8, elapsed_ns);
	rate->tx_pps = per_second(after->tx_packets - before->tx_packets, 1, elapsed_ns);
	rate->tx_bps = per_second(after->tx_bytes - before->tx_bytes, 8, elapsed_ns);
	return true;
}

json_t *
traffic_drops(const struct traffic *before, const struct traffic *after)
{
	json_t *delta = json_object(), *count;
	const char *reason;

	if (delta == NULL)
		cli_out_of_memory();
	json_object_foreach (after->drops, reason, count) {
		const json_int_t n = json_integer_value(count) -
				     json_integer_value(json_object_get(before->drops, reason));

		if (n > 0)
			json_object_set_new(delta, reason, json_integer(n));
	}
	return delta;
}
