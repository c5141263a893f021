/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The two contracts of the control side as JSON values: the OpenRPC document of the socket and
 * the JSON Schema of the configuration file. Decoder, docs, rpc.discover and CLI help all come
 * from them. They are part of the program; no file is read.
 */
#ifndef CTRL_SCHEMA_DOCUMENTS_H
#define CTRL_SCHEMA_DOCUMENTS_H

#include <jansson.h>

/*
 * The documents, parsed at the first call. Borrowed references that live until
 * schema_documents_release(); callers do not change them. NULL: out of memory. Control thread.
 */
json_t *schema_rpc_document(void);
json_t *schema_config_document(void);

/* Give both documents up. They may be asked for again. */
void schema_documents_release(void);

/* A schema that the document has under components, such as "flow". Borrowed; NULL: none. */
json_t *schema_component(const json_t *document, const char *name);

/* The method object of that name in an OpenRPC document; borrowed, NULL when there is none. */
json_t *schema_method_find(const json_t *document, const char *name);

/*
 * The schema of a method's params object, made of its list of parameters, to be used with the
 * document as root. New reference; NULL: out of memory or not a method object.
 */
json_t *schema_method_params(const json_t *method);

/* The schema of a method's result. Borrowed; NULL: not a method object. */
json_t *schema_method_result(const json_t *method);

#endif
