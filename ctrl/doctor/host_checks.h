/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checks of memory, privileges, clock and disk. Each has facts, what reads them below a root, and a
 * pure function that judges them. Any thread.
 */
#ifndef CTRL_DOCTOR_HOST_CHECKS_H
#define CTRL_DOCTOR_HOST_CHECKS_H

#include <stdbool.h>
#include <stdint.h>

#include "doctor/setup.h"
#include "doctor/tree.h"
#include "doctor/verdict.h"

#define HUGEPAGE_SIZES_MAX 4

struct hugepage_size {
	uint64_t kib; /* of a page */
	uint64_t total, free; /* pages */
};

/* Of one NUMA node. */
struct hugepages {
	unsigned node;
	bool wanted; /* `hugepages` in sluice.yaml */
	bool runs; /* sluiced has taken its own */
	uint64_t memory_mib; /* of what sluiced takes at once, that which other nodes do not have */
	unsigned estimate_mib; /* of what it allocates in all until it forwards */
	uint64_t boot_mib; /* of all pages after the next boot, if they are not there yet; else 0 */
	unsigned n_sizes;
	struct hugepage_size sizes[HUGEPAGE_SIZES_MAX];
	const char *config; /* path of sluice.yaml; borrowed */
};

void hugepages_read(
	const char *root, const struct setup *setup, unsigned node, struct hugepages *facts);
struct verdict hugepages_judge(const struct hugepages *facts);

struct iommu {
	unsigned n_groups; /* of devices that an IOMMU separates */
	bool unsafe; /* vfio accepts devices without an IOMMU */
	bool remaps_interrupts; /* or is none of x86, where vfio asks for it */
	bool accepts_interrupts; /* vfio accepts devices without */
	bool known; /* the ports are */
	unsigned n_vfio; /* ports that need vfio-pci */
	bool has_table; /* the firmware describes one to the kernel */
	bool is_intel, is_virtual; /* the machine */
	bool is_on_at_boot; /* sluice-setup has set intel_iommu=on for the next boot */
};

void iommu_read(const char *root, const struct setup *setup, struct iommu *facts);
struct verdict iommu_judge(const struct iommu *facts);

/* Of sluiced, or if it does not run of this process, as a user who starts it has them. */
struct privileges {
	bool runs;
	bool is_read; /* sluiced's can be read */
	uint64_t memlock_bytes; /* UINT64_MAX: unlimited */
	uint64_t capabilities; /* effective, bit by bit as in capabilities(7) */
	bool known; /* the ports are */
	bool af_xdp, vfio, tap; /* there are ports of that kind */
};

void privileges_read(const char *root, const struct setup *setup, struct privileges *facts);
struct verdict privileges_judge(const struct privileges *facts);

struct clock {
	bool is_synchronised;
	char source[32]; /* "": unknown */
	bool has_tsc; /* the kernel would take the TSC, too */
};

/* The state of the clock is that of the system, below any root. */
void clock_check_read(const char *root, struct clock *facts);
struct verdict clock_judge(const struct clock *facts);

struct store {
	const char *path; /* "": nothing is kept; borrowed */
	char directory[TREE_PATH_MAX]; /* the nearest one that is there */
	int error; /* errno of the first call that failed; 0: none */
	uint64_t free_bytes;
	uint64_t fsync_us; /* median of a few */
	const char *config; /* as above */
};

/* Writes a small file without a name there. */
void store_read(const char *root, const struct setup *setup, struct store *facts);
struct verdict store_judge(const struct store *facts);

/* All of these. */
void host_checks(const char *root, const struct setup *setup, json_t *report);

#endif
