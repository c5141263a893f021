/* SPDX-License-Identifier: BSD-3-Clause */
/* See host_checks.h. */
#include "doctor/host_checks.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include "base/clock.h"
#include "doctor/boot.h"
#include "doctor/cpu_checks.h"
#include "doctor/memory.h"
#include "doctor/pci_checks.h"

#define PAGES_DIR "/sys/kernel/mm/hugepages"
#define CLOCK_DIR "/sys/devices/system/clocksource/clocksource0"

/* The pages below such a directory, by size. Returns how many sizes there are. */
static unsigned
sizes_read(const char *root, const char *directory, struct hugepage_size sizes[HUGEPAGE_SIZES_MAX])
{
	char pattern[TREE_PATH_MAX];
	unsigned n_sizes = 0;
	glob_t found;

	snprintf(pattern, sizeof(pattern), "%s%s/hugepages-*kB", root, directory);
	if (glob(pattern, 0, NULL, &found) != 0)
		return 0;
	for (size_t i = 0; i < found.gl_pathc && n_sizes < HUGEPAGE_SIZES_MAX; i++) {
		const char *path = found.gl_pathv[i];

		sizes[n_sizes++] = (struct hugepage_size){
			.kib = strtoull(strrchr(path, '-') + 1, NULL, 10),
			.total = (uint64_t)tree_number("", 0, "%s/nr_hugepages", path),
			.free = (uint64_t)tree_number("", 0, "%s/free_hugepages", path),
		};
	}
	globfree(&found);
	return n_sizes;
}

static uint64_t
sizes_free_mib(const struct hugepage_size *sizes, unsigned n_sizes)
{
	uint64_t kib = 0;

	for (unsigned i = 0; i < n_sizes; i++)
		kib += sizes[i].free * sizes[i].kib;
	return kib >> 10;
}

/* DPDK takes what a node does not have of -m from the others. */
static uint64_t
memory_share_mib(const char *root, const struct setup *setup, const struct hugepages *facts)
{
	struct hugepage_size all[HUGEPAGE_SIZES_MAX];
	const uint64_t all_mib = sizes_free_mib(all, sizes_read(root, PAGES_DIR, all));
	const uint64_t here_mib = sizes_free_mib(facts->sizes, facts->n_sizes);
	const uint64_t others_mib = all_mib > here_mib ? all_mib - here_mib : 0;

	return setup->memory_mb > others_mib ? setup->memory_mb - others_mib : 0;
}

void
hugepages_read(const char *root, const struct setup *setup, unsigned node, struct hugepages *facts)
{
	char directory[64];

	*facts = (struct hugepages){.node = node,
		.wanted = setup->hugepages,
		.runs = setup->pid != 0,
		.estimate_mib = memory_estimate_mib(root, setup, node),
		.config = setup->path};
	/* A kernel without NUMA has no directory of nodes. */
	if (tree_exists(root, NODE_DIR "/node%u/hugepages", node))
		snprintf(directory, sizeof(directory), NODE_DIR "/node%u/hugepages", node);
	else
		snprintf(directory, sizeof(directory), PAGES_DIR);
	facts->n_sizes = sizes_read(root, directory, facts->sizes);
	facts->memory_mib = memory_share_mib(root, setup, facts);
	facts->boot_mib = boot_hugepages_mib(root, node, directory);
}

/* The command that reserves what is needed. */
static void
hugepages_mend(const struct hugepages *facts, struct verdict *verdict, enum severity severity,
	const char *why, uint64_t needed_mib)
{
	verdict_fault(verdict, severity, why,
		facts->boot_mib >= needed_mib ? "sudo reboot" : "sudo sluice-setup");
}

struct verdict
hugepages_judge(const struct hugepages *facts)
{
	struct verdict verdict = verdict_begin("hugepages");
	const uint64_t needed_mib =
		facts->memory_mib > facts->estimate_mib ? facts->memory_mib : facts->estimate_mib;
	const uint64_t free_mib = sizes_free_mib(facts->sizes, facts->n_sizes);
	uint64_t total_mib = 0;

	verdict_found(&verdict, "node %u: ", facts->node);
	for (unsigned i = 0; i < facts->n_sizes; i++) {
		const uint64_t kib = facts->sizes[i].kib;

		if (facts->sizes[i].total == 0)
			continue;
		verdict_found(&verdict, "%s%" PRIu64 " of %" PRIu64 " pages of %" PRIu64 " %s free",
			total_mib > 0 ? ", " : "", facts->sizes[i].free, facts->sizes[i].total,
			kib >> 20 ? kib >> 20 : kib >> 10, kib >> 20 ? "GiB" : "MiB");
		total_mib += facts->sizes[i].total * kib >> 10;
	}
	if (total_mib == 0)
		verdict_found(&verdict, "none reserved");
	if (!facts->wanted) {
		verdict_found(&verdict, ", not used: %s has `hugepages: false`", facts->config);
		verdict_fault(&verdict, SEVERITY_WARNING,
			"Pages of 4 KiB need 512 times as many entries of the TLB as pages of 2 "
			"MiB: lookups in large tables, and packet buffers, miss it more often.",
			"sudo sed -i \"s/^hugepages:.*/hugepages: true/\" %s && sudo sluice-setup",
			facts->config);
	} else if (total_mib == 0) {
		hugepages_mend(facts, &verdict, SEVERITY_ERROR,
			"Workers and packet buffers of this node have no memory: sluiced does not "
			"start, and 0 packets are forwarded.",
			needed_mib);
	} else if (facts->runs) {
		verdict_found(&verdict, ", sluiced runs");
	} else if (free_mib < facts->memory_mib) {
		verdict_found(&verdict, ", expected %" PRIu64 " MiB free", needed_mib);
		hugepages_mend(facts, &verdict, SEVERITY_ERROR,
			"sluiced takes `memory_mb` at once, and does not start without: 0 packets "
			"are forwarded.",
			needed_mib);
	} else if (free_mib < facts->estimate_mib) {
		verdict_found(&verdict, ", expected about %" PRIu64 " MiB free", needed_mib);
		hugepages_mend(facts, &verdict, SEVERITY_WARNING,
			"sluiced allocates tables, packet buffers or rings there, and does not "
			"start if they do not fit: 0 packets are forwarded then.",
			needed_mib);
	}
	return verdict;
}

/* x86 names the interrupt controllers behind one that remaps IR-IO-APIC, IR-PCI-MSI ... */
static bool
remapping_read(const char *root)
{
	FILE *file = tree_open(root, "/proc/interrupts");
	bool remaps = !file;
	char line[8192];

	while (file && !remaps && fgets(line, sizeof(line), file))
		remaps = strstr(line, " IR-") != NULL;
	if (file)
		fclose(file);
	return remaps;
}

void
iommu_read(const char *root, const struct setup *setup, struct iommu *facts)
{
	/* Of ACPI, for the IOMMUs of Intel, AMD, Arm and virtio. */
	static const char *const tables[] = {"DMAR", "IVRS", "IORT", "VIOT"};
	char pattern[TREE_PATH_MAX], mode[8], interrupts[8], value[16];
	struct processor processor;
	glob_t groups;

	*facts = (struct iommu){.known = setup->known};
	snprintf(pattern, sizeof(pattern), "%s/sys/kernel/iommu_groups/[0-9]*", root);
	if (glob(pattern, 0, NULL, &groups) == 0) {
		facts->n_groups = (unsigned)groups.gl_pathc;
		globfree(&groups);
	}
	tree_text(
		root, mode, sizeof(mode), "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode");
	facts->unsafe = mode[0] == 'Y' || mode[0] == '1';
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		facts->has_table |= tree_exists(root, "/sys/firmware/acpi/tables/%s", tables[i]);
	processor_read(root, &processor);
	facts->remaps_interrupts = !processor.is_x86 || remapping_read(root);
	/* Until the module is loaded: its option in /etc/modprobe.d. */
	if (tree_text(root, interrupts, sizeof(interrupts),
		    "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"))
		facts->accepts_interrupts = interrupts[0] == 'Y';
	else
		facts->accepts_interrupts = tree_exists(root, "/etc/modprobe.d/sluice-setup.conf");
	facts->is_intel = processor.is_intel;
	facts->is_virtual = processor.is_virtual;
	facts->is_on_at_boot = boot_parameter(root, "intel_iommu", value, sizeof(value)) &&
			       strcmp(value, "on") == 0;
	for (unsigned i = 0; i < setup->n_ports; i++) {
		struct device device;

		device_read(root, &setup->ports[i], &device);
		facts->n_vfio += device_needs_vfio(&device);
	}
}

/* The command that turns it on. */
static const char *
iommu_mend(const struct iommu *facts)
{
	if (!facts->has_table && facts->is_virtual)
		return "virsh edit VM # on the host: <iommu model=\"intel\"/>, or virtio";
	if (!facts->has_table)
		return "sudo systemctl reboot --firmware-setup # then enable VT-d or AMD-Vi";
	if (facts->is_on_at_boot)
		return "sudo reboot";
	if (facts->is_intel)
		return "sudo sluice-setup";
	/* Others are on, unless they were turned off. */
	return "grep -i iommu /proc/cmdline; sudo dmesg | grep -i -E \"iommu|AMD-Vi|SMMU\"";
}

struct verdict
iommu_judge(const struct iommu *facts)
{
	struct verdict verdict = verdict_begin("iommu");

	if (facts->n_groups > 0)
		verdict_found(&verdict, "on, %u group%s of devices", facts->n_groups,
			facts->n_groups == 1 ? "" : "s");
	else
		verdict_found(&verdict, "none, or off%s",
			facts->unsafe ? "; vfio is set to do without" : "");
	if (facts->n_vfio == 0) {
		verdict_found(&verdict, "; %s",
			facts->known ? "no port needs it"
				     : "needed for a NIC that is bound to vfio-pci");
	} else if (facts->n_groups == 0 && facts->unsafe) {
		verdict_fault(&verdict, SEVERITY_WARNING,
			"The NIC can write to any memory of this machine. Packets are not slower.",
			"%s", iommu_mend(facts));
	} else if (facts->n_groups == 0) {
		verdict_fault(&verdict, SEVERITY_ERROR,
			"vfio-pci does not hand a NIC to sluiced without an IOMMU: its ports "
			"forward 0 packets.",
			"%s", iommu_mend(facts));
	} else if (!facts->remaps_interrupts) {
		verdict_found(&verdict, ", without remapping of interrupts%s",
			facts->accepts_interrupts ? ", which vfio accepts" : "");
		if (!facts->accepts_interrupts)
			verdict_fault(&verdict, SEVERITY_ERROR,
				"vfio-pci does not hand a NIC to sluiced without it, unless it is "
				"told: its ports forward 0 packets.",
				"sudo sluice-setup");
		else
			verdict_fault(&verdict, SEVERITY_WARNING,
				"The NIC can raise any interrupt of this machine. Packets are not "
				"slower.",
				facts->is_virtual
					? "virsh edit VM # on the host: <iommu "
					  "model=\"intel\"><driver intremap=\"on\"/></iommu>"
					: "sudo dmesg | grep -i -E \"DMAR-IR|AMD-Vi|remapping\"");
	}
	return verdict;
}

static uint64_t
memlock_read(const char *root, const char *process)
{
	static const char name[] = "Max locked memory";
	FILE *file = tree_open(root, "/proc/%s/limits", process);
	uint64_t bytes = 0;
	char line[128];

	while (file && fgets(line, sizeof(line), file)) {
		const char *value = line + sizeof(name) - 1;

		if (strncmp(line, name, sizeof(name) - 1) != 0)
			continue;
		value += strspn(value, " ");
		bytes = strncmp(value, "unlimited", 9) == 0 ? UINT64_MAX
							    : strtoull(value, NULL, 10);
	}
	if (file)
		fclose(file);
	return bytes;
}

void
privileges_read(const char *root, const struct setup *setup, struct privileges *facts)
{
	char process[16] = "self", line[128];
	FILE *file;

	*facts = (struct privileges){.runs = setup->pid != 0, .known = setup->known};
	if (facts->runs)
		snprintf(process, sizeof(process), "%d", (int)setup->pid);
	facts->memlock_bytes = memlock_read(root, process);
	file = tree_open(root, "/proc/%s/status", process);
	while (file && fgets(line, sizeof(line), file))
		facts->is_read |= sscanf(line, "CapEff: %" SCNx64, &facts->capabilities) == 1;
	if (file)
		fclose(file);
	for (unsigned i = 0; i < setup->n_ports; i++) {
		struct device device;

		device_read(root, &setup->ports[i], &device);
		facts->vfio |= device_needs_vfio(&device);
		facts->af_xdp |= setup->ports[i].iface[0] != '\0';
		facts->tap |= strncmp(setup->ports[i].devargs, "net_tap", 7) == 0;
	}
}

#define CAPABILITY(number) (UINT64_C(1) << (number))
#define MEMLOCK_LEAST (UINT64_C(512) << 20)

/* Name those that are missing. Returns how many. */
static unsigned
capabilities_missing(const struct privileges *facts, struct verdict *verdict)
{
	const uint64_t has = facts->capabilities;
	const struct {
		const char *name;
		bool is_missing;
	} needed[] = {
		{"CAP_NET_ADMIN",
			(facts->af_xdp || facts->tap) && !(has & CAPABILITY(CAP_NET_ADMIN))},
		{"CAP_NET_RAW", facts->af_xdp && !(has & CAPABILITY(CAP_NET_RAW))},
		{"CAP_BPF", facts->af_xdp &&
				    !(has & (CAPABILITY(CAP_BPF) | CAPABILITY(CAP_SYS_ADMIN)))},
	};
	unsigned n = 0;

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (needed[i].is_missing)
			verdict_found(
				verdict, "%s%s", n++ > 0 ? ", " : ", without ", needed[i].name);
	}
	return n;
}

struct verdict
privileges_judge(const struct privileges *facts)
{
	struct verdict verdict = verdict_begin("privileges");
	const bool locks = facts->memlock_bytes >= MEMLOCK_LEAST ||
			   facts->capabilities & CAPABILITY(CAP_IPC_LOCK);

	if (!facts->is_read) {
		verdict_found(&verdict, "not known: sluiced's cannot be read by this user");
		verdict_fault(&verdict, SEVERITY_WARNING,
			"A limit on locked memory keeps ports of vfio-pci and net_af_xdp closed: 0 "
			"packets.",
			"sudo sluicectl doctor");
		return verdict;
	}
	verdict_found(&verdict, "%s: memlock ", facts->runs ? "sluiced" : "this shell");
	if (facts->memlock_bytes == UINT64_MAX)
		verdict_found(&verdict, "unlimited");
	else
		verdict_found(&verdict, "%" PRIu64 " KiB", facts->memlock_bytes >> 10);
	if (facts->capabilities & CAPABILITY(CAP_IPC_LOCK) && facts->memlock_bytes < MEMLOCK_LEAST)
		verdict_found(&verdict, ", which CAP_IPC_LOCK lifts");
	if (facts->runs) {
		/* It may have given up what it opened its ports with. */
		verdict_found(&verdict, ", its ports are open");
		return verdict;
	}
	if (capabilities_missing(facts, &verdict) > 0)
		verdict_fault(&verdict, SEVERITY_WARNING,
			"sluiced cannot open its ports if it is started here: 0 packets.",
			"sudo systemctl start sluiced");
	if (!locks && (facts->vfio || facts->af_xdp || !facts->known)) {
		verdict_found(&verdict, ", expected 512 MiB");
		verdict_fault(&verdict, SEVERITY_WARNING,
			"Ports of vfio-pci and net_af_xdp lock their packet buffers in memory, and "
			"do not open otherwise: 0 packets, if sluiced is started here.",
			"sudo prlimit --pid $$ --memlock=unlimited");
	}
	return verdict;
}

void
clock_check_read(const char *root, struct clock *facts)
{
	struct timex state = {0};

	char available[128];

	tree_text(root, facts->source, sizeof(facts->source), CLOCK_DIR "/current_clocksource");
	tree_text(root, available, sizeof(available), CLOCK_DIR "/available_clocksource");
	facts->has_tsc = has_word(available, "tsc");
	facts->is_synchronised = adjtimex(&state) != TIME_ERROR && !(state.status & STA_UNSYNC);
}

struct verdict
clock_judge(const struct clock *facts)
{
	/* Those that a process reads without a system call. */
	static const char *const fast[] = {
		"tsc", "arch_sys_counter", "kvm-clock", "hyperv_clocksource_tsc_page"};
	struct verdict verdict = verdict_begin("clock");
	bool is_fast = false;

	for (size_t i = 0; i < sizeof(fast) / sizeof(fast[0]); i++)
		is_fast |= strcmp(facts->source, fast[i]) == 0;
	verdict_found(&verdict, "%s, clocksource %s",
		facts->is_synchronised ? "synchronised" : "not synchronised",
		facts->source[0] ? facts->source : "unknown");
	if (!is_fast) {
		verdict_found(&verdict, ", expected tsc");
		verdict_fault(&verdict, SEVERITY_WARNING,
			"The control thread reads the clock by a system call, and the kernel from "
			"a device instead of a register of the CPU. `dmesg` says why the kernel "
			"does not use the TSC.",
			facts->has_tsc ? "echo tsc | sudo tee " CLOCK_DIR "/current_clocksource"
				       : "sudo dmesg | grep -i -E \"clocksource|tsc\"");
	}
	if (!facts->is_synchronised)
		verdict_fault(&verdict, SEVERITY_WARNING,
			"Times of events, logs and history cannot be compared with other hosts. "
			"No packet is delayed.",
			"sudo apt-get install -y chrony");
	return verdict;
}

#define FSYNC_ROUNDS 5
#define FSYNC_SLOW_US 20000
#define STORE_BYTES_LEAST (UINT64_C(100) << 20)
#define STORE_PAGE 4096

static int
number_compare(const void *left, const void *right)
{
	const uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

static int
fsync_measure(const char *directory, uint64_t *median_us)
{
	static const char page[STORE_PAGE];
	char path[2 * TREE_PATH_MAX + 32];
	uint64_t rounds_us[FSYNC_ROUNDS];
	int fd, error = 0;

	snprintf(path, sizeof(path), "%s/.sluice-doctor-XXXXXX", directory);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return errno;
	unlink(path);
	for (unsigned i = 0; i < FSYNC_ROUNDS && error == 0; i++) {
		const uint64_t begun_ns = clock_read_ns(CLOCK_MONOTONIC);

		if (write(fd, page, sizeof(page)) != (ssize_t)sizeof(page) || fsync(fd) < 0)
			error = errno;
		rounds_us[i] = (clock_read_ns(CLOCK_MONOTONIC) - begun_ns) / 1000;
	}
	close(fd);
	if (error != 0)
		return error;
	qsort(rounds_us, FSYNC_ROUNDS, sizeof(rounds_us[0]), number_compare);
	*median_us = rounds_us[FSYNC_ROUNDS / 2];
	return 0;
}

void
store_read(const char *root, const struct setup *setup, struct store *facts)
{
	char directory[2 * TREE_PATH_MAX];
	struct statvfs disk;
	char *slash;

	*facts = (struct store){.path = setup->store, .config = setup->path};
	if (setup->store[0] == '\0')
		return;
	snprintf(facts->directory, sizeof(facts->directory), "%s", setup->store);
	/* sluiced creates it. */
	do {
		slash = strrchr(facts->directory, '/');
		*slash = '\0';
	} while (slash > facts->directory && !tree_exists(root, "%s", facts->directory));
	snprintf(directory, sizeof(directory), "%s%s/", root, facts->directory);
	if (facts->directory[0] == '\0')
		snprintf(facts->directory, sizeof(facts->directory), "/");
	if (statvfs(directory, &disk) < 0)
		facts->error = errno;
	else if (disk.f_flag & ST_RDONLY)
		facts->error = EROFS;
	else
		facts->error = fsync_measure(directory, &facts->fsync_us);
	if (facts->error == 0)
		facts->free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
}

/* What fills the disk is shown, and to be deleted by its owner. */
static void
space_mend(
	const struct store *facts, struct verdict *verdict, enum severity severity, const char *why)
{
	verdict_fault(verdict, severity, why,
		"df -h %s && sudo du -xh --max-depth 1 \"$(findmnt -no TARGET -T %s)\" | sort -h",
		facts->directory, facts->directory);
}

struct verdict
store_judge(const struct store *facts)
{
	static const char error_why[] = "sluiced does not start without its store, or a change of "
					"flows is refused; what it forwards already goes on.";
	struct verdict verdict = verdict_begin("store");

	if (facts->path[0] == '\0') {
		verdict_found(&verdict, "none: state.path is empty, flows end with the process");
		return verdict;
	}
	verdict_found(&verdict, "%s: ", facts->path);
	if (facts->error == 0)
		verdict_found(&verdict,
			"%" PRIu64 " MiB free, fsync takes %" PRIu64 ".%" PRIu64 " ms",
			facts->free_bytes >> 20, facts->fsync_us / 1000,
			facts->fsync_us % 1000 / 100);
	else
		verdict_found(&verdict, "%s: %s", facts->directory, strerror(facts->error));
	if (facts->error == EACCES || facts->error == EPERM)
		verdict_fault(&verdict, SEVERITY_WARNING,
			"The disk's latency is not known to this user. A change of flows waits for "
			"it; packets do not.",
			"sudo sluicectl doctor");
	else if (facts->error == EROFS)
		verdict_fault(&verdict, SEVERITY_ERROR, error_why,
			"sudo dmesg -T --level=err,warn # of a disk with errors: unmount it, and "
			"run fsck; else see findmnt -T %s",
			facts->directory);
	else if (facts->error == ENOSPC || facts->error == EDQUOT)
		space_mend(facts, &verdict, SEVERITY_ERROR, error_why);
	else if (facts->error != 0)
		verdict_fault(
			&verdict, SEVERITY_ERROR, error_why, "sudo dmesg -T --level=err,warn");
	else if (facts->free_bytes < STORE_BYTES_LEAST)
		space_mend(facts, &verdict, SEVERITY_WARNING,
			"A change of flows is refused when the disk is full; what is forwarded "
			"already goes on.");
	if (facts->fsync_us > FSYNC_SLOW_US)
		verdict_fault(&verdict, SEVERITY_WARNING,
			"A change of flows is answered only when it is on the disk, so that few of "
			"them fit into a second. Packets do not wait.",
			"sudoedit %s # state: {path: ...} on a faster disk", facts->config);
	return verdict;
}

void
host_checks(const char *root, const struct setup *setup, json_t *report)
{
	struct privileges privileges;
	struct hugepages hugepages;
	struct verdict verdict;
	cpu_set_t nodes;
	struct clock clock;
	struct iommu iommu;
	struct store store;

	memory_nodes_read(root, setup, &nodes);
	for (unsigned node = 0; node < CPU_SETSIZE; node++) {
		if (!CPU_ISSET(node, &nodes))
			continue;
		hugepages_read(root, setup, node, &hugepages);
		verdict = hugepages_judge(&hugepages);
		verdict_report(&verdict, report);
	}
	iommu_read(root, setup, &iommu);
	verdict = iommu_judge(&iommu);
	verdict_report(&verdict, report);
	privileges_read(root, setup, &privileges);
	verdict = privileges_judge(&privileges);
	verdict_report(&verdict, report);
	clock_check_read(root, &clock);
	verdict = clock_judge(&clock);
	verdict_report(&verdict, report);
	store_read(root, setup, &store);
	verdict = store_judge(&store);
	verdict_report(&verdict, report);
}
