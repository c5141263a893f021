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

static void
stream_check(const char *stream, const char *expected)
{
	static const size_t pieces[] = {0, 1, 2, 3, 7, 16};

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct log log = {.used = 0};

		stream_feed(stream, strlen(stream), pieces[i], &log);
		cr_expect_str_eq(log.text, expected, "%s in pieces of %zu: %s, expected %s", stream,
			pieces[i], log.text, expected);
	}
}

Test(frame, nothing_and_blanks)
{
	stream_check("", "");
	stream_check(" \t\r\n\n", "");
}

Test(frame, texts_by_line_and_back_to_back)
{
	stream_check("{}\n{}\n", "|{}|{}");
	stream_check("{}{}[]", "|{}|{}|[]");
	stream_check(" {} \r\n\t[1]", "|{}|[1]");
	stream_check("{\"a\":[1,{}]}{", "|{\"a\":[1,{}]}|{$");
}

Test(frame, text_over_several_lines)
{
	stream_check("{\n \"a\":\n[\n]\n}\n{}", "|{\n \"a\":\n[\n]\n}|{}");
}

Test(frame, brackets_in_strings_do_not_count)
{
	stream_check("{\"}\":\"]{\"}{}", "|{\"}\":\"]{\"}|{}");
	stream_check("[\"\\\"]\"]{}", "|[\"\\\"]\"]|{}");
	stream_check("[\"\\\\\"]{}", "|[\"\\\\\"]|{}");
}

Test(frame, scalars_and_noise_end_with_their_line)
{
	stream_check("1\n{}", "|1|{}");
	stream_check("\"a b\"\r\n{}", "|\"a b\"\r|{}");
	stream_check("hello {\n{}", "|hello {|{}");
	stream_check("}\n{}", "|}|{}");
	stream_check("true", "|true$");
}

Test(frame, wrong_closing_bracket_goes_on_at_the_next_line)
{
	stream_check("{\"a\":]}\n{}", "|{\"a\":]|{}");
	stream_check("[1}{}\n{}", "|[1}|{}");
	stream_check("{}}{}\n{}", "|{}|}{}|{}");
}

Test(frame, line_feed_in_a_string_goes_on_behind_it)
{
	stream_check("{\"a\n{}", "|{\"a\n|{}");
	stream_check("{\"a\\\n{}", "|{\"a\\\n|{}");
}

Test(frame, value_behind_a_value)
{
	stream_check("{\"a\" \"b\"}\n{}", "|{\"a\" \"|{}");
	stream_check("[1 [2]]\n{}", "|[1 [|{}");
	stream_check("[{}{}]\n{}", "|[{}{|{}");
}

Test(frame, forgotten_bracket_costs_one_line)
{
	stream_check("{\"a\":1\n{\"b\":2}\n{}", "|{\"a\":1\n|{\"b\":2}|{}");
	stream_check("[[1]\n  [2]\n", "|[[1]\n  |[2]");
}

Test(frame, line_that_cannot_become_json_costs_no_other)
{
	stream_check("{\"a\":1,\n{\"b\":2}\n{}", "|{\"a\":1,\n|{\"b\":2}|{}");
	stream_check("{\"a\":{\n{\"b\":2}\n", "|{\"a\":{\n|{\"b\":2}");
	stream_check("{\n[1]\n", "|{\n|[1]");
	stream_check("{\"a\"\n{}", "|{\"a\"\n|{}");
	stream_check("{\"a\":tru\n{}", "|{\"a\":tru\n|{}");
	stream_check("{\"a\":-\n{}", "|{\"a\":-\n|{}");
	stream_check("[1.\n{}", "|[1.\n|{}");
	stream_check("[\"\\u12\n{}", "|[\"\\u12\n|{}");
}

Test(frame, text_ends_where_it_cannot_become_json)
{
	stream_check("{a:1}\n{}", "|{a|{}");
	stream_check("{\"a\" 1}\n{}", "|{\"a\" 1|{}");
	stream_check("{\"a\":1,}\n{}", "|{\"a\":1,}|{}");
	stream_check("{\"a\":}\n{}", "|{\"a\":}|{}");
	stream_check("[1,,2]\n{}", "|[1,,|{}");
	stream_check("[:\n{}", "|[:|{}");
	stream_check("[01]\n{}", "|[01|{}");
	stream_check("[1e+]\n{}", "|[1e+]|{}");
	stream_check("[.5]\n{}", "|[.|{}");
	stream_check("[truest]\n{}", "|[trues|{}");
	stream_check("[\"\\x\"]\n{}", "|[\"\\x|{}");
	stream_check("[\"\\u00g0\"]\n{}", "|[\"\\u00g|{}");
	stream_check("[\"\t\"]\n{}", "|[\"\t|{}");
}

Test(frame, all_of_the_grammar)
{
	stream_check("[0,-0,10,-1.50]{}", "|[0,-0,10,-1.50]|{}");
	stream_check("[1e5,0E-1,2.0e+00]{}", "|[1e5,0E-1,2.0e+00]|{}");
	stream_check("[true\n,false ,null]{}", "|[true\n,false ,null]|{}");
	stream_check("[\"\\u00Af\\n\\/\\\"\"]{}", "|[\"\\u00Af\\n\\/\\\"\"]|{}");
	stream_check("{\"\":[],\"b\"\n:{\n}}{}", "|{\"\":[],\"b\"\n:{\n}}|{}");
	stream_check("[[],[{}],\n[\n]]{}", "|[[],[{}],\n[\n]]|{}");
}

Test(frame, text_of_exactly_the_limit)
{
	stream_check("[1234567890123456 ]\n{}", "|[1234567890123456 ]|{}");
	stream_check("[12345678901234567 ]{}", "|[12345678901234567 ]|{}");
	stream_check("12345678901234567890\n{}", "|12345678901234567890|{}");
}

Test(frame, longer_text_is_reported_once_and_passed_over)
{
	stream_check("[123456789012345678 ]\n{}", "|LONG|{}");
	stream_check("[123456789012345678901234567890]{}", "|LONG|{}");
	stream_check("123456789012345678901\n{}", "|LONG|{}");
	stream_check("[\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaa]\"]{}", "|LONG|{}");
	stream_check("[1,2,3,4,5,6,7,8,9,10,11,12\n{}", "|LONG|{}");
	stream_check("{\n\"a\":1,\n\"b\":2,\n\"c\":3,\n\"d\":4\n}\n{}", "|LONG|{}");
	stream_check("[1,2,3,4,5,6,7,8,9,10,11,12", "|LONG");
}

Test(frame, deeper_text_is_reported_once_and_passed_over)
{
	stream_check("[[[]]]{}", "|[[[]]]|{}");
	stream_check("[[[[]]]]{}", "|DEEP|{}");
	stream_check("[[[{\"a\":[]}]]]{}", "|DEEP|{}");
	stream_check("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\n{}", "|DEEP|{}");
	stream_check("[[[\n[\n]\n]\n]\n]\n{}", "|DEEP|{}");
	stream_check("[[[[1}]]]\n{}", "|DEEP|{}");
	stream_check("[[[[]]}]\n{}", "|DEEP|{}");
}

Test(frame, end_inside_what_is_passed_over_is_no_text)
{
	stream_check("[[[[", "|DEEP");
	stream_check("[1}  ", "|[1}");
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

Test(frame, text_goes_on_over_many_pieces_and_room_is_given_back)
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
