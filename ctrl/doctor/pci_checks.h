/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checks of the ports' devices: driver and firmware, PCI Express, distance to the workers. Each has
 * facts, what reads them below a root, and a pure function that judges them. Any thread.
 */
#ifndef CTRL_DOCTOR_PCI_CHECKS_H
#define CTRL_DOCTOR_PCI_CHECKS_H

#include <stdbool.h>

#include "doctor/setup.h"
#include "doctor/verdict.h"

/* Gigatransfers per second of a lane, and lanes; 0: unknown, as of virtual devices. */
struct pcie_link {
	double gts;
	unsigned lanes;
};

/* What a port is on. */
struct device {
	const struct port_setup *port; /* borrowed */
	bool is_there; /* the PCI device, or the kernel interface that the port names */
	char pci[16]; /* its name on its bus, "0000:03:00.0" */
	char driver[32]; /* "": none */
	char netdev[DP_NAME_MAX]; /* the kernel's interface of it; "": none */
	bool is_up; /* that interface */
	bool has_default_route;
	char firmware[32]; /* "": unknown */
	int node; /* -1: unknown, or of no node */
	struct pcie_link link, link_max;
	const char *config; /* path of sluice.yaml; borrowed */
};

/* The firmware's version is asked of the kernel if root is "". */
void device_read(const char *root, const struct port_setup *port, struct device *device);

/* Whether DPDK drives it by vfio-pci: NICs of some makers stay with the kernel's driver. */
bool device_needs_vfio(const struct device *device);

struct verdict driver_judge(const struct device *device);

/* Of a device on PCI Express. */
struct verdict pcie_judge(const struct device *device);

#define NODES_MAX 64

struct placement {
	const struct device *device;
	unsigned n_nodes; /* of the machine */
	unsigned n_workers;
	struct {
		unsigned cpu;
		int node; /* -1: unknown */
		unsigned distance; /* to the device, as ACPI's SLIT has it; 10: the same node */
	} workers[DP_WORKERS_MAX];
	char local_cpus[128]; /* of the device's node, "8-15" */
};

void placement_read(const char *root, const struct setup *setup, const struct device *device,
	struct placement *facts);
struct verdict placement_judge(const struct placement *facts);

/* All of these, of each port. */
void pci_checks(const char *root, const struct setup *setup, json_t *report);

#endif
