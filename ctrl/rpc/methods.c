/* SPDX-License-Identifier: BSD-3-Clause */
/* The table; the service checks it against the document, so that neither has more than the other.
 */
#include "rpc/methods.h"

#include "rpc/counter_methods.h"
#include "rpc/event_methods.h"
#include "rpc/flow_methods.h"
#include "rpc/state_methods.h"
#include "rpc/system_methods.h"
#include "rpc/trace_methods.h"
#include "rpc/txn_methods.h"

static const struct rpc_method table[] = {
	{"system.info", system_info},
	{"port.list", port_list},
	{"flow.install", flow_install},
	{"flow.replace", flow_replace},
	{"flow.remove", flow_remove},
	{"flow.admin", flow_admin},
	{"leg.join", leg_join},
	{"leg.leave", leg_leave},
	{"txn.begin", txn_begin},
	{"txn.put", txn_put},
	{"txn.plan", txn_plan},
	{"txn.commit", txn_commit},
	{"txn.abort", txn_abort},
	{"state.get", state_get},
	{"state.confirm", state_confirm},
	{"state.rollback", state_rollback},
	{"history.list", history_list},
	{"history.get", history_get},
	{"history.tag", history_tag},
	{"flow.list", flow_list},
	{"flow.get", flow_get},
	{"counters.get", counters_get},
	{"counters.top", counters_top},
	{"event.list", event_list},
	{"events.subscribe", events_subscribe},
	{"events.unsubscribe", events_unsubscribe},
	{"punt.list", punt_list},
	{"packet.trace", packet_trace},
};

const struct rpc_method *
methods_table(size_t *n)
{
	*n = sizeof(table) / sizeof(table[0]);
	return table;
}
