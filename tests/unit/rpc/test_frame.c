/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every stream is fed whole, byte by byte and in random pieces; what comes out must not depend on
 * it. Events are written down as one string: a text as itself behind '|', others as a word.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/frame.h"

#define LOG_MAX 4096
#define MAX_BYTES 20
#define MAX_DEPTH 3

struct log {
	char text[LOG_MAX];
	size_t used;
};

static void
log_add(struct log *log, const char *text, size_t bytes)
{
	cr_assert_lt(log->used + bytes, sizeof(log->text));
	memcpy(log->text + log->used, text, bytes);
	log->used += bytes;
	log->text[log->used] = '\0';
}

static void
log_event(struct log *log, const struct frame *frame, enum frame_event event)
{
	static const char *const words[] = {
		[FRAME_TOO_LONG] = "|LONG", [FRAME_TOO_DEEP] = "|DEEP", [FRAME_NO_MEMORY] = "|MEM"};

	if (event == FRAME_TEXT) {
		log_add(log, "|", 1);
		log_add(log, frame->text, frame->n_text);
	} else if (event != FRAME_MORE) {
		log_add(log, words[event], strlen(words[event]));
	}
}

static void
piece_feed(struct frame *frame, const char *data, size_t bytes, struct log *log)
{
	/* A copy of its own size lets the sanitizer see a read past its end. */
	char *piece = malloc(bytes + !bytes);
	enum frame_event event;
	size_t used = 0;

	memcpy(piece, data, bytes);
	do {
		used += frame_feed(frame, piece + used, bytes - used, &event);
		log_event(log, frame, event);
	} while (event != FRAME_MORE);
	cr_assert_eq(used, bytes);
	free(piece);
}

/* Feed in pieces of 1..piece_max bytes (random), 0: in one piece; "$" at the end if broken off. */
static void
stream_feed(const char *stream, size_t bytes, size_t piece_max, struct log *log)
{
	struct frame frame;

	frame_init(&frame, MAX_BYTES, MAX_DEPTH);
	for (size_t at = 0; at < bytes;) {
		size_t piece = piece_max ? 1 + (size_t)rand() % piece_max : bytes;

		if (piece > bytes - at)
			piece = bytes - at;
		piece_feed(&frame, stream + at, piece, log);
		at += piece;
	}
	if (frame_end(&frame) == FRAME_TEXT) {
		log_event(log, &frame, FRAME_TEXT);
		log_add(log, "$", 1);
	}
	frame_fini(&frame);
}

static const struct {
	const char *stream;
	const char *expected;
} streams[] = {
	/* Nothing, and blanks. */
	{"", ""},
	{" \t\r\n\n", ""},
	/* Texts by the line and back to back. */
	{"{}\n{}\n", "|{}|{}"},
	{"{}{}[]", "|{}|{}|[]"},
	{" {} \r\n\t[1]", "|{}|[1]"},
	{"{\"a\":[1,{}]}{", "|{\"a\":[1,{}]}|{$"},
	/* A text over several lines. */
	{"{\n \"a\":\n[\n]\n}\n{}", "|{\n \"a\":\n[\n]\n}|{}"},
	/* Brackets in strings do not count. */
	{"{\"}\":\"]{\"}{}", "|{\"}\":\"]{\"}|{}"},
	{"[\"\\\"]\"]{}", "|[\"\\\"]\"]|{}"},
	{"[\"\\\\\"]{}", "|[\"\\\\\"]|{}"},
	/* Scalars and noise end with their line. */
	{"1\n{}", "|1|{}"},
	{"\"a b\"\r\n{}", "|\"a b\"\r|{}"},
	{"hello {\n{}", "|hello {|{}"},
	{"}\n{}", "|}|{}"},
	{"true", "|true$"},
	/* Behind a wrong closing bracket it goes on at the next line. */
	{"{\"a\":]}\n{}", "|{\"a\":]|{}"},
	{"[1}{}\n{}", "|[1}|{}"},
	{"{}}{}\n{}", "|{}|}{}|{}"},
	/* Behind a line feed in a string it goes on. */
	{"{\"a\n{}", "|{\"a\n|{}"},
	{"{\"a\\\n{}", "|{\"a\\\n|{}"},
	/* A value behind a value. */
	{"{\"a\" \"b\"}\n{}", "|{\"a\" \"|{}"},
	{"[1 [2]]\n{}", "|[1 [|{}"},
	{"[{}{}]\n{}", "|[{}{|{}"},
	/* A forgotten bracket costs one line. */
	{"{\"a\":1\n{\"b\":2}\n{}", "|{\"a\":1\n|{\"b\":2}|{}"},
	{"[[1]\n  [2]\n", "|[[1]\n  |[2]"},
	/* A line that cannot become JSON costs no other. */
	{"{\"a\":1,\n{\"b\":2}\n{}", "|{\"a\":1,\n|{\"b\":2}|{}"},
	{"{\"a\":{\n{\"b\":2}\n", "|{\"a\":{\n|{\"b\":2}"},
	{"{\n[1]\n", "|{\n|[1]"},
	{"{\"a\"\n{}", "|{\"a\"\n|{}"},
	{"{\"a\":tru\n{}", "|{\"a\":tru\n|{}"},
	{"{\"a\":-\n{}", "|{\"a\":-\n|{}"},
	{"[1.\n{}", "|[1.\n|{}"},
	{"[\"\\u12\n{}", "|[\"\\u12\n|{}"},
	/* A text ends where it cannot become JSON. */
	{"{a:1}\n{}", "|{a|{}"},
	{"{\"a\" 1}\n{}", "|{\"a\" 1|{}"},
	{"{\"a\":1,}\n{}", "|{\"a\":1,}|{}"},
	{"{\"a\":}\n{}", "|{\"a\":}|{}"},
	{"[1,,2]\n{}", "|[1,,|{}"},
	{"[:\n{}", "|[:|{}"},
	{"[01]\n{}", "|[01|{}"},
	{"[-01]\n{}", "|[-01|{}"},
	{"[1e+]\n{}", "|[1e+]|{}"},
	{"[.5]\n{}", "|[.|{}"},
	{"[truest]\n{}", "|[trues|{}"},
	{"[\"\\x\"]\n{}", "|[\"\\x|{}"},
	{"[\"\\u00g0\"]\n{}", "|[\"\\u00g|{}"},
	{"[\"\t\"]\n{}", "|[\"\t|{}"},
	/* All of the grammar. */
	{"[0,-0,10,-1.50]{}", "|[0,-0,10,-1.50]|{}"},
	{"[1e5,0E-1,2.0e+00]{}", "|[1e5,0E-1,2.0e+00]|{}"},
	{"[true\n,false ,null]{}", "|[true\n,false ,null]|{}"},
	{"[\"\\u00Af\\n\\/\\\"\"]{}", "|[\"\\u00Af\\n\\/\\\"\"]|{}"},
	{"{\"\":[],\"b\"\n:{\n}}{}", "|{\"\":[],\"b\"\n:{\n}}|{}"},
	{"[[],[{}],\n[\n]]{}", "|[[],[{}],\n[\n]]|{}"},
	/* A text of exactly the limit. */
	{"[1234567890123456 ]\n{}", "|[1234567890123456 ]|{}"},
	{"[12345678901234567 ]{}", "|[12345678901234567 ]|{}"},
	{"12345678901234567890\n{}", "|12345678901234567890|{}"},
	/* A longer text is reported once and passed over. */
	{"[123456789012345678 ]\n{}", "|LONG|{}"},
	{"[123456789012345678901234567890]{}", "|LONG|{}"},
	{"123456789012345678901\n{}", "|LONG|{}"},
	{"[\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaa]\"]{}", "|LONG|{}"},
	{"[1,2,3,4,5,6,7,8,9,10,11,12\n{}", "|LONG|{}"},
	{"{\n\"a\":1,\n\"b\":2,\n\"c\":3,\n\"d\":4\n}\n{}", "|LONG|{}"},
	{"[1,2,3,4,5,6,7,8,9,10,11,12", "|LONG"},
	/* So is a deeper one. */
	{"[[[]]]{}", "|[[[]]]|{}"},
	{"[[[[]]]]{}", "|DEEP|{}"},
	{"[[[{\"a\":[]}]]]{}", "|DEEP|{}"},
	{"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\n{}", "|DEEP|{}"},
	{"[[[\n[\n]\n]\n]\n]\n{}", "|DEEP|{}"},
	{"[[[[1}]]]\n{}", "|DEEP|{}"},
	{"[[[[]]}]\n{}", "|DEEP|{}"},
	/* An end inside what is passed over is no text. */
	{"[[[[", "|DEEP"},
	{"[1}  ", "|[1}"},
};

Test(frame, streams)
{
	static const size_t pieces[] = {0, 1, 2, 3, 7, 16};

	for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]) * 6; i++) {
		const char *stream = streams[i / 6].stream, *expected = streams[i / 6].expected;
		struct log log = {.used = 0};

		stream_feed(stream, strlen(stream), pieces[i % 6], &log);
		cr_expect_str_eq(log.text, expected, "%s in pieces of %zu: %s, expected %s", stream,
			pieces[i % 6], log.text, expected);
	}
}

Test(frame, zero_bytes_are_noise)
{
	struct log log = {.used = 0};

	stream_feed("\0\n{}", 4, 0, &log);
	cr_expect_eq(log.used, 5);
	cr_expect_eq(memcmp(log.text, "|\0|{}", 5), 0);
}

Test(frame, random_streams_do_not_depend_on_the_pieces)
{
	static const char alphabet[] = "{}[]\",:\\1a \n";
	char stream[256];

	srand(1);
	for (unsigned round = 0; round < 3000; round++) {
		struct log whole = {.used = 0};
		struct log pieces = {.used = 0};

		for (size_t i = 0; i < sizeof(stream); i++)
			stream[i] = alphabet[(size_t)rand() % (sizeof(alphabet) - 1)];
		stream_feed(stream, sizeof(stream), 0, &whole);
		stream_feed(stream, sizeof(stream), 1 + round % 40, &pieces);
		cr_assert_eq(whole.used, pieces.used);
		cr_assert_eq(memcmp(whole.text, pieces.text, whole.used), 0, "%.256s", stream);
	}
}

Test(frame, text_in_many_pieces_and_memory_is_freed)
{
	const size_t bytes = 1 << 20;
	char *text = malloc(bytes);
	enum frame_event event;
	struct frame frame;

	memset(text, ' ', bytes);
	text[0] = '[';
	text[bytes - 1] = ']';
	frame_init(&frame, bytes, 1);
	for (size_t at = 0; at < bytes; at += 1024)
		cr_assert_eq(frame_feed(&frame, text + at, 1024, &event), 1024);
	cr_assert_eq(event, FRAME_TEXT);
	cr_expect_eq(frame.n_text, bytes);
	cr_expect_eq(memcmp(frame.text, text, bytes), 0);
	frame_feed(&frame, "", 0, &event);
	cr_expect_eq(event, FRAME_MORE);
	cr_expect_null(frame.text);
	frame_fini(&frame);
	free(text);
}
