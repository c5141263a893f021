/* SPDX-License-Identifier: BSD-3-Clause */
/* See progress.h. One write a drawing, of the whole line: nothing is cleared first, so nothing
 * flickers. */
#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 1000
#define REDRAW_MS 100
#define BAR_COLUMNS 24

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void
progress_text(char *text, const char *what, uint64_t done, uint64_t total)
{
	const uint64_t part = total == 0 || done > total ? total : done;
	const unsigned full = total > 0 ? (unsigned)(part * BAR_COLUMNS / total) : BAR_COLUMNS;
	char bar[BAR_COLUMNS + 1];

	memset(bar, ' ', BAR_COLUMNS);
	memset(bar, '#', full);
	bar[BAR_COLUMNS] = '\0';
	snprintf(text, 80, "%.20s [%s] %3u%%  %" PRIu64 " of %" PRIu64, what, bar,
		total > 0 ? (unsigned)(part * 100 / total) : 100, part, total);
}

void
progress_begin(struct progress *progress, const char *what, uint64_t total)
{
	*progress = (struct progress){.what = what,
		.total = total,
		.begun_ms = now_ms(),
		.terminal = isatty(STDERR_FILENO)};
}

static bool
progress_due(const struct progress *progress, int64_t now)
{
	return progress->terminal && now - progress->begun_ms >= PATIENCE_MS &&
	       now - progress->drawn_ms >= REDRAW_MS;
}

static void
progress_draw(struct progress *progress, int64_t now, const char *text)
{
	fprintf(stderr, "\r%s\033[K", text);
	fflush(stderr);
	progress->drawn_ms = now;
}

void
progress_at(struct progress *progress, uint64_t done)
{
	const int64_t now = now_ms();
	char text[PROGRESS_TEXT_MAX];

	if (!progress_due(progress, now))
		return;
	progress_text(text, progress->what, done, progress->total);
	progress_draw(progress, now, text);
}

void
progress_wait(struct progress *progress)
{
	const int64_t now = now_ms();
	char text[PROGRESS_TEXT_MAX];

	if (!progress_due(progress, now))
		return;
	snprintf(text, sizeof(text), "%.40s ... %" PRId64 " s", progress->what,
		(now - progress->begun_ms) / 1000);
	progress_draw(progress, now, text);
}

void
progress_end(struct progress *progress)
{
	if (progress->drawn_ms != 0)
		fprintf(stderr, "\r\033[K");
	progress->drawn_ms = 0;
}
