/* SPDX-License-Identifier: BSD-3-Clause */
/* The methods through the service and the real document, over the room of flows. */
#ifndef TESTS_RPC_SERVICE_H
#define TESTS_RPC_SERVICE_H

#include "../flow/room.h"
#include "monitor/monitor.h"
#include "rpc/session.h"

void service_setup(void);
void service_teardown(void);
struct room *service_room(void);
struct monitor *service_monitor(void); /* rings of events and punts, nothing else of it */

/* The connection ends, and another one begins. */
void service_reconnect(void);

/*
 * Call a method and return its result, a new reference, which must fit the schema that the
 * document gives for it. Takes the reference of params, and so does the next.
 */
json_t *service_result(const char *method, json_t *params);
json_t *service_result_as(struct rpc_session *caller, const char *method, json_t *params);

/* The result must be what a text says, see json_expect(). A flow of a text is installed. */
void service_answers(const char *method, json_t *params, const char *text);
void service_installs(const char *flow);

/* Call a method, which must refuse, and return the error, a new reference. */
json_t *service_error(const char *method, json_t *params);

/* Call a method, which must refuse with that code and pointer. */
void service_refuses(const char *method, json_t *params, int code, const char *pointer);

/*
 * Call a method that is answered later, end the connection before it is, and run the event loop.
 * Takes the reference of params.
 */
void service_hangs_up(const char *method, json_t *params, struct event_base *base);

/* The value must be what a text says that may use ' for ". */
void json_expect(json_t *json, const char *text);

#endif
