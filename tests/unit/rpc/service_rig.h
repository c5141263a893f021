/* SPDX-License-Identifier: BSD-3-Clause */
/* A service of a few methods, a session of ana's, and what became of her calls. */
#ifndef TESTS_RPC_SERVICE_RIG_H
#define TESTS_RPC_SERVICE_RIG_H

#include <stdbool.h>

#include "rpc/dispatch.h"

#define RIG_METHODS 4

struct service_rig {
	struct rpc_service *service;
	struct rpc_session *session;
	json_t *last_reply;
	json_t *parts; /* of the answer to a batch, so far; NULL: none */
	unsigned n_replies;
	unsigned n_calls; /* of add, to see that notifications run */
	struct rpc_call *waiting; /* the last call of later */
	bool impatient; /* later answers before it returns */
};

/* rpc.discover, add {a, b = 10}, fail, mute (returns nothing), later (role operator, defers) */
extern const char service_rig_document[];
extern const struct rpc_method rig_methods[RIG_METHODS];

struct service_rig *rig(void);
void service_rig_setup(void); /* ana is an operator */
void service_rig_teardown(void);

void rig_session_begin(enum role role);
void rig_session_end(void);

/* The rpc_reply_fn of all calls; arg is &rig()->n_replies. */
void rig_replied(void *arg, json_t *reply, enum rpc_reply_part part);

/* Call, and get a new reference to the reply; NULL: there was none. */
json_t *rig_call(const char *text, size_t bytes);

/* Call, and get an error of that code, name, pointer and id; its message has that text in it. */
void rig_error_check(const char *text, enum fault_code code, const char *pointer, const char *id,
	const char *message);

#endif
