/* SPDX-License-Identifier: BSD-3-Clause */
/* The methods through the service and the real document, over the room of flows. */
#ifndef TESTS_FLOW_SERVICE_H
#define TESTS_FLOW_SERVICE_H

#include "room.h"

void service_setup(void);
void service_teardown(void);
struct room *service_room(void);

/* The connection ends, and another one begins. */
void service_reconnect(void);

/*
 * Call a method and return its result, a new reference, which must fit the schema that the
 * document gives for it. Takes the reference of params, and so does the next.
 */
json_t *service_result(const char *method, json_t *params);

/* Call a method, which must refuse, and return the error, a new reference. */
json_t *service_error(const char *method, json_t *params);

/* Call a method, which must refuse with that code and pointer. */
void service_refuses(const char *method, json_t *params, int code, const char *pointer);

/* The value must be what a text says that may use ' for ". */
void json_expect(json_t *json, const char *text);

#endif
