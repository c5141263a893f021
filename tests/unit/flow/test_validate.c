/* SPDX-License-Identifier: BSD-3-Clause */
/* Rules across flows: what is shadowed, what leads back, what does not fit. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "flow/validate.h"
#include "flow_json.h"

#define FLOWS_MAX 64

static struct validate *validate;
static struct ports ports;
static struct flow_spec *specs[FLOWS_MAX];
static unsigned n_specs;

static const struct flow_spec *
spec_find(const void *arg, const char *id)
{
	(void)arg;
	for (unsigned i = 0; i < n_specs; i++) {
		if (strcmp(specs[i]->id, id) == 0)
			return specs[i];
	}
	return NULL;
}

/* p0 and p1 take 1500 bytes, p2 1400, p3 1200. */
static void
setup(void)
{
	static const uint16_t mtus[] = {1500, 1500, 1400, 1200};

	validate = validate_create(1000, spec_find, NULL);
	n_specs = 0;
	ports.n = 4;
	for (unsigned i = 0; i < ports.n; i++) {
		snprintf(ports.info[i].name, sizeof(ports.info[i].name), "p%u", i);
		ports.info[i].mtu = mtus[i];
	}
}

static void
teardown(void)
{
	for (unsigned i = 0; i < n_specs; i++) {
		validate_remove(validate, specs[i]);
		free(specs[i]);
	}
	validate_destroy(validate);
}

TestSuite(validate, .init = setup, .fini = teardown);

static const struct flow_spec *
put(const char *text)
{
	struct fault fault = {0};
	struct flow_spec *spec = flow_spec_of_text(text, &fault);

	cr_assert_not_null(spec, "%s in %s", fault.message, text);
	cr_assert_eq(validate_insert(validate, spec, n_specs + 1), 0);
	specs[n_specs++] = spec;
	return spec;
}

static void
taken(const char *text)
{
	const struct flow_spec *spec = put(text);
	struct fault fault = {0};

	cr_expect_eq(validate_check(validate, spec, &ports, &fault), 0, "%s at %s: %s", text,
		fault.pointer, fault.message);
}

/* The flow is refused, and not put. */
static void
refused(const char *text, enum fault_code code, const char *pointer, const char *says)
{
	const struct flow_spec *spec = put(text);
	struct fault fault = {0};

	cr_expect_eq(validate_check(validate, spec, &ports, &fault), -1, "%s", text);
	cr_expect_eq(fault.code, code, "%s: %s", text, fault.message);
	cr_expect_str_eq(fault.pointer, pointer, "%s: %s", text, fault.message);
	cr_expect_not_null(strstr(fault.message, says), "%s: %s", text, fault.message);
	validate_remove(validate, spec);
	free(specs[--n_specs]);
}

#define OUT \
	"'legs':[{'port':'p1','src':'198.51.100.1','src_port':1,'dst':'198.51.100.9','dst_port':2}]"
#define RULE(id, members) "{'id':'" id "','rule':{" members "}," OUT "}"

Test(validate, rule_behind_a_wider_one)
{
	taken(RULE("wide", "'priority':10,'port':'p0','dst':'192.0.2.0/24','dst_ports':[1,100]"));
	refused(RULE("same", "'priority':9,'port':'p0','dst':'192.0.2.0/24','dst_ports':[1,100]"),
		FAULT_CONFLICT, "/rule", "flow wide of priority 10 shadows");
	refused(RULE("narrow", "'priority':9,'port':'p0','vlan':5,'src':'198.51.100.0/25',"
			       "'dst':'192.0.2.128/25','src_ports':[7,7],'dst_ports':[1,99]"),
		FAULT_CONFLICT, "/rule", "wide");
	taken(RULE("first", "'priority':11,'port':'p0','dst':'192.0.2.128/25','dst_ports':[1,9]"));
	taken(RULE("port", "'priority':9,'port':'p1','dst':'192.0.2.0/24','dst_ports':[1,100]"));
	taken(RULE("any port", "'priority':9,'dst':'192.0.2.0/24','dst_ports':[1,100]"));
	taken(RULE("range", "'priority':9,'port':'p0','dst':'192.0.2.0/24','dst_ports':[1,101]"));
	taken(RULE("prefix", "'priority':9,'port':'p0','dst':'192.0.2.0/23','dst_ports':[1,100]"));
	taken(RULE("other", "'priority':9,'port':'p0','dst':'192.0.4.0/24','dst_ports':[1,100]"));
	taken(RULE("family", "'priority':9,'port':'p0','dst':'2001:db8::/32','dst_ports':[1,100]"));
}

Test(validate, rules_of_one_priority_go_by_age)
{
	taken(RULE("narrow", "'priority':5,'dst':'192.0.2.0/25'"));
	taken(RULE("wide", "'priority':5,'dst':'192.0.2.0/24'"));
	refused(RULE("late", "'priority':5,'dst':'192.0.2.128/25'"), FAULT_CONFLICT, "/rule",
		"flow wide of priority 5 shadows");
	refused(RULE("top", "'priority':6,'dst':'192.0.2.0/25'"), FAULT_CONFLICT, "/rule",
		"shadows the rule of flow narrow of priority 5");
}

Test(validate, a_replaced_rule_keeps_its_age)
{
	const struct flow_spec *old = put(RULE("a", "'priority':5,'dst':'192.0.2.0/25'"));
	struct fault fault = {0};

	taken(RULE("b", "'priority':5,'dst':'192.0.2.0/24'"));
	validate_remove(validate, old);
	cr_assert_eq(validate_insert(validate, old, 1), 0);
	cr_expect_eq(validate_check(validate, old, &ports, &fault), 0, "%s", fault.message);
	validate_remove(validate, old);
	cr_assert_eq(validate_insert(validate, old, 9), 0);
	cr_expect_eq(validate_check(validate, old, &ports, &fault), -1);
}

Test(validate, rule_behind_a_match)
{
	taken("{'id':'lis','match':{'port':'p0','dst':'192.0.2.1','dst_port':5}," OUT "}");
	taken("{'id':'ex','match':{'port':'p0','dst':'192.0.2.2','dst_port':5,'src':'192.0.2.9',"
	      "'src_port':7}," OUT "}");
	refused(RULE("r", "'priority':1,'port':'p0','vlan':0,'outer_vlan':0,'dst':'192.0.2.1/32',"
			  "'dst_ports':[5,5],'src':'192.0.2.0/24'"),
		FAULT_CONFLICT, "/rule", "flow lis");
	refused(RULE("r", "'priority':1,'port':'p0','vlan':0,'outer_vlan':0,'dst':'192.0.2.2/32',"
			  "'dst_ports':[5,5],'src':'192.0.2.9/32','src_ports':[7,7]"),
		FAULT_CONFLICT, "/rule", "flow ex");
	taken(RULE("s", "'priority':2,'port':'p0','vlan':0,'outer_vlan':0,'dst':'192.0.2.2/32',"
			"'dst_ports':[5,5],'src':'192.0.2.9/32','src_ports':[7,8]"));
	taken(RULE(
		"v", "'priority':1,'port':'p0','vlan':0,'dst':'192.0.2.1/32','dst_ports':[5,5]"));
}

Test(validate, match_before_a_rule)
{
	taken(RULE("r", "'priority':1,'port':'p0','vlan':0,'outer_vlan':0,'dst':'192.0.2.1/32',"
			"'dst_ports':[5,5]"));
	refused("{'match':{'port':'p0','dst':'192.0.2.1','dst_port':5}," OUT "}", FAULT_CONFLICT,
		"/match", "flow r");
	taken("{'match':{'port':'p0','dst':'192.0.2.1','dst_port':5,'src':'192.0.2.9',"
	      "'src_port':7}," OUT "}");
	taken("{'match':{'port':'p0','dst':'192.0.2.1','dst_port':6}," OUT "}");
	taken("{'match':{'port':'p1','dst':'192.0.2.1','dst_port':5}," OUT "}");
}

/* A listener at 192.0.2.<at>:5 with one leg from 192.0.2.<at>:5 to 192.0.2.<to>:5. */
static const char *
hop(const char *id, unsigned at, unsigned to)
{
	static char text[512];

	snprintf(text, sizeof(text),
		"{'id':'%s','match':{'port':'p0','dst':'192.0.2.%u','dst_port':5},'legs':[{'port':"
		"'p1','src':'192.0.2.%u','src_port':5,'dst':'192.0.2.%u','dst_port':5}]}",
		id, at, at, to);
	return text;
}

Test(validate, loops)
{
	refused(hop("self", 1, 1), FAULT_CONFLICT, "/legs/0/dst", "self -> self;");
	taken(hop("a", 1, 2));
	taken(hop("b", 2, 3));
	refused(hop("c", 3, 1), FAULT_CONFLICT, "/legs/0/dst", "c -> a -> b -> c;");
	refused(hop("c", 3, 2), FAULT_CONFLICT, "/legs/0/dst", "c -> b -> c;");
	taken(hop("c", 3, 4));
	taken(hop("d", 5, 1));
}

Test(validate, loop_through_a_stream_or_a_rule)
{
	taken(hop("a", 1, 2));
	refused("{'id':'s','match':{'port':'p1','dst':'192.0.2.2','dst_port':5},'streams':["
		"{'ssrc':1,'legs':[],"
		"'action':'drop'},{'ssrc':2,'legs':[{'port':'p1','src':"
		"'192.0.2.2','src_port':5,'dst':'192.0.2.1','dst_port':5}]}]," OUT "}",
		FAULT_CONFLICT, "/streams/1/legs/0/dst", "s -> a -> s");
	refused("{'id':'r','rule':{'priority':1,'dst':'192.0.2.2/32','dst_ports':[4,5]},'legs':["
		"{'port':'p1','src':'192.0.2.2','src_port':5,'dst':'192.0.2.1','dst_port':5}]}",
		FAULT_CONFLICT, "/legs/0/dst", "r -> a -> r");
	taken("{'id':'r','rule':{'priority':1,'dst':'192.0.2.2/32','dst_ports':[6,7]},'legs':["
	      "{'port':'p1','src':'192.0.2.2','src_port':5,'dst':'192.0.2.1','dst_port':5}]}");
}

#define EXACT(id, src, at, to) \
	"{'id':'" id "','match':{'port':'p0','dst':'" at "','dst_port':5,'src':'" src \
	"','src_port':5},'legs':[{'port':'p1','src':'" at "','src_port':5,'dst':'" to \
	"','dst_port':5}]}"

Test(validate, exact_flows_need_the_source_too)
{
	taken(EXACT("out", "198.51.100.1", "192.0.2.1", "192.0.2.2"));
	taken(EXACT("other", "198.51.100.2", "192.0.2.2", "192.0.2.1"));
	taken(EXACT("back", "192.0.2.1", "192.0.2.2", "192.0.2.1"));
	refused(EXACT("loop", "192.0.2.2", "192.0.2.1", "192.0.2.2"), FAULT_CONFLICT, "/legs/0/dst",
		"loop -> back -> loop");
}

Test(validate, sources_that_are_not_allowed_do_not_loop)
{
	taken(hop("a", 1, 2));
	taken("{'id':'b','match':{'port':'p0','dst':'192.0.2.2','dst_port':5},'allow':"
	      "['198.51.100.0/24','192.0.2.128/25'],'legs':[{'port':'p1','src':'192.0.2.2',"
	      "'src_port':5,'dst':'192.0.2.1','dst_port':5}]}");
}

/* The same endpoint in two networks: a copy stays in the one that it leaves by. */
Test(validate, loops_keep_to_their_vlan_if_it_has_the_endpoint)
{
	taken("{'id':'v7','match':{'port':'p0','vlan':7,'dst':'192.0.2.2','dst_port':5}," OUT "}");
	taken("{'id':'v8','match':{'port':'p0','vlan':8,'dst':'192.0.2.2','dst_port':5},'legs':["
	      "{'port':'p1','vlan':8,'src':'192.0.2.2','src_port':5,'dst':'192.0.2.1',"
	      "'dst_port':5}]}");
	taken("{'id':'a7','match':{'port':'p0','vlan':7,'dst':'192.0.2.1','dst_port':5},'legs':["
	      "{'port':'p1','vlan':7,'src':'192.0.2.1','src_port':5,'dst':'192.0.2.2',"
	      "'dst_port':5}]}");
	refused("{'id':'a9','match':{'port':'p0','vlan':9,'dst':'192.0.2.1','dst_port':5},'legs':["
		"{'port':'p1','vlan':9,'src':'192.0.2.1','src_port':5,'dst':'192.0.2.2',"
		"'dst_port':5}]}",
		FAULT_CONFLICT, "/legs/0/dst", "a9 -> v8 -> a9");
}

Test(validate, groups_come_back_on_their_own_port_only)
{
	taken("{'id':'m','match':{'port':'p0','dst':'239.1.1.1','dst_port':5},'legs':[{'port':'p1',"
	      "'src':'192.0.2.1','src_port':5,'dst':'239.1.1.1','dst_port':5}]}");
	refused("{'id':'n','match':{'port':'p1','dst':'239.1.1.1','dst_port':6},'legs':[{'port':"
		"'p1','src':'192.0.2.1','src_port':5,'dst':'239.1.1.1','dst_port':6}]}",
		FAULT_CONFLICT, "/legs/0/dst", "n -> n");
}

Test(validate, a_long_way_round_is_cut)
{
	char id[FLOW_ID_MAX];

	for (unsigned i = 1; i < 40; i++) {
		snprintf(id, sizeof(id), "a-name-of-some-length-that-fills-the-message-%u", i);
		taken(hop(id, i, i + 1));
	}
	refused(hop("last", 40, 1), FAULT_CONFLICT, "/legs/0/dst", "more) -> last;");
}

#define PATH(from, to, more) \
	"{'id':'m','match':{'port':'" from \
	"','dst':'192.0.2.1','dst_port':5},'legs':[{'port':'" to \
	"','src':'198.51.100.1','src_port':5,'dst':'198.51.100.9','dst_port':5}]" more "}"
#define PATH6(from, to, more) \
	"{'id':'m','match':{'port':'" from \
	"','dst':'192.0.2.1','dst_port':5},'legs':[{'port':'" to \
	"','src':'2001:db8::1','src_port':5,'dst':'2001:db8::2','dst_port':5}]" more "}"

static void
mtu_taken(const char *text)
{
	taken(text);
	validate_remove(validate, specs[--n_specs]);
	free(specs[n_specs]);
}

Test(validate, mtu)
{
	mtu_taken(PATH("p2", "p0", ""));
	refused(PATH("p0", "p2", ""), FAULT_INVALID_VALUE, "/legs/0/port",
		"found p2, whose MTU is 1400, expected at least 1500 (the MTU of ingress port p0");
	mtu_taken(PATH("p0", "p2", ",'max_datagram_bytes':1400"));
	refused(PATH("p0", "p2", ",'max_datagram_bytes':1401"), FAULT_INVALID_VALUE, "/legs/0/port",
		"at least 1401");
	mtu_taken(PATH6("p0", "p1", ""));
	mtu_taken(PATH6("p0", "p2", ",'max_datagram_bytes':1380"));
	refused(PATH6("p0", "p2", ",'max_datagram_bytes':1381"), FAULT_INVALID_VALUE,
		"/legs/0/port", "at least 1401 (max_datagram_bytes and 20 for IPv6)");
	refused(PATH6("p0", "p3", ",'max_datagram_bytes':64"), FAULT_INVALID_VALUE, "/legs/0/port",
		"at least 1280");
	mtu_taken(PATH("p0", "p3", ",'max_datagram_bytes':1200"));
	refused(RULE("any", "'priority':1,'dst':'192.0.2.0/24'},'streams':[{'ssrc':1,'legs':[{"
			    "'port':'p2','src':'198.51.100.1','src_port':5,'dst':'198.51.100.9',"
			    "'dst_port':5}]}],'police':{'rate_bps':64000"),
		FAULT_INVALID_VALUE, "/streams/0/legs/0/port", "at least 1500");
}

static double
clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* What a flow costs beside many others; the limit is wide, the figure is in the log. */
Test(validate, cost_of_a_plain_flow)
{
	enum { N = 200000 };
	struct flow_spec **many = calloc(N, sizeof(struct flow_spec *));
	struct fault fault;
	double put_ns, check_ns;
	unsigned i;

	for (i = 0; i < N; i++) {
		many[i] = flow_spec_made("f", 1 + i % 60000, 9);
		many[i]->match.key.dst[3] = (uint8_t)(1 + i / 60000);
		snprintf(many[i]->id, sizeof(many[i]->id), "f-%u", i);
	}
	put_ns = clock_ns();
	for (i = 0; i < N; i++)
		cr_assert_eq(validate_insert(validate, many[i], i), 0);
	check_ns = clock_ns();
	for (i = 0; i < N; i++)
		cr_assert_eq(validate_check(validate, many[i], &ports, &fault), 0);
	fprintf(stderr, "%d flows: put %.0f ns, check %.0f ns a flow\n", N, (check_ns - put_ns) / N,
		(clock_ns() - check_ns) / N);
	cr_expect_lt(clock_ns() - check_ns, 5000.0 * N);
	for (i = 0; i < N; i++) {
		validate_remove(validate, many[i]);
		free(many[i]);
	}
	free(many);
}

/* A listener that latches, at 192.0.2.<at>:5, whose leg is `leg`. */
static const char *
side(const char *id, unsigned at, const char *leg)
{
	static char text[512];

	snprintf(text, sizeof(text),
		"{'id':'%s','match':{'port':'p0','dst':'192.0.2.%u','dst_port':5},'latch':'first',"
		"'legs':[{'port':'p1','src':'192.0.2.%u','src_port':5,%s}]}",
		id, at, at, leg);
	return text;
}

#define TO(last) "'dst':'192.0.2." #last "','dst_port':5"

Test(validate, learned_names_a_flow_that_latches)
{
	taken(side("a", 1, "'dst':'198.51.100.9','dst_port':2"));
	taken("{'id':'open','match':{'port':'p0','dst':'192.0.2.7','dst_port':5}," OUT "}");
	taken("{'id':'six','match':{'port':'p0','dst':'2001:db8::1','dst_port':5},'latch':'follow'"
	      "," OUT "}");
	taken(side("b", 2, "'learned':'a'"));
	taken("{'id':'s','match':{'port':'p1','dst':'192.0.2.8','dst_port':5},'streams':["
	      "{'ssrc':1,'legs':[{'port':'p1','src':'2001:db8::1','src_port':5,'learned':'six'}]}],"
	      "'legs':[{'port':'p1','src':'192.0.2.8','src_port':5,'learned':'a'}]}");
	refused(side("c", 3, "'learned':'x'"), FAULT_NOT_FOUND, "/legs/0/learned", "found x,");
	refused(side("c", 3, "'learned':'c'"), FAULT_INVALID_VALUE, "/legs/0/learned", "found c,");
	refused(side("c", 3, "'learned':'open'"), FAULT_INVALID_VALUE, "/legs/0/learned",
		"found flow open, which takes any source");
	refused(side("c", 3, "'learned':'six'"), FAULT_INVALID_VALUE, "/legs/0/learned",
		"flow six of IPv6, expected one of IPv4");
	refused("{'id':'c','match':{'port':'p1','dst':'192.0.2.9','dst_port':5},'streams':["
		"{'ssrc':1,'legs':[{'port':'p1','src':'192.0.2.8','src_port':5,'learned':'x'}]}],"
		"'legs':[]}",
		FAULT_NOT_FOUND, "/streams/0/legs/0/learned", "found x,");
}

/* Each flow of a relay sends to the source of the other: that is no loop. */
Test(validate, learned_both_ways)
{
	put(side("a", 1, "'learned':'b'"));
	taken(side("b", 2, "'learned':'a'"));
	put(side("c", 3, "'learned':'d','dst':'198.51.100.9','dst_port':2"));
	taken(side("d", 4, "'learned':'c','dst':'198.51.100.7','dst_port':2"));
	/* Two relays, one behind the other: out of e in to f, and out of g in to h. */
	put(side("e", 5, TO(6)));
	put(side("f", 6, "'learned':'g'"));
	put(side("g", 7, "'learned':'f'," TO(8)));
	taken(side("h", 8, "'learned':'e'"));
}

/* What comes to b goes to c, which sends it back to whoever sent it to b. */
Test(validate, learned_in_a_circle)
{
	const struct flow_spec *b;
	struct fault fault = {0};

	taken(side("a", 1, TO(2)));
	b = put(side("b", 2, TO(3)));
	refused(side("c", 3, "'learned':'b'"), FAULT_CONFLICT, "/legs/0/learned", "c -> b -> c;");
	refused(side("c", 3, "'learned':'a'"), FAULT_CONFLICT, "/legs/0/learned",
		"c -> a -> b -> c;");
	refused(side("c", 3, "'learned':'b'," TO(9)), FAULT_CONFLICT, "/legs/0/learned",
		"c -> b -> c;");
	/* From the middle, it is a leg with a destination that closes the circle. */
	put(side("c", 3, "'learned':'a'"));
	cr_expect_eq(validate_check(validate, b, &ports, &fault), -1);
	cr_expect_str_eq(fault.pointer, "/legs/0/dst");
	cr_expect_not_null(strstr(fault.message, "b -> c -> a -> b;"), "%s", fault.message);
}

static void
referred(const char *id, const char *text, enum fault_code code, const char *pointer,
	const char *says)
{
	struct fault fault = {0};
	struct flow_spec *spec = text ? flow_spec_of_text(text, &fault) : NULL;

	cr_expect_eq(validate_referred_check(validate, id, spec, &fault), pointer ? -1 : 0);
	if (pointer) {
		cr_expect_eq(fault.code, code);
		cr_expect_str_eq(fault.pointer, pointer);
		cr_expect_not_null(strstr(fault.message, says), "%s", fault.message);
	}
	free(spec);
}

Test(validate, what_others_refer_to)
{
	const struct flow_spec *b;

	put(side("a", 1, TO(9)));
	b = put(side("b", 2, "'learned':'a'"));
	referred("a", NULL, FAULT_CONFLICT, "", "flow a, to whose source a leg of flow b sends");
	referred("a", side("a", 1, TO(8)), 0, NULL, NULL);
	referred("a", "{'match':{'port':'p0','dst':'192.0.2.1','dst_port':5}," OUT "}",
		FAULT_INVALID_VALUE, "/latch", "leg of flow b");
	referred("a",
		"{'match':{'port':'p0','dst':'2001:db8::1','dst_port':5},'latch':'first'," OUT "}",
		FAULT_CONFLICT, "/match", "expected IPv4 as the leg of flow b");
	referred("b", NULL, 0, NULL, NULL);
	validate_remove(validate, b);
	referred("a", NULL, 0, NULL, NULL);
	cr_expect_null(flow_refs_first(validate_refs(validate), "a"));
}
