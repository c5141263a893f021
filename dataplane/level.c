/* SPDX-License-Identifier: BSD-3-Clause */
#define ALLOW_EXPERIMENTAL_API /* rte_vect_get_max_simd_bitwidth(), as of DPDK 22.11 */

#include "level.h"

#include <stdio.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <rte_common.h>
#include <rte_vect.h>

/* In ascending order: a level also needs what those before it do. */
static const struct level {
	const struct fastpath *fastpath;
	bool avx512; /* the system must save the registers of AVX-512 */
	unsigned n_flags;
	enum rte_cpu_flag_t flags[13]; /* all that meson.build lets the compiler use */
} levels[] = {
#if defined(__x86_64__)
	{.fastpath = &fastpath_v2},
	{&fastpath_v4, true, 13,
		{RTE_CPUFLAG_AVX, RTE_CPUFLAG_AVX2, RTE_CPUFLAG_BMI1, RTE_CPUFLAG_BMI2,
			RTE_CPUFLAG_F16C, RTE_CPUFLAG_FMA, RTE_CPUFLAG_LZCNT, RTE_CPUFLAG_MOVBE,
			RTE_CPUFLAG_AVX512F, RTE_CPUFLAG_AVX512BW, RTE_CPUFLAG_AVX512CD,
			RTE_CPUFLAG_AVX512DQ, RTE_CPUFLAG_AVX512VL}},
#else
	{.fastpath = &fastpath_neon},
#endif
};

/*
 * Whether the operating system, or the hypervisor below it, saves the registers of AVX-512 (XCR0).
 * Without, its instructions are illegal on a CPU that has the flags, which are all that DPDK 22.11
 * looks at.
 */
static bool
saves_avx512(void)
{
#if defined(__x86_64__)
	return __builtin_cpu_supports("avx512f") != 0; /* reads CPUID and XCR0 */
#else
	return false;
#endif
}

/* DPDK 22.11 reads LZCNT from the bit before its own, which Intel's CPUs never set. */
static int
has_flag(enum rte_cpu_flag_t flag)
{
#if defined(__x86_64__)
	unsigned eax, ebx, ecx, edx;

	if (flag == RTE_CPUFLAG_LZCNT)
		return __get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx) && (ecx & bit_LZCNT) != 0;
#endif
	return rte_cpu_get_flag_enabled(flag);
}

struct level_host
level_host_get(void)
{
	return (struct level_host){
		.has_flag = has_flag,
		.saves_avx512 = saves_avx512(),
		.simd_bits = rte_vect_get_max_simd_bitwidth(),
	};
}

const struct fastpath *
level_get(unsigned i)
{
	return i < RTE_DIM(levels) ? levels[i].fastpath : NULL;
}

/* Whether the host has what levels[i] needs beyond those before it; if not, *why says so. */
static bool
level_fits(const struct level_host *host, unsigned i, char *why, size_t why_size)
{
	for (unsigned f = 0; f < levels[i].n_flags; f++) {
		if (host->has_flag(levels[i].flags[f]) > 0)
			continue;
		snprintf(why, why_size, "the CPU has no %s",
			rte_cpu_get_flag_name(levels[i].flags[f]));
		return false;
	}
	if (levels[i].avx512 && !host->saves_avx512) {
		snprintf(why, why_size, "the system does not save the registers of AVX-512");
		return false;
	}
	if (levels[i].fastpath->simd_bits <= host->simd_bits)
		return true;
	snprintf(why, why_size, "the EAL allows vectors of %u bits", host->simd_bits);
	return false;
}

const struct fastpath *
level_choose(const struct level_host *host, const char *name, char *error, size_t error_size)
{
	const bool any = name == NULL || strcmp(name, "auto") == 0;
	unsigned best = 0, wanted = 0;
	char why[64] = "";
	size_t n;

	while (best + 1 < RTE_DIM(levels) && level_fits(host, best + 1, why, sizeof(why)))
		best++;
	if (any)
		return levels[best].fastpath;
	while (wanted < RTE_DIM(levels) && strcmp(levels[wanted].fastpath->name, name) != 0)
		wanted++;
	if (wanted <= best)
		return levels[wanted].fastpath;
	if (wanted < RTE_DIM(levels)) {
		snprintf(error, error_size, "cpu_level: found %s, expected auto, or at most %s: %s",
			name, levels[best].fastpath->name, why);
		return NULL;
	}
	n = (size_t)snprintf(error, error_size, "cpu_level: found %s, expected auto", name);
	for (unsigned i = 0; i <= best && n < error_size; i++)
		n += (size_t)snprintf(error + n, error_size - n, "%s%s", i == best ? " or " : ", ",
			levels[i].fastpath->name);
	return NULL;
}
