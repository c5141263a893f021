/* SPDX-License-Identifier: BSD-3-Clause */
/* packet.inject: the frame that the data plane is given, and what is refused. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "../flow/fake_dp.h"
#include "base/escape.h"
#include "service.h"

/* p0 has MAC 02:00:00:00:00:a0, and the neighbour at 192.0.2.9 is 02:00:00:00:01:09. */
#define LISTENER \
	"{'id':'caller','match':{'port':'p0','dst':'192.0.2.1','dst_port':5004%s}," \
	"'latch':'first','action':'punt'}"
#define EXACT \
	"{'id':'cam','match':{'port':'p0','src':'192.0.2.9','src_port':9,'dst':'192.0.2.1'," \
	"'dst_port':1},'action':'punt'}"

/* Without payload, from 203.0.113.7:40000 to 192.0.2.1:6000. */
#define CAME_IP4 "45000024000040004011cccccb007107c00002019c4017700010cccc"
#define CAME_IP6 \
	"6000000000081140" \
	"20010db8000000000000000000000007" \
	"20010db8000000000000000000000001" \
	"9c4017700008cccc"

TestSuite(inject_methods, .init = service_setup, .fini = service_teardown);

static struct dp *
dp(void)
{
	return service_room()->dp;
}

static void
listener_install(const char *more)
{
	char text[512];

	snprintf(text, sizeof(text), LISTENER, more);
	service_installs(text);
}

/* Straight into the ring, as punts_poll() fills it. */
static void
punted(const char *flow, const char *frame)
{
	struct punts *punts = &service_monitor()->punts;
	struct punt *punt = &punts->ring[++punts->last % PUNTS_MAX];

	*punt = (struct punt){.sequence = punts->last, .kept_bytes = (uint16_t)(strlen(frame) / 2)};
	punt->frame_bytes = punt->kept_bytes;
	strcpy(punt->flow, flow);
	cr_assert_eq(hex_read(frame, strlen(frame), punt->frame), 0);
}

/* It is given this frame, and says so. */
static void
sends(const char *params, const char *frame)
{
	json_t *result = service_result("packet.inject", json_of_text(params));
	char given[2 * sizeof(dp()->injected) + 1];

	hex_write(dp()->injected, dp()->injected_bytes, given);
	cr_expect_str_eq(given, frame);
	cr_expect_str_eq(json_string_value(json_object_get(result, "frame")), frame);
	json_decref(result);
}

static void
refuses(const char *params, enum fault_code code, const char *pointer)
{
	const unsigned n_before = dp()->n_injected;

	service_refuses("packet.inject", json_of_text(params), code, pointer);
	cr_expect_eq(dp()->n_injected, n_before);
}

Test(inject_methods, an_answer_goes_back_as_the_packet_came)
{
	punted("", "020000000001"
		   "020000000007"
		   "0800" CAME_IP4);
	service_answers("packet.inject", json_of_text("{'punted':1,'payload':'8000AABBCC'}"),
		"{'port':'p0','flow':null,'src':'192.0.2.1','src_port':6000,'dst':'203.0.113.7',"
		"'dst_port':40000,'worker':0,'frame':'0200000000070200000000010800"
		"450000210000400040113c"
		"c3c0000201cb00710717709c40000d"
		"575d"
		"8000aabbcc'}");
	cr_expect_eq(dp()->injected_port, 0);
	cr_expect_eq(service_monitor()->punts.ring[1].answers, 1);
}

/* Tags as they were; and as another EtherType would be read for IPv6, both families. */
Test(inject_methods, tags_of_the_packet)
{
	const char *links[] = {"8100a02a", "88a80064",
		"88a80064"
		"8100002a",
		"81000064"
		"8100002a"};
	char frame[256], link[64];

	for (unsigned i = 0; i < 8; i++) {
		json_t *result;

		snprintf(link, sizeof(link), "%s%s", links[i / 2], i % 2 ? "86dd" : "0800");
		snprintf(frame, sizeof(frame), "%s%s%s",
			"020000000001"
			"020000000007",
			link, i % 2 ? CAME_IP6 : CAME_IP4);
		punted("", frame);
		result = service_result("packet.inject",
			json_pack("{s:i, s:s}", "punted", (int)i + 1, "payload", "00"));
		snprintf(frame, sizeof(frame), "020000000007020000000001%s", link);
		cr_expect_eq(strncmp(json_string_value(json_object_get(result, "frame")), frame,
				     strlen(frame)),
			0, "%s", json_dumps(result, 0));
		cr_expect_str_eq(json_string_value(json_object_get(result, "dst")),
			i % 2 ? "2001:db8::7" : "203.0.113.7");
		json_decref(result);
	}
}

/* The IPv4 checksum, and that of UDP, are right: RFC 1071 over all of it is 0. */
Test(inject_methods, next_hop_of_the_kernel)
{
	service_installs(EXACT);
	sends("{'flow':'cam','payload':'','dscp':'EF'}", "020000000109"
							 "0200000000a0"
							 "0800"
							 "45b8001c000040004011b60ec0000201c0000209"
							 "0001000900087bc9");
	sends("{'flow':'cam','payload':'','dst':'192.0.2.10','dst_port':7}",
		"02000000010a"
		"0200000000a0"
		"0800"
		"4500001c000040004011b6c5c0000201c000020a"
		"0001000700087bca");
	refuses("{'flow':'cam','payload':'','dst':'192.0.2.200','dst_port':7}", FAULT_INVALID_VALUE,
		"/dst");
	refuses("{'flow':'cam','payload':'','dst':'192.0.2.250','dst_port':7}", FAULT_INVALID_VALUE,
		"/dst");
	cr_expect_eq(fake_net()->n_resolved, 1, "there is a neighbour for the first");
	cr_expect_eq(fake_net()->n_kept, 0, "no neighbour is watched for it");
}

Test(inject_methods, vlans_of_the_flow)
{
	listener_install(",'vlan':20,'outer_vlan':300");
	sends("{'flow':'caller','payload':'','dst':'192.0.2.9','dst_port':7}",
		"020000000109"
		"0200000000a0"
		"88a8012c"
		"81000014"
		"0800"
		"4500001c000040004011b6c6c0000201c0000209"
		"138c000700086840");
}

Test(inject_methods, the_learned_source)
{
	struct dp_latched latched = {.src = {192, 0, 2, 9}, .src_port = htons(7), .valid = 1};

	listener_install("");
	refuses("{'flow':'caller','payload':''}", FAULT_INVALID_VALUE, "");
	fake_dp_only(dp())->latched = latched;
	service_answers("packet.inject", json_of_text("{'flow':'caller','payload':''}"),
		"{'port':'p0','flow':'caller','src':'192.0.2.1','src_port':5004,'dst':'192.0.2.9',"
		"'dst_port':7,'worker':0,'frame':'0200000001090200000000a008004500001c000040004011"
		"b6c6c0000201c0000209138c000700086840'}");
}

Test(inject_methods, a_rule_with_one_local_end)
{
	service_installs("{'id':'one','rule':{'priority':1,'port':'p0','vlan':0,'outer_vlan':0,"
			 "'dst':'192.0.2.1/32','dst_ports':[5004,5004]},'action':'punt'}");
	service_installs("{'id':'many','rule':{'priority':1,'port':'p0','vlan':0,'outer_vlan':0,"
			 "'dst':'192.0.2.1/32','dst_ports':[5004,5005]},'action':'punt'}");
	sends("{'flow':'one','payload':'','dst':'192.0.2.9','dst_port':7}",
		"020000000109"
		"0200000000a0"
		"0800"
		"4500001c000040004011b6c6c0000201c0000209"
		"138c000700086840");
	refuses("{'flow':'many','payload':'','dst':'192.0.2.9','dst_port':7}", FAULT_INVALID_VALUE,
		"/flow");
}

Test(inject_methods, what_is_wrong_is_named)
{
	char *long_payload = malloc(2 * 1473 + 1);

	listener_install("");
	service_installs(EXACT);
	service_installs("{'id':'group','match':{'port':'p0','dst':'233.252.0.1','dst_port':5004},"
			 "'action':'punt'}");
	refuses("{'payload':''}", FAULT_INVALID_VALUE, "");
	refuses("{'flow':'cam'}", FAULT_INVALID_PARAMS, "/payload");
	refuses("{'flow':'cam','payload':'0'}", FAULT_INVALID_VALUE, "/payload");
	refuses("{'flow':'none','payload':''}", FAULT_NOT_FOUND, "/flow");
	refuses("{'flow':'group','payload':'','dst':'192.0.2.9','dst_port':7}", FAULT_INVALID_VALUE,
		"/flow");
	refuses("{'flow':'cam','payload':'','dst':'192.0.2.9'}", FAULT_INVALID_VALUE, "/dst_port");
	refuses("{'flow':'cam','payload':'','dst_port':7}", FAULT_INVALID_VALUE, "/dst");
	refuses("{'flow':'cam','payload':'','dst':'2001:db8::9','dst_port':7}", FAULT_INVALID_VALUE,
		"/dst");
	refuses("{'flow':'cam','payload':'','dst':'233.252.0.1','dst_port':7}", FAULT_INVALID_VALUE,
		"/dst");
	memset(long_payload, '0', 2 * 1473);
	long_payload[2 * 1473] = '\0';
	service_refuses("packet.inject",
		json_pack("{s:s, s:s}", "flow", "cam", "payload", long_payload),
		FAULT_INVALID_VALUE, "/payload");
	json_decref(service_result("packet.inject",
		json_pack("{s:s, s:s}", "flow", "cam", "payload", long_payload + 2)));
	free(long_payload);
}

Test(inject_methods, a_punted_packet_that_cannot_be_answered)
{
	service_installs(EXACT);
	punted("cam", "020000000001"
		      "020000000007"
		      "0800" CAME_IP4);
	punted("gone", "020000000001"
		       "020000000007"
		       "0800" CAME_IP4);
	punted("", "01005e7c0001"
		   "020000000007"
		   "0800"
		   "45000024000040004011cccccb007107e9fc00019c4017700010cccc");
	punted("", "020000000001"
		   "020000000007"
		   "0800"
		   "45000024000040004011cccccb007107c0000201000017700010cccc");
	punted("", "020000000001"
		   "020000000007"
		   "0800"
		   "4500");
	refuses("{'punted':6,'payload':''}", FAULT_NOT_FOUND, "/punted");
	refuses("{'punted':2,'payload':''}", FAULT_NOT_FOUND, "/punted");
	refuses("{'punted':3,'payload':''}", FAULT_INVALID_VALUE, "/punted");
	refuses("{'punted':4,'payload':''}", FAULT_INVALID_VALUE, "/punted");
	refuses("{'punted':5,'payload':''}", FAULT_INVALID_VALUE, "/punted");
	refuses("{'punted':1,'flow':'other','payload':''}", FAULT_INVALID_VALUE, "/flow");
	refuses("{'punted':1,'dst':'192.0.2.9','payload':''}", FAULT_INVALID_VALUE, "/punted");
	json_decref(service_result(
		"packet.inject", json_of_text("{'punted':1,'flow':'cam','payload':''}")));
	cr_expect_eq(service_monitor()->punts.ring[1].answers, 1);
}

/* To a group's MAC address, as a switch may flood: the port's own is the source. */
Test(inject_methods, the_source_is_no_group)
{
	punted("", "ffffffffffff"
		   "020000000007"
		   "0800" CAME_IP4);
	json_decref(service_result("packet.inject", json_of_text("{'punted':1,'payload':''}")));
	cr_expect_eq(memcmp(dp()->injected + 6, dp()->ports[0].mac, 6), 0);
}

Test(inject_methods, the_data_plane_refuses)
{
	static const struct {
		int error;
		enum fault_code code;
		const char *pointer;
	} cases[] = {{-ENETDOWN, FAULT_INVALID_VALUE, "/flow"}, {-EDQUOT, FAULT_LIMIT, ""},
		{-ENOBUFS, FAULT_NO_ROOM, ""}, {-ENOMEM, FAULT_NO_ROOM, ""},
		{-EINVAL, FAULT_INTERNAL, ""}};
	json_t *error;

	service_room()->config.dp.inject_rate = 1234;
	service_installs(EXACT);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		dp()->fail_inject = cases[i].error;
		refuses("{'flow':'cam','payload':''}", cases[i].code, cases[i].pointer);
	}
	dp()->fail_inject = -EDQUOT;
	error = service_error("packet.inject", json_of_text("{'flow':'cam','payload':''}"));
	cr_expect_not_null(
		strstr(json_string_value(json_object_get(error, "message")), "1234 packets"));
	json_decref(error);
	punted("", "020000000001"
		   "020000000007"
		   "0800" CAME_IP4);
	refuses("{'punted':1,'payload':''}", FAULT_LIMIT, "");
	cr_expect_eq(service_monitor()->punts.ring[1].answers, 0);
}
