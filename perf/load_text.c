/* SPDX-License-Identifier: BSD-3-Clause */
/* The flows of a media relay: a caller's address and port to one of ours, out by the other port. */
#include "load_text.h"

#include <stdio.h>
#include <stdlib.h>

#define HOSTS 254u /* of a documentation network, RFC 5737 */
#define PORTS 64000u
#define PORT_FIRST 1024u

static void
flow_write(FILE *out, unsigned n)
{
	const unsigned host = 1 + n % HOSTS, port = PORT_FIRST + n / HOSTS % PORTS;
	const unsigned ours = PORT_FIRST + n % PORTS;

	fprintf(out,
		"{\"id\":\"call-%u\",\"match\":{\"port\":\"p0\",\"src\":\"198.51.100.%u\","
		"\"src_port\":%u,\"dst\":\"192.0.2.1\",\"dst_port\":%u},\"legs\":[{\"port\":\"p1\","
		"\"src\":\"192.0.2.2\",\"src_port\":%u,\"dst\":\"203.0.113.%u\",\"dst_port\":%u,"
		"\"mac\":\"02:00:5e:00:53:01\"}]}",
		n, host, port, ours, ours, host, port);
}

static void
id_write(FILE *out, unsigned n)
{
	fprintf(out, "\"call-%u\"", n);
}

static void
begin(FILE *out, const char *method)
{
	fprintf(out, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":", method);
}

static FILE *
text_open(struct load_text *request)
{
	FILE *out = open_memstream(&request->text, &request->bytes);

	if (!out)
		perror("control-load");
	return out;
}

static int
text_close(FILE *out)
{
	const bool failed = ferror(out);

	if (fclose(out) == 0 && !failed)
		return 0;
	perror("control-load: request");
	return -1;
}

static int
list_make(struct load_text *request, const char *method, const char *head, const char *member,
	unsigned first, unsigned n, void (*write)(FILE *out, unsigned n))
{
	FILE *out = text_open(request);

	if (!out)
		return -1;
	begin(out, method);
	fprintf(out, "{%s\"%s\":[", head, member);
	for (unsigned i = 0; i < n; i++) {
		if (i)
			fputc(',', out);
		write(out, first + i);
	}
	fputs("]}}\n", out);
	return text_close(out);
}

int
load_text_flows(struct load_text *request, const char *method, const char *head, const char *member,
	unsigned first, unsigned n)
{
	return list_make(request, method, head, member, first, n, flow_write);
}

int
load_text_ids(struct load_text *request, const char *method, const char *head, const char *member,
	unsigned first, unsigned n)
{
	return list_make(request, method, head, member, first, n, id_write);
}

int
load_text_params(struct load_text *request, const char *method, const char *params)
{
	FILE *out = text_open(request);

	if (!out)
		return -1;
	begin(out, method);
	fprintf(out, "%s}\n", params);
	return text_close(out);
}

void
load_text_fini(struct load_text *request)
{
	free(request->text);
}
