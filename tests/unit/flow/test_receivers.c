/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Legs to the receivers of a side, made of their flows; and what becomes of those that are there
 * when others join and leave: their next hops and sources stay theirs, whatever becomes of that.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "asked.h"
#include "flow/flow_codec.h"
#include "flow/receivers.h"
#include "flow/relay_change.h"
#include "flow_json.h"

static struct flow_spec *
spec_of(const char *text)
{
	json_t *json = json_of_text(text);
	struct fault fault;
	struct flow_spec *spec = flow_spec_decode(json, &fault);

	cr_assert_not_null(spec, "%s: %s", fault.pointer, fault.message);
	json_decref(json);
	return spec;
}

#define SIDE \
	"{'id':'r:a','relay':'r','match':{'port':'p0','dst':'192.0.2.1','dst_port':6000}," \
	"'latch':'first','legs':[{'id':'leg-1','port':'p1','src':'198.51.100.1','src_port':6000," \
	"'learned':'r:b','dscp':46}]}"
#define RECEIVER(name, match, latch) \
	"{'id':'r:b." name \
	"','relay':'r','match':{'port':'p1','vlan':7,'dst':'198.51.100.1'," match "}," latch \
	"'action':'drop'}"

/* The version after that change, in place of `spec`, which is freed. */
static struct flow_spec *
changed(struct flow_spec *spec, const struct receiver_link *links, size_t n)
{
	struct fault fault;
	struct flow_spec *version = receivers_change(spec, links, n, &fault);

	cr_assert_not_null(version, "%s", fault.message);
	free(spec);
	return version;
}

Test(receivers, each_has_a_leg)
{
	struct flow_spec *x = spec_of(RECEIVER("x", "'dst_port':7001", "'latch':'first',"));
	struct flow_spec *y =
		spec_of(RECEIVER("y", "'dst_port':6000,'src':'198.51.100.9','src_port':5004", ""));
	const struct receiver_link both[] = {{x->id, x}, {y->id, y}},
				   first_goes[] = {{x->id, NULL}};
	const struct flow_leg *legs;
	struct flow_spec *side = changed(spec_of(SIDE), both, 2), *update;
	char id[FLOW_ID_MAX], *text;

	legs = side->legs;
	cr_assert_eq(side->n_legs, 3);
	cr_expect_eq(side->n_receivers, 2);
	cr_expect_str_eq(legs[1].id, "b.x");
	cr_expect_str_eq(legs[1].learned, "r:b.x");
	cr_expect_eq(legs[1].from, DP_LEG_NEW);
	cr_expect_eq(legs[1].dp.vlan, 7);
	cr_expect_eq(legs[1].dp.src_port, htons(7001));
	cr_expect_eq(legs[1].dp.dscp, 46);
	cr_expect_not(leg_is_signalled(&legs[1]));
	cr_expect_str_eq(legs[2].learned, "");
	cr_expect_eq(legs[2].dp.dst_port, htons(5004));
	receivers_flow_id(side, &legs[2], id);
	cr_expect_str_eq(id, "r:b.y");
	text = flow_text_encode(side, NULL);
	cr_expect_null(strstr(text, "b.x"), "it is stored: %s", text);
	free(text);

	side = changed(side, first_goes, 1);
	cr_assert_eq(side->n_legs, 2);
	cr_expect_str_eq(side->legs[1].id, "b.y");
	cr_expect_eq(side->legs[1].from, 2, "it carries on another leg");

	update = spec_of(SIDE);
	update->legs[0].dp.dscp = 0;
	x = changed(x, NULL, 0); /* without receivers it stays as it is */
	cr_expect_eq(x->n_legs, 0);
	free(x);
	x = receivers_keep(update, side);
	cr_assert_eq(x->n_legs, 2);
	cr_expect_eq(x->legs[1].dp.dscp, 0);
	receivers_strip(x);
	cr_expect_eq(x->n_all_legs, 1);
	free(x);
	free(y);
	free(update);
	free(side);
}

Test(receivers, as_many_as_a_flow_has_legs)
{
	static char ids[DP_FLOW_LEGS_MAX][FLOW_ID_MAX];
	static struct receiver_link links[DP_FLOW_LEGS_MAX];
	struct flow_spec *x = spec_of(RECEIVER("x", "'dst_port':7001", "'latch':'first',"));
	struct flow_spec *side = spec_of(SIDE);
	struct fault fault;

	for (unsigned i = 0; i < DP_FLOW_LEGS_MAX; i++) {
		snprintf(ids[i], sizeof(ids[i]), "r:b.%04u", i);
		links[i] = (struct receiver_link){ids[i], x};
	}
	cr_expect_null(receivers_change(side, links, DP_FLOW_LEGS_MAX, &fault));
	cr_expect_eq(fault.code, FAULT_NO_ROOM);
	cr_expect_not_null(strstr(fault.message, "at most 4095 for one side"), "%s", fault.message);
	side = changed(side, links, DP_FLOW_LEGS_MAX - 1);
	cr_expect_eq(side->n_receivers, DP_FLOW_LEGS_MAX - 1);
	cr_expect_null(receivers_change(side, links + DP_FLOW_LEGS_MAX - 1, 1, &fault));
	free(side);
	free(x);
}

TestSuite(members, .init = asked_setup, .fini = asked_teardown);

static const struct flow *
flow_of(const char *id)
{
	return flow_db_find(&room.flows.db, id);
}

static const struct fake_flow *
runs(const char *id)
{
	return &room.dp->flows[flow_of(id)->handle];
}

/* So many flows, and neighbours behind their legs. */
static void
there_are(unsigned n_flows, int n_neighbours)
{
	cr_expect_eq(flow_db_count(&room.flows.db), n_flows);
	cr_expect_eq(fake_dp_live(room.dp), n_flows);
	cr_expect_eq(fake_net()->n_kept, n_neighbours, "%d neighbours, expected %d",
		fake_net()->n_kept, n_neighbours);
	cr_expect_null(room.dp->txn);
}

static struct change *
asking(struct asked *asked, const char *text,
	int (*add)(struct change *change, const json_t *params, const char *member, uint32_t place,
		struct fault *fault))
{
	struct change *change = change_made(asked);
	json_t *params = json_of_text(text);
	struct fault fault;

	cr_assert_eq(add(change, params, NULL, UINT32_MAX, &fault), 0, "%s", fault.message);
	json_decref(params);
	return change;
}

static int
relay_put(struct change *change, const json_t *params, const char *member, uint32_t place,
	struct fault *fault)
{
	const enum op_kind op = json_object_get(params, "dscp") ? OP_REPLACE : OP_INSTALL;

	return relay_change_put(change, op, params, member, place, fault);
}

static int
relay_remove(struct change *change, const json_t *params, const char *member, uint32_t place,
	struct fault *fault)
{
	return relay_change_remove(change, json_string_value(json_object_get(params, "id")), false,
		member, place, fault);
}

static void
done(struct change *change, const struct asked *asked)
{
	submit_and_write(change);
	cr_assert_eq(asked->rc, 0, "%s: %s", asked->fault.pointer, asked->fault.message);
}

static void
joins(const char *receivers)
{
	struct asked asked;
	char text[512];

	snprintf(text, sizeof(text), "{'id':'r','side':'b','receivers':[%s]}", receivers);
	done(asking(&asked, text, relay_change_join), &asked);
}

static void
leave(const char *names)
{
	struct asked asked;
	char text[512];

	snprintf(text, sizeof(text), "{'id':'r','side':'b','names':[%s]}", names);
	done(asking(&asked, text, relay_change_leave), &asked);
}

#define RELAY(a, b) \
	"{'id':'r','a':{'port':'p0','local':'192.0.2.1','local_port':6000" a "}," \
	"'b':{'port':'p1','local':'198.51.100.1','local_port':6000" b "}"
#define KNOWN(name, last) "{'name':'" name "','remote':'198.51.100." last "','remote_port':5004}"

static void
relay_comes(void)
{
	struct asked asked;

	done(asking(&asked, RELAY("", "") "}", relay_put), &asked);
	joins(KNOWN("near", "20") ",{'name':'nomad','local_port':7001}");
}

/* A worker learns 203.0.113.<last> as the source of a receiver, and control is told. */
static void
learns(const char *id, uint8_t last, uint64_t state)
{
	room.dp->flows[flow_of(id)->handle].latched = (struct dp_latched){
		.src = {203, 0, 113, last},
		.src_port = htons(7000),
		.valid = 1,
		.state = state,
		.mac = {2, 0, 0, 0, 7, last},
		.port = 1,
	};
	flows_source_moved(&room.flows, flow_of(id));
	rounds();
	flows_refresh(&room.flows);
}

static void
expect_known(unsigned leg, uint8_t last, uint64_t state)
{
	const struct dp_learned *known = &runs("r:a")->legs[leg].known;

	cr_expect_eq(known->state, state);
	cr_expect_eq(known->dst[3], last);
	cr_expect_eq(room.dp->next_hops[known->next_hop].dst_mac[5], last);
}

Test(members, others_join_and_leave)
{
	struct asked asked;

	relay_comes();
	there_are(4, 1);
	learns("r:b.nomad", 30, 5);
	expect_known(2, 30, 5);
	there_are(4, 2);

	joins(KNOWN("other", "21"));
	cr_assert_eq(flow_of("r:a")->spec->n_legs, 4);
	expect_known(2, 30, 5);
	there_are(5, 3);
	leave("'near'");
	cr_assert_eq(flow_of("r:a")->spec->n_legs, 3);
	expect_known(1, 30, 5);
	cr_expect_eq(runs("r:a")->numbers[1], 2, "its counters went on");
	there_are(4, 2);
	learns("r:b.nomad", 31, 6);
	expect_known(1, 31, 6);
	there_are(4, 2);
	leave("'nomad','other'");
	there_are(2, 0);

	joins(KNOWN("near", "20"));
	done(asking(&asked, "{'id':'r'}", relay_remove), &asked);
	there_are(0, 0);
}

/* However many come in one request, the flow that sends to them gets one version. */
Test(members, many_join_at_once)
{
	struct asked asked;
	unsigned n_commits, n = 0, i;
	char text[8192];

	relay_comes();
	room.dp->capacity = 128;
	n_commits = room.dp->n_commits;
	for (i = 0; i < 100; i++)
		n += (unsigned)snprintf(text + n, sizeof(text) - n,
			"%s{'name':'v%u','local_port':%u}",
			i ? "," : "{'id':'r','side':'b','receivers':[", i, 7100 + i);
	snprintf(text + n, sizeof(text) - n, "]}");
	done(asking(&asked, text, relay_change_join), &asked);
	cr_expect_eq(room.dp->n_commits, n_commits + 1);
	cr_expect_eq(asked.added, 100);
	cr_expect_eq(asked.changed, 0);
	cr_expect_eq(asked.generation, 3);
	cr_expect_eq(runs("r:a")->flow.n_legs, 103);
	cr_expect_eq(runs("r:a")->last_number, 103, "no leg came twice");
	there_are(104, 1);
}

/* What has a next hop keeps it when the version is not to be after all. */
Test(members, a_join_that_is_not_written)
{
	const struct fault full = {.code = FAULT_STORE, .message = "no space"};
	struct asked asked;
	unsigned i;

	relay_comes();
	learns("r:b.nomad", 30, 5);
	for (i = 0; i < 2; i++) {
		commits_submit(commits,
			asking(&asked,
				"{'id':'r','side':'b','receivers':[" KNOWN("other", "21") "]}",
				relay_change_join));
		rounds();
		fake_store_answer(&full);
		rounds();
		cr_assert_eq(asked.rc, -1);
		there_are(4, 2);
		expect_known(2, 30, 5);
	}
	room.dp->fail_add = -12; /* no memory for the version, before its hops are all there */
	submit_and_write(asking(&asked,
		"{'id':'r','side':'b','receivers':[" KNOWN("other", "21") "]}", relay_change_join));
	cr_expect_eq(asked.rc, -1);
	room.dp->fail_add = 0;
	there_are(4, 2);
	leave("'near'");
	expect_known(1, 30, 5);
	there_are(3, 1);
}

/* A source that moves while others join is followed by the version that they are in. */
Test(members, a_source_moves_meanwhile)
{
	struct asked asked;

	relay_comes();
	learns("r:b.nomad", 30, 5);
	commits_submit(commits,
		asking(&asked, "{'id':'r','side':'b','receivers':[" KNOWN("other", "21") "]}",
			relay_change_join));
	rounds();
	learns("r:b.nomad", 31, 6);
	expect_known(2, 30, 5);
	fake_store_answer(NULL);
	rounds();
	cr_assert_eq(asked.rc, 0);
	flows_refresh(&room.flows);
	cr_assert_eq(flow_of("r:a")->spec->n_legs, 4);
	expect_known(2, 31, 6);
	there_are(5, 3);
}

/* Two receivers at one place would each get what is sent there. */
Test(members, one_place_once)
{
	struct asked asked;

	relay_comes();
	submit_and_write(asking(&asked,
		"{'id':'r','side':'b','receivers':[{'name':'new','remote':'198.51.100.21',"
		"'remote_port':5004},{'name':'same','remote':'198.51.100.20','remote_port':5004,"
		"'local_port':7005}]}",
		relay_change_join));
	cr_expect_eq(asked.rc, -1);
	cr_expect_str_eq(asked.fault.pointer, "/receivers/1", "%s", asked.fault.message);
	cr_expect_not_null(strstr(asked.fault.message, "leg b.near"), "%s", asked.fault.message);
	there_are(4, 1);
}

/* Two join one side in one group, and the legs of both are in the version that the second makes. */
Test(members, who_cannot_join_refuses_no_other)
{
	static const struct {
		const char *receiver;
		const char *pointer;
		enum fault_code code;
	} refused[] = {
		{"{'name':'narrow','port':'p2','local_port':7002}", "/receivers/0",
			FAULT_INVALID_VALUE},
		{KNOWN("same", "20"), "/receivers/0/remote", FAULT_CONFLICT},
	};
	struct asked first, second;
	char text[256];

	relay_comes();
	room.ports.info[2].mtu = room.ports.info[0].mtu - 100;
	for (unsigned i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		snprintf(text, sizeof(text), "{'id':'r','side':'b','receivers':[%s]}",
			refused[i].receiver);
		commits_submit(commits, asking(&first, text, relay_change_join));
		commits_submit(commits,
			asking(&second,
				"{'id':'r','side':'b','receivers':[" KNOWN("other", "21") "]}",
				relay_change_join));
		rounds();
		fake_store_answer(NULL);
		rounds();
		cr_expect_eq(first.rc, -1);
		cr_expect_eq(first.n_called, 1);
		cr_expect_eq(first.fault.code, refused[i].code);
		cr_expect_str_eq(
			first.fault.pointer, refused[i].pointer, "%s", first.fault.message);
		cr_expect_eq(second.rc, 0, "%s: %s", second.fault.pointer, second.fault.message);
		cr_expect_eq(second.n_called, 1);
		there_are(5, 2);
		leave("'other'");
	}
}

/* What changes for all that is sent to the side changes for each of its receivers. */
Test(members, an_update_reaches_all)
{
	struct asked asked;

	relay_comes();
	learns("r:b.nomad", 30, 5);
	done(asking(&asked, RELAY("", ",'dscp':46") ",'dscp':1}", relay_put), &asked);
	for (unsigned leg = 0; leg < 3; leg++)
		cr_expect_eq(runs("r:a")->legs[leg].dscp, 46);
	expect_known(2, 30, 5);
	done(asking(&asked, RELAY(",'dscp':10", ",'dscp':46") ",'dscp':1}", relay_put), &asked);
	cr_expect_eq(runs("r:b.nomad")->legs[0].dscp, 10, "it follows its side");
	cr_expect_eq(runs("r:b.near")->legs[0].dscp, 10);
	there_are(4, 2);
}
