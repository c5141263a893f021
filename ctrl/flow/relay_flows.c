/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One table says which member of a side is which member of a flow: of the flow of that side, or of
 * the leg by which the other side's flow sends to it. It is read in both directions, and by faults.
 */
#include "flow/relay_flows.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "base/escape.h"
#include "flow/flow_spec.h"

#define UDP_PORT_MAX 65535
#define IS_RTCP(flow) ((flow) >= RELAY_A_RTCP)

/* Where a member of a side stands. */
enum place {
	PLACE_MATCH = 1, /* in the match of the side's flow, */
	PLACE_FLOW = 2, /* in that flow itself, */
	PLACE_LEG = 4, /* in the leg of the other side's flow */
};

static const struct member {
	const char *name; /* in the side */
	unsigned places;
	const char *match, *leg; /* its name there, NULL: the same */
	bool counts; /* RTCP's is the next number */
	bool of_media; /* flows of RTCP alone do not have it */
} members[] = {
	{"port", PLACE_MATCH | PLACE_LEG},
	{"vlan", PLACE_MATCH | PLACE_LEG},
	{"outer_vlan", PLACE_MATCH | PLACE_LEG},
	{"local", PLACE_MATCH | PLACE_LEG, "dst", "src"},
	{"local_port", PLACE_MATCH | PLACE_LEG, "dst_port", "src_port", true},
	{"pool", PLACE_MATCH},
	{"remote", PLACE_LEG, .leg = "dst"},
	{"remote_port", PLACE_LEG, .leg = "dst_port", .counts = true},
	{"dscp", PLACE_LEG},
	{"ttl", PLACE_LEG},
	{"mark", PLACE_LEG},
	{"admin", PLACE_FLOW},
	{"latch", PLACE_FLOW},
	{"latch_interval_ms", PLACE_FLOW},
	{"latch_by", PLACE_FLOW},
	{"allow", PLACE_FLOW},
	{"classes", PLACE_FLOW},
	{"police", PLACE_FLOW},
	{"media_timeout_s", PLACE_FLOW, .of_media = true},
	{"reopen", PLACE_FLOW, .of_media = true},
	{"max_datagram_bytes", PLACE_FLOW},
};

/* A member of the relay that each of its flows has, too. */
static const char idle_timeout[] = "idle_timeout_s";

#define N_MEMBERS (sizeof(members) / sizeof(members[0]))

static const char *const flow_names[] = {
	[RELAY_A] = "a",
	[RELAY_B] = "b",
	[RELAY_A_RTCP] = "a-rtcp",
	[RELAY_B_RTCP] = "b-rtcp",
};

const char *
relay_flow_name(enum relay_flow flow)
{
	return flow_names[flow];
}

const char *
relay_flow_member(enum relay_flow flow)
{
	static const char *const names[] = {
		[RELAY_A] = "a",
		[RELAY_B] = "b",
		[RELAY_A_RTCP] = "a_rtcp",
		[RELAY_B_RTCP] = "b_rtcp",
	};

	return names[flow];
}

void
relay_flow_id(const char *relay, enum relay_flow flow, char *id, size_t size)
{
	snprintf(id, size, "%s:%s", relay, flow_names[flow]);
}

enum relay_flow
relay_flow_find(const char *relay, size_t relay_bytes, const char *id)
{
	unsigned flow = RELAY_FLOWS;

	if (strncmp(id, relay, relay_bytes) == 0 && id[relay_bytes] == ':')
		for (flow = 0; flow < RELAY_FLOWS; flow++)
			if (strcmp(id + relay_bytes + 1, flow_names[flow]) == 0)
				break;
	return (enum relay_flow)flow;
}

static bool
is_word(const json_t *value, const char *word)
{
	return value && strcmp(json_string_value(value), word) == 0;
}

enum relay_flow
relay_receiver_side(const char *id, size_t relay_bytes)
{
	unsigned side;

	if (relay_bytes == 0 || id[relay_bytes] != ':')
		return RELAY_FLOWS;
	id += relay_bytes + 1;
	for (side = RELAY_A; side <= RELAY_B; side++)
		if (id[0] == flow_names[side][0] && id[1] == '.' && id[2] != '\0')
			return (enum relay_flow)side;
	return RELAY_FLOWS;
}

void
relay_receiver_id(const char *relay, enum relay_flow side, const char *name, char *id, size_t size)
{
	snprintf(id, size, "%s:%s.%s", relay, flow_names[side], name);
}

const char *
relay_receiver_name(const char *id, size_t relay_bytes)
{
	return id + relay_bytes + strlen(":a.");
}

/* The side of a relay that the flow takes packets of. */
static const json_t *
side_of(const json_t *relay, enum relay_flow flow)
{
	return json_object_getn(relay, flow_names[flow], 1);
}

static json_int_t
udp_port(const json_t *side, const char *name)
{
	return json_integer_value(json_object_get(side, name));
}

/* RTP with RTCP on the next port begins with an even one: RFC 3550, section 11. */
static int
rtcp_ports_check(const json_t *side, struct fault *fault)
{
	if (udp_port(side, "local_port") % 2 != 0)
		return fault_set(fault, FAULT_INVALID_VALUE, "/local_port",
			"found %" JSON_INTEGER_FORMAT ", expected an even port, as RTCP has the "
			"next one",
			udp_port(side, "local_port"));
	if (udp_port(side, "remote_port") == UDP_PORT_MAX)
		return fault_set(fault, FAULT_INVALID_VALUE, "/remote_port",
			"found %d, expected a lower port, as RTCP has the next one", UDP_PORT_MAX);
	return 0;
}

/* An address and its port come together. */
static int
remote_pair_check(const json_t *side, struct fault *fault)
{
	const bool remote = json_object_get(side, "remote") != NULL;

	if (remote == (json_object_get(side, "remote_port") != NULL))
		return 0;
	return fault_set(fault, FAULT_INVALID_VALUE, remote ? "/remote_port" : "/remote",
		"found %s alone, expected remote and remote_port, or neither",
		remote ? "remote" : "remote_port");
}

static int
remote_check(const json_t *side, struct fault *fault)
{
	const char *remote = json_string_value(json_object_get(side, "remote"));
	const char *local = json_string_value(json_object_get(side, "local"));
	uint8_t bytes[ADDRESS_BYTES], of_local, of_remote;
	enum address_kind kind;

	if (remote_pair_check(side, fault) < 0)
		return -1;
	if (!remote)
		return 0;
	of_local = local ? address_parse(local, bytes) : 0; /* a pool's */
	of_remote = address_parse(remote, bytes);
	if (local && of_local != of_remote)
		return fault_set(fault, FAULT_INVALID_VALUE, "/remote",
			"family mismatch: found IPv%u, expected IPv%u as in local", of_remote,
			of_local);
	kind = address_kind(of_remote, bytes);
	if (kind == ADDRESS_UNICAST)
		return 0;
	return fault_set(fault, FAULT_INVALID_VALUE, "/remote",
		"found %s address %s (%s), expected a unicast address", address_kind_name(kind),
		remote, address_kind_rule(kind));
}

static int
side_check(const json_t *side, bool rtcp, struct fault *fault)
{
	if (remote_check(side, fault) < 0)
		return -1;
	return rtcp ? rtcp_ports_check(side, fault) : 0;
}

/* Copy members of the side from or to the object that has them in that place. */
static void
members_copy(const json_t *side, enum place place, json_t *object, bool rtcp)
{
	size_t i;

	for (i = 0; i < N_MEMBERS; i++) {
		const struct member *member = &members[i];
		json_t *value = json_object_get(side, member->name);
		const char *name = place == PLACE_MATCH ? member->match
				   : place == PLACE_LEG ? member->leg
							: NULL;

		if (!value || !(member->places & place) || (member->of_media && rtcp))
			continue;
		if (member->counts && rtcp)
			json_object_set_new(
				object, name, json_integer(json_integer_value(value) + 1));
		else
			json_object_set(object, name ? name : member->name, value);
	}
}

/* RTCP has the odd port of the pair that a pool gives to the flow of RTP. */
static void
rtcp_pair(const json_t *relay, enum relay_flow number, json_t *match)
{
	const char *side = flow_names[number ^ (RELAY_A ^ RELAY_A_RTCP)];

	if (!json_object_get(match, "pool"))
		return;
	json_object_set_new(match, "rtcp_of",
		json_sprintf("%s:%s", json_string_value(json_object_get(relay, "id")), side));
	if (!json_object_get(match, "dst_port"))
		json_object_del(match, "dst");
}

static json_t *
flow_of(const json_t *relay, enum relay_flow number)
{
	const enum relay_flow other = RELAY_OTHER(number);
	const json_t *id = json_object_get(relay, "id");
	const char *text = json_string_value(id);
	json_t *match = json_object(), *leg = json_object();
	json_t *flow = json_pack("{s:s++, s:s, s:o, s:[o]}", "id", text, ":", flow_names[number],
		"relay", text, "match", match, "legs", leg);

	if (!flow)
		return NULL;
	members_copy(side_of(relay, number), PLACE_MATCH, match, IS_RTCP(number));
	if (IS_RTCP(number))
		rtcp_pair(relay, number, match);
	members_copy(side_of(relay, number), PLACE_FLOW, flow, IS_RTCP(number));
	json_object_set_new(leg, "learned", json_sprintf("%s:%s", text, flow_names[other]));
	members_copy(side_of(relay, other), PLACE_LEG, leg, IS_RTCP(number));
	json_object_set(flow, idle_timeout, json_object_get(relay, idle_timeout));
	if (!json_object_get(flow, "latch"))
		json_object_set_new(flow, "latch", json_string("first"));
	if (IS_RTCP(number) && is_word(json_object_get(flow, "latch_by"), "ssrc"))
		json_object_set_new(flow, "latch_by", json_string("rtcp_ssrc"));
	return flow;
}

int
relay_expand(const json_t *relay, json_t *flows[RELAY_FLOWS], struct fault *fault)
{
	const bool next = is_word(json_object_get(relay, "rtcp"), "next");
	unsigned i;

	memset(flows, 0, RELAY_FLOWS * sizeof(flows[0]));
	for (i = RELAY_A; next && i <= RELAY_B; i++) {
		if (json_array_size(json_object_get(side_of(relay, i), "receivers")) == 0)
			continue;
		fault_set(fault, FAULT_INVALID_VALUE, "",
			"found receivers with rtcp next, expected none, or rtcp mux");
		fault_prefix(fault, "/%s/receivers", flow_names[i]);
		return -1;
	}
	for (i = RELAY_A; i <= RELAY_B; i++) {
		if (side_check(side_of(relay, i), next, fault) == 0)
			continue;
		fault_prefix(fault, "/%s", flow_names[i]);
		return -1;
	}
	for (i = 0; i < (next ? RELAY_FLOWS : RELAY_FLOWS_LEAST); i++) {
		flows[i] = flow_of(relay, i);
		if (flows[i])
			continue;
		while (i-- > 0) {
			json_decref(flows[i]);
			flows[i] = NULL;
		}
		return fault_set(fault, FAULT_NO_ROOM, "", "no memory for a relay");
	}
	return 0;
}

/* Copy what the name says, unless the other object says it itself. */
static void
inherit(json_t *object, const json_t *from, const char *name)
{
	if (!json_object_get(object, name))
		json_object_set(object, name, json_object_get(from, name));
}

/* Where the receiver is, as far as it does not say itself. */
static int
receiver_match(const json_t *side, const json_t *receiver, json_t *match, struct fault *fault)
{
	const json_t *from = json_object_get(side, "match");
	const bool pool = json_object_get(match, "pool") != NULL;

	if (remote_pair_check(receiver, fault) < 0)
		return -1;
	inherit(match, from, "port");
	if (!json_object_get(match, "vlan") && !json_object_get(match, "outer_vlan")) {
		inherit(match, from, "vlan");
		inherit(match, from, "outer_vlan");
	}
	if (!pool)
		inherit(match, from, "dst");
	json_object_set(match, "src", json_object_get(receiver, "remote"));
	json_object_set(match, "src_port", json_object_get(receiver, "remote_port"));
	if (pool || json_object_get(match, "dst_port"))
		return 0;
	if (!json_object_get(receiver, "remote"))
		return fault_set(fault, FAULT_INVALID_VALUE, "/local_port",
			"missing, expected a UDP port for this receiver alone, or pool to be given "
			"one; or remote and remote_port, which distinguish it on the port of the "
			"side");
	inherit(match, from, "dst_port");
	if (json_object_get(match, "dst_port"))
		return 0;
	return fault_set(fault, FAULT_INVALID_VALUE, "/local_port",
		"missing, expected a UDP port, as the side's is chosen by a pool");
}

static int
receiver_id_check(const char *id, size_t length, const char *name, struct fault *fault)
{
	if (length < FLOW_ID_MAX)
		return 0;
	return fault_set(fault, FAULT_INVALID_VALUE, "/name",
		"found %zu characters, expected at most %d, as its flow is called %s and an id has "
		"at most %d",
		strlen(name), (int)strlen(name) - (int)(length - FLOW_ID_MAX + 1), id,
		FLOW_ID_MAX - 1);
}

/* What it sends goes where that of the side goes, or is only learned from. */
static void
receiver_way(json_t *flow, const json_t *side, const json_t *receiver)
{
	json_t *leg, *legs = json_array();

	json_object_set_new(flow, "legs", legs);
	if (json_object_get(receiver, "action")) {
		json_object_set(flow, "action", json_object_get(receiver, "action"));
		if (strcmp(json_string_value(json_object_get(receiver, "action")), "drop") == 0)
			return;
	}
	leg = json_copy(json_array_get(json_object_get(side, "legs"), 0));
	json_object_del(leg, "id");
	json_array_append_new(legs, leg);
}

json_t *
relay_receiver_expand(const json_t *side, const json_t *receiver, struct fault *fault)
{
	const char *name = json_string_value(json_object_get(receiver, "name"));
	json_t *match = json_object(), *flow;
	char id[2 * FLOW_ID_MAX];
	int length;

	length = snprintf(
		id, sizeof(id), "%s.%s", json_string_value(json_object_get(side, "id")), name);
	flow = json_pack("{s:s, s:O, s:o}", "id", id, "relay", json_object_get(side, "relay"),
		"match", match);
	if (!flow)
		return fault_null(fault, FAULT_NO_ROOM, "", "no memory for a receiver");
	members_copy(receiver, PLACE_MATCH, match, false);
	members_copy(receiver, PLACE_FLOW, flow, false);
	json_object_set(flow, idle_timeout, json_object_get(receiver, idle_timeout));
	receiver_way(flow, side, receiver);
	if (!json_object_get(receiver, "remote") && !json_object_get(receiver, "latch")) {
		inherit(flow, side, "latch");
		inherit(flow, side, "latch_interval_ms");
		inherit(flow, side, "latch_by");
	}
	if (receiver_id_check(id, (size_t)length, name, fault) == 0 &&
		receiver_match(side, receiver, match, fault) == 0)
		return flow;
	json_decref(flow);
	return NULL;
}

json_t *
relay_receiver_collapse(const json_t *flow)
{
	const char *relay = json_string_value(json_object_get(flow, "relay"));
	const char *id = json_string_value(json_object_get(flow, "id"));
	const json_t *match = json_object_get(flow, "match");
	json_t *receiver = json_object();
	size_t i;

	json_object_set_new(receiver, "name", json_string(relay_receiver_name(id, strlen(relay))));
	for (i = 0; i < N_MEMBERS; i++) {
		const struct member *member = &members[i];
		const json_t *object = member->places & PLACE_MATCH ? match : flow;
		const char *name = member->places & PLACE_MATCH ? member->match : NULL;

		if (member->places & (PLACE_MATCH | PLACE_FLOW))
			json_object_set(receiver, member->name,
				json_object_get(object, name ? name : member->name));
	}
	json_object_set(receiver, "remote", json_object_get(match, "src"));
	json_object_set(receiver, "remote_port", json_object_get(match, "src_port"));
	json_object_set(receiver, "action", json_object_get(flow, "action"));
	json_object_set(receiver, idle_timeout, json_object_get(flow, idle_timeout));
	return receiver;
}

static json_t *
side_collapse(const json_t *flow, const json_t *leg)
{
	const json_t *match = json_object_get(flow, "match");
	json_t *side = json_object();
	size_t i;

	for (i = 0; i < N_MEMBERS; i++) {
		const struct member *member = &members[i];
		const json_t *object = member->places & PLACE_MATCH ? match
				       : member->places & PLACE_LEG ? leg
								    : flow;
		const char *name = member->places & PLACE_MATCH ? member->match : member->leg;

		json_object_set(
			side, member->name, json_object_get(object, name ? name : member->name));
	}
	return side;
}

json_t *
relay_collapse(const json_t *const flows[RELAY_FLOWS])
{
	const json_t *legs[RELAY_FLOWS_LEAST];
	unsigned i;

	for (i = 0; i < RELAY_FLOWS_LEAST; i++)
		legs[i] = json_array_get(json_object_get(flows[i], "legs"), 0);
	return json_pack("{s:O, s:s*, s:O*, s:o, s:o}", "id",
		json_object_get(flows[RELAY_A], "relay"), "rtcp",
		flows[RELAY_A_RTCP] ? "next" : NULL, idle_timeout,
		json_object_get(flows[RELAY_A], idle_timeout), "a",
		side_collapse(flows[RELAY_A], legs[RELAY_B]), "b",
		side_collapse(flows[RELAY_B], legs[RELAY_A]));
}

/* The member of a side that has that name in the place, of so many bytes. */
static const struct member *
member_find(enum place place, const char *name, size_t bytes)
{
	size_t i;

	for (i = 0; i < N_MEMBERS; i++) {
		const char *there = place == PLACE_LEG ? members[i].leg : members[i].match;

		if (!there)
			there = members[i].name;
		if ((members[i].places & place) && strlen(there) == bytes &&
			strncmp(there, name, bytes) == 0)
			return &members[i];
	}
	return NULL;
}

void
relay_fault_place(enum relay_flow flow, struct fault *fault)
{
	static const struct {
		const char *prefix;
		enum place place;
		const char *otherwise; /* of what is no member of the side */
	} places[] = {
		{"/match/rtcp_of", PLACE_MATCH, "/pool"},
		{"/match", PLACE_MATCH, "/local"},
		{"/legs/0", PLACE_LEG, ""},
		{"/legs", PLACE_LEG, ""},
		{"", PLACE_FLOW, NULL},
	};
	char pointer[FAULT_POINTER_MAX];
	const struct member *member;
	const char *rest;
	size_t i = 0, bytes;

	if (flow >= RELAY_FLOWS)
		return;
	while (strncmp(fault->pointer, places[i].prefix, strlen(places[i].prefix)) != 0)
		i++;
	rest = fault->pointer + strlen(places[i].prefix);
	rest += *rest == '/';
	bytes = strcspn(rest, "/");
	member = member_find(places[i].place, rest, bytes);
	if (!member && !places[i].otherwise)
		return; /* the id, or all of it */
	snprintf(pointer, sizeof(pointer), "/%c%s%s%s",
		flow_names[places[i].place == PLACE_LEG ? RELAY_OTHER(flow) : flow][0],
		member ? "/" : places[i].otherwise, member ? member->name : "",
		member ? rest + bytes : "");
	memcpy(fault->pointer, pointer, sizeof(pointer));
}

void
relay_receiver_fault_place(struct fault *fault)
{
	static const struct {
		const char *flow, *receiver;
	} places[] = {
		{"/match/src_port", "/remote_port"},
		{"/match/src", "/remote"},
		{"/match", ""},
		{"/legs", ""},
		{"/id", "/name"},
	};
	const char *pointer = fault->pointer, *rest;
	char text[FAULT_POINTER_MAX];
	const struct member *member;
	size_t i, bytes;

	if (strncmp(pointer, "/match/", 7) == 0) {
		bytes = strcspn(pointer + 7, "/");
		member = member_find(PLACE_MATCH, pointer + 7, bytes);
		if (member) {
			snprintf(text, sizeof(text), "/%s%s", member->name, pointer + 7 + bytes);
			memcpy(fault->pointer, text, sizeof(text));
			return;
		}
	}
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		rest = pointer + strlen(places[i].flow);
		if (strncmp(pointer, places[i].flow, strlen(places[i].flow)) != 0 ||
			(*rest != '\0' && *rest != '/'))
			continue;
		snprintf(text, sizeof(text), "%s", places[i].receiver);
		memcpy(fault->pointer, text, sizeof(text));
		return;
	}
}
