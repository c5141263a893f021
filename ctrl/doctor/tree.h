/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Small files of /proc and /sys, read below a root directory ("" is that of the system), and sets
 * of CPUs as the kernel writes them. Paths are printf-style and begin with "/". Any thread.
 */
#ifndef CTRL_DOCTOR_TREE_H
#define CTRL_DOCTOR_TREE_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define TREE_PATH_MAX 512
#define NODE_DIR "/sys/devices/system/node" /* directory of the NUMA nodes */
#define CPUS_TEXT_MAX 128

/* Open a file to read it; NULL: that is not possible. */
FILE *tree_open(const char *root, const char *format, ...) __attribute__((format(printf, 2, 3)));

bool tree_exists(const char *root, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Copy the first line, without blanks at its end. false, and "": there is no such file, or none. */
bool tree_text(const char *root, char *text, size_t size, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* The number, decimal or 0x..., that a file begins with; `otherwise` without one. */
int64_t tree_number(const char *root, int64_t otherwise, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Copy the last part of what a symbolic link points to. false, and "": it is none. */
bool tree_link(const char *root, char *name, size_t size, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Read a list of CPUs, "0-3,8". An empty set without the file. */
void tree_cpus(const char *root, cpu_set_t *cpus, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Whether a word is among those of a line, which are separated by blanks. */
bool has_word(const char *line, const char *word);

/* Add the CPUs of such a text to the set; those past CPU_SETSIZE are left out. */
void cpus_parse(const char *text, cpu_set_t *cpus);

/* Write the set as "CPU 1" or "CPUs 0-3,8", or with bare = true as "0-3,8". Returns text. */
const char *cpus_format(const cpu_set_t *cpus, bool bare, char text[CPUS_TEXT_MAX]);

#endif
