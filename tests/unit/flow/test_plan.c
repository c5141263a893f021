/* SPDX-License-Identifier: BSD-3-Clause */
/* What people are shown before they say yes. */
#include <criterion/criterion.h>

#include "flow/plan.h"
#include "flow_json.h"

static void
differs(const char *before, const char *after, const char *fields)
{
	json_t *a = json_of_text(before), *b = json_of_text(after), *wanted = json_of_text(fields);
	json_t *found = flow_diff(a, b);

	cr_expect(json_equal(found, wanted), "%s", json_dumps(found, 0));
	json_decref(a);
	json_decref(b);
	json_decref(wanted);
	json_decref(found);
}

Test(flow_diff, none)
{
	differs("{'id':'a','legs':[{'id':'x'}]}", "{'id':'a','legs':[{'id':'x'}]}", "[]");
}

Test(flow_diff, fields_are_added_changed_and_removed)
{
	differs("{'id':'a','match':{'vlan':1,'src':'s'},'admin':'down'}",
		"{'id':'a','match':{'vlan':2,'src':'s'},'latch':'first'}",
		"[{'pointer':'/match/vlan','before':1,'after':2},"
		"{'pointer':'/admin','before':'down'},{'pointer':'/latch','after':'first'}]");
}

Test(flow_diff, legs_by_id)
{
	differs("{'legs':[{'id':'x','p':1},{'id':'y','p':2},{'id':'z','p':3}]}",
		"{'legs':[{'id':'z','p':3},{'id':'x','p':9},{'id':'new','p':4}]}",
		"[{'pointer':'/legs/1','before':{'id':'y','p':2}},"
		"{'pointer':'/legs/1/p','before':1,'after':9},"
		"{'pointer':'/legs/2','after':{'id':'new','p':4}}]");
}

Test(flow_diff, lists_without_ids_are_given_whole)
{
	differs("{'allow':['a','b']}", "{'allow':['a','c']}",
		"[{'pointer':'/allow','before':['a','b'],'after':['a','c']}]");
}
