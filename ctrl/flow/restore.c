/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow/restore.h"

#include <stdio.h>
#include <string.h>

#include "flow/commit.h"
#include "flow/flow_codec.h"
#include "schema/flow_files.h"

#define FLOWS_AT_ONCE 64

struct restore {
	struct flows *flows;
	struct store_cursor *cursor;
	struct fault *fault; /* of the whole of it */
	uint64_t left_out;
	uint64_t added;
	int rc;
};

static void
restore_done(void *arg, struct proposal *proposal, const struct fault *fault)
{
	struct restore *restore = arg;

	restore->left_out = proposal->left_out;
	restore->added = proposal->added;
	restore->rc = fault ? -1 : 0;
	if (fault)
		*restore->fault = *fault;
}

static int
restore_load(void *arg, struct proposal *proposal, struct fault *fault)
{
	struct restore *restore = arg;
	unsigned i;

	for (i = 0; i < FLOWS_AT_ONCE; i++) {
		struct store_flow flow;
		struct flow_spec *spec;
		const int rc = store_cursor_next(restore->cursor, &flow, fault);

		if (rc != 1)
			return rc;
		spec = flow_text_decode(restore->flows->schema, flow.text, flow.bytes, fault);
		if (!spec) {
			fault_prefix(fault, "/%s", flow.id);
			return -1;
		}
		spec->last_leg_number = (uint32_t)flow.last_leg;
		spec->declared = flow.declared;
		if (proposal_add(proposal, op_create_spec(OP_INSTALL, spec), "flows", UINT32_MAX,
			    fault) < 0)
			return -1;
	}
	return 1;
}

int
restore_flows(
	struct flows *flows, struct store *store, struct restored *restored, struct fault *fault)
{
	struct restore restore = {.flows = flows, .fault = fault};
	struct proposal *proposal;

	proposal = proposal_create(NULL, "restore", NULL, restore_done, &restore);
	if (!proposal)
		return fault_set(fault, FAULT_NO_ROOM, "", "no memory to restore flows");
	restore.cursor = store_flows_open(store, fault);
	if (!restore.cursor) {
		proposal_destroy(proposal);
		return -1;
	}
	proposal->restores = true;
	proposal->load = restore_load;
	proposal->load_arg = &restore;
	commits_submit(flows->commits, proposal);
	commits_finish(flows->commits);
	store_cursor_close(restore.cursor);
	restored->flows = restore.added;
	restored->left_out = restore.left_out;
	return restore.rc;
}

static int
files_add(const struct flow_files *files, struct proposal *proposal, struct fault *fault)
{
	json_t *flow;
	size_t i;

	json_array_foreach (flow_files_flows(files), i, flow) {
		struct flow_spec *spec = flow_spec_decode(flow, fault);

		if (!spec || flow_legs_apart(spec, fault) < 0) {
			free(spec);
			flow_files_locate(files, i, fault);
			return -1;
		}
		spec->declared = true;
		if (proposal_add(proposal, op_create_spec(OP_SET, spec), "flows", (uint32_t)i,
			    fault) < 0)
			return -1;
	}
	return 0;
}

/* "/flows/N/..." of a fault that came after decoding. */
static void
fault_locate(const struct flow_files *files, struct fault *fault)
{
	unsigned long i;
	int n;

	if (sscanf(fault->pointer, "/flows/%lu%n", &i, &n) != 1)
		return;
	memmove(fault->pointer, fault->pointer + n, strlen(fault->pointer + n) + 1);
	flow_files_locate(files, i, fault);
}

int
restore_files(struct flows *flows, const char *path, struct fault *fault)
{
	struct restore restore = {.flows = flows, .fault = fault, .rc = -1};
	struct flow_files *files = flow_files_load(path, fault);
	struct proposal *proposal;

	if (!files)
		return -1;
	proposal = proposal_create(NULL, "start", path, restore_done, &restore);
	if (!proposal) {
		fault_set(fault, FAULT_NO_ROOM, "", "no memory for the flows of %s", path);
	} else if (files_add(files, proposal, fault) < 0) {
		proposal_destroy(proposal);
	} else {
		proposal->declares = true;
		commits_submit(flows->commits, proposal);
		commits_finish(flows->commits);
		if (restore.rc < 0)
			fault_locate(files, fault);
	}
	flow_files_destroy(files);
	return restore.rc;
}
