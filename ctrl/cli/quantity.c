/* SPDX-License-Identifier: BSD-3-Clause */
/* See quantity.h. */
#include "cli/quantity.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "cli/options.h"

json_t *
police_parse(const char *text)
{
	const size_t length = strcspn(text, "/");
	uint64_t rate_bps, burst_bytes = 0;
	char *rate = strndup(text, length);
	int status;

	status = rate != NULL ? quantity_parse(rate, &rate_bps) : -ENOMEM;
	free(rate);
	if (status == 0 && text[length] == '/')
		status = quantity_parse(text + length + 1, &burst_bytes);
	if (status < 0 || rate_bps > INT64_MAX || burst_bytes > INT64_MAX)
		return NULL;
	if (text[length] != '/')
		return json_pack("{s:I}", "rate_bps", (json_int_t)rate_bps);
	return json_pack("{s:I, s:I}", "rate_bps", (json_int_t)rate_bps, "burst_bytes",
		(json_int_t)burst_bytes);
}

void
text_add_police(struct text *text, const json_t *police)
{
	static const struct {
		uint64_t unit;
		const char *prefix;
	} scales[] = {{1000000000, "G"}, {1000000, "M"}, {1000, "k"}, {1, ""}};
	const uint64_t bps = member_number(police, "rate_bps");
	const uint64_t burst = member_number(police, "burst_bytes");
	size_t i = 0;

	/* The largest unit that three digits behind the point are enough for. */
	while (scales[i].unit > 1 && (bps < scales[i].unit || bps % (scales[i].unit / 1000) != 0))
		i++;
	text_add(text, "%" PRIu64, bps / scales[i].unit);
	if (bps % scales[i].unit != 0) {
		text_add(text, ".%03" PRIu64, bps % scales[i].unit * 1000 / scales[i].unit);
		while (text->s[text->length - 1] == '0')
			text->s[--text->length] = '\0';
	}
	text_add(text, " %sbit/s", scales[i].prefix);
	if (burst != 0)
		text_add(text, ", burst %" PRIu64 " byte%s", burst, plural_s(burst));
}
