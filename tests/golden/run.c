/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Four modes. Without a clock, real workers run: frames wait in the receive rings before a worker
 * looks, so that bursts are full and the same each time; or they go in one by one. With a clock,
 * events are taken in turn, and frames between two others are a burst; two workers take turns
 * frame by frame, so that order does not depend on how many there are. And traced: as the script
 * says, but frame by frame.
 */
#include "run.h"

#include "check.h"

#define ERROR_BYTES 256

static bool
run_at_once(struct rig *rig, char *error)
{
	for (size_t i = 0; i < rig->c->n_script; i++) {
		if (rig_send(rig, &rig->c->script[i].frame) < 0) {
			snprintf(error, ERROR_BYTES, "no room for frame %zu", i);
			return false;
		}
	}
	if (rig_start(rig, error, ERROR_BYTES) < 0)
		return false;
	if (rig_drain(rig) < 0) {
		printf("# frames are not accounted for after seconds\n");
		return false;
	}
	return true;
}

static bool
frame_step(struct rig *rig, const struct case_frame *frame)
{
	struct drop_counts before;

	if (drop_counts_read(rig, &before) < 0 || rig_send(rig, frame) < 0 || rig_drain(rig) < 0)
		return false;
	return check_step(rig, frame, &before);
}

static bool
run_step_by_step(struct rig *rig, char *error)
{
	bool ok = true;

	if (rig_start(rig, error, ERROR_BYTES) < 0)
		return false;
	for (size_t i = 0; i < rig->c->n_script; i++)
		ok &= frame_step(rig, &rig->c->script[i].frame);
	return ok;
}

static bool
frame_event(struct rig *rig, const struct case_frame *frame)
{
	if (rig->c->step)
		return frame_step(rig, frame);
	return rig_send(rig, frame) == 0 && (rig->n_workers == 1 || rig_drain(rig) == 0);
}

static bool
event_take(struct rig *rig, const struct case_event *event)
{
	if (event->kind == CASE_FRAME)
		return frame_event(rig, &event->frame);
	if (rig_drain(rig) < 0)
		return false;
	switch (event->kind) {
	case CASE_TIME:
		rig_time_set(rig, event->at_ns);
		return true;
	case CASE_TXN:
		return rig_txn(rig, event);
	case CASE_LATCHED:
		return check_latched(rig, &event->latched);
	case CASE_FORGET:
		return check_forget(rig, &event->latched);
	case CASE_POLL:
		return rig_punted_take(rig, event->poll_max) == 0;
	default:
		return false;
	}
}

static bool
run_script(struct rig *rig, char *error)
{
	if (rig_start(rig, error, ERROR_BYTES) < 0)
		return false;
	for (size_t i = 0; i < rig->c->n_script; i++) {
		if (!event_take(rig, &rig->c->script[i])) {
			printf("# that was event %zu of the script\n", i);
			return false;
		}
	}
	return rig_drain(rig) == 0;
}

static bool
run_traced(struct rig *rig, struct traced *traced, char *error)
{
	if (rig_start(rig, error, ERROR_BYTES) < 0)
		return false;
	for (size_t i = 0; i < rig->c->n_script; i++) {
		const struct case_event *event = &rig->c->script[i];
		bool ok = event->kind == CASE_FRAME ? traced_send(rig, &event->frame, traced)
						    : event_take(rig, event);

		if (!ok) {
			printf("# that was event %zu of the script\n", i);
			return false;
		}
	}
	return true;
}

static void
frames_write(const struct rig *rig, FILE *file)
{
	for (size_t i = 0; i < rig->received.n; i++) {
		const struct case_frame *frame = &rig->received.of[i];

		fprintf(file, "%s\t%s\t", rig->c->name, rig->c->corrupt ? "corrupt" : "good");
		for (unsigned b = 0; b < frame->n_bytes; b++)
			fprintf(file, "%02x", frame->bytes[b]);
		fputc('\n', file);
	}
}

static bool
run_rig(struct rig *rig, struct traced *traced, char *error)
{
	if (traced != NULL)
		return run_traced(rig, traced, error);
	if (rig->c->clock)
		return run_script(rig, error);
	return rig->c->step ? run_step_by_step(rig, error) : run_at_once(rig, error);
}

bool
run_case(const struct golden_case *c, enum way way, const char *level, FILE *frames,
	struct traced *traced)
{
	char error[ERROR_BYTES] = "";
	struct rig rig;
	bool ok = rig_init(&rig, c, way, level, error, sizeof(error)) == 0;

	if (ok) {
		error[0] = '\0';
		ok = run_rig(&rig, traced, error);
		ok &= rig_stop(&rig) == 0;
		ok &= check_run(&rig);
		ok &= traced == NULL || traced_check_punted(&rig, traced);
		ok &= rig_buffers_are_back();
		if (frames != NULL)
			frames_write(&rig, frames);
	}
	if (error[0] != '\0')
		printf("# %s\n", error);
	rig_fini(&rig);
	return ok;
}
