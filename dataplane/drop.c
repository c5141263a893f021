/* SPDX-License-Identifier: BSD-3-Clause */
#include <dp/stats.h>

#define DROP_NAME(name, help) [DP_DROP_##name] = #name,
#define DROP_HELP(name, help) [DP_DROP_##name] = help,

static const char *const names[DP_DROP_COUNT] = {
	DP_FRAME_DROPS(DROP_NAME) DP_FLOW_DROPS(DROP_NAME) DP_COPY_DROPS(DROP_NAME)};
static const char *const helps[DP_DROP_COUNT] = {
	DP_FRAME_DROPS(DROP_HELP) DP_FLOW_DROPS(DROP_HELP) DP_COPY_DROPS(DROP_HELP)};

#define XDP_NAME(name, help) [DP_XDP_##name] = #name,
static const char *const xdp_names[DP_XDP_COUNT] = {DP_XDP_COUNTS(XDP_NAME)};

#define EXCEPTION_NAME(name, pps, help) [DP_EXCEPTION_##name] = #name,
static const char *const exception_names[DP_EXCEPTION_COUNT] = {DP_EXCEPTIONS(EXCEPTION_NAME)};

const char *
dp_exception_name(enum dp_exception exception)
{
	return exception_names[exception];
}

const char *
dp_xdp_name(enum dp_xdp count)
{
	return xdp_names[count];
}

const char *
dp_drop_name(enum dp_drop reason)
{
	return names[reason];
}

const char *
dp_drop_help(enum dp_drop reason)
{
	return helps[reason];
}
