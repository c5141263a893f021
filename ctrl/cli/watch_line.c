/* SPDX-License-Identifier: BSD-3-Clause */
/* See watch_line.h. Columns are wide enough for 100 Gbit/s, and the line fits 80 at rest. */
#include "cli/watch_line.h"

#include <inttypes.h>

#include "base/escape.h"
#include "cli/text.h"

#define TIME_INDENT 9
#define LEGS_SINGLY 8 /* a flow with more is shown by its least and its most */

void
watch_line_time(time_t seconds, char *text)
{
	struct tm local;

	localtime_r(&seconds, &local);
	strftime(text, WATCH_TIME_MAX, "%H:%M:%S", &local);
}

void
watch_line_header(FILE *out)
{
	text_print(out, TIME_INDENT, "%-8s %9s %8s %9s %8s  %-19s  %s", "TIME", "IN PKT/S",
		"MBIT/S", "OUT PKT/S", "MBIT/S", "SENT BY LEG", "DROPS");
}

static void
add_range(struct text *text, const json_t *sent)
{
	json_int_t least = json_integer_value(json_array_get(sent, 0)), most = least;
	json_t *packets;
	size_t i;

	json_array_foreach (sent, i, packets) {
		const json_int_t n = json_integer_value(packets);

		least = n < least ? n : least;
		most = n > most ? n : most;
	}
	text_add(text, " %zu legs %" JSON_INTEGER_FORMAT "..%" JSON_INTEGER_FORMAT,
		json_array_size(sent), least, most);
}

static const char *
text_flows(struct text *text, const json_t *record)
{
	json_t *flow, *packets;
	size_t i, leg;

	text_clear(text);
	json_array_foreach (json_object_get(record, "flows"), i, flow) {
		const json_t *sent = json_object_get(flow, "sent");

		text_add(text, "%s%s", i > 0 ? ", " : "", member_text(flow, "id"));
		if (!json_is_array(sent)) {
			text_add(text, " gone");
		} else if (json_array_size(sent) > LEGS_SINGLY) {
			add_range(text, sent);
		} else {
			json_array_foreach (sent, leg, packets)
				text_add(text, " %" JSON_INTEGER_FORMAT,
					json_integer_value(packets));
		}
	}
	if (text->length == 0)
		text_add(text, "%" PRIu64 " flow%s", member_number(record, "installed"),
			plural_s(member_number(record, "installed")));
	return text->s;
}

/* Bits as Mbit with one digit behind the point, rounded. */
static const char *
text_mbit(struct text *text, uint64_t bits)
{
	const uint64_t tenths = (bits + 50000) / 100000;

	text_clear(text);
	text_add(text, "%" PRIu64 ".%" PRIu64, tenths / 10, tenths % 10);
	return text->s;
}

void
watch_line_print(json_t *record, FILE *out)
{
	const uint64_t time_s = member_number(record, "time_ns") / 1000000000;
	struct text rx, tx, flows, drops;
	char clock_text[WATCH_TIME_MAX];

	watch_line_time((time_t)time_s, clock_text);
	text_print(out, TIME_INDENT, "%s %9" PRIu64 " %8s %9" PRIu64 " %8s  %-19s  %s", clock_text,
		member_number(record, "rx_pps"), text_mbit(&rx, member_number(record, "rx_bps")),
		member_number(record, "tx_pps"), text_mbit(&tx, member_number(record, "tx_bps")),
		text_flows(&flows, record), text_drops(&drops, json_object_get(record, "drops")));
}
