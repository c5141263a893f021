/* SPDX-License-Identifier: BSD-3-Clause */
/* See pending.h. A neighbour that is there answers within milliseconds, so few wait at all. */
#include "cli/pending.h"

#include <time.h>

#define FLOWS_MAX 16
#define WAIT_MS 1000 /* for all flows together */
#define PAUSE_MS 20

static bool
leg_is_pending(const json_t *state)
{
	return member_is(json_object_get(state, "next_hop"), "state", "pending");
}

static bool
flow_is_pending(const json_t *result)
{
	json_t *state;
	size_t i;

	json_array_foreach (json_object_get(result, "legs"), i, state) {
		if (leg_is_pending(state))
			return true;
	}
	return false;
}

static bool
leg_is_tagged(const json_t *leg)
{
	return json_integer_value(json_object_get(leg, "vlan")) > 0 ||
	       json_integer_value(json_object_get(leg, "outer_vlan")) > 0;
}

const char *
pending_text(struct text *text, const json_t *leg, const json_t *hop)
{
	const char *address = json_string_value(json_object_get(hop, "address"));
	const char *netdev = json_string_value(json_object_get(hop, "netdev"));

	text_clear(text);
	text_add(text, "%s: %s", member_text(hop, "state"), member_text(hop, "reason"));
	if (!member_is(hop, "state", "pending"))
		return text->s;
	if (netdev == NULL && leg_is_tagged(leg))
		text_add(text, "; see 'ip -d link show type vlan'");
	else if (netdev == NULL)
		return text->s; /* the port's interface is gone */
	else if (address != NULL)
		text_add(text, "; see 'ip neigh show %s dev %s'", address, netdev);
	else
		text_add(text, "; see 'ip route get %s oif %s'", member_text(leg, "dst"), netdev);
	return text->s;
}

static void
flow_warn(const json_t *result)
{
	const json_t *flow = json_object_get(result, "flow");
	struct text text;
	json_t *state;
	size_t i;

	json_array_foreach (json_object_get(result, "legs"), i, state) {
		if (!leg_is_pending(state))
			continue;
		fprintf(stderr, "sluicectl: leg %s of flow %s is %s\n", member_text(state, "id"),
			member_text(flow, "id"),
			pending_text(&text, json_array_get(json_object_get(flow, "legs"), i),
				json_object_get(state, "next_hop")));
	}
}

void
pending_warn(struct cli *cli, const json_t *ids)
{
	const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
	unsigned waited_ms = 0;
	json_t *id, *result;
	int exit_code;
	size_t i;

	if (cli->json)
		return;
	json_array_foreach (ids, i, id) {
		if (i == FLOWS_MAX)
			return;
		while ((result = cli_call(cli, "flow.get", json_pack("{s:O}", "id", id),
				&exit_code)) != NULL &&
			flow_is_pending(result) && waited_ms < WAIT_MS) {
			json_decref(result);
			nanosleep(&pause, NULL);
			waited_ms += PAUSE_MS;
		}
		if (result == NULL)
			return;
		flow_warn(result);
		json_decref(result);
	}
}
