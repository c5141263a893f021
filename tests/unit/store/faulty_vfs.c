/* SPDX-License-Identifier: BSD-3-Clause */
#include "faulty_vfs.h"

#include <pthread.h>
#include <sqlite3.h>
#include <string.h>

struct faulty_file {
	sqlite3_file base;
	sqlite3_file *real; /* behind this structure */
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct {
	enum faulty_kind kind;
	unsigned after;
	bool lasting;
	unsigned count;
} plan;
static sqlite3_vfs *real_vfs;
static sqlite3_vfs faulty;

void
faulty_set(enum faulty_kind kind, unsigned after, bool lasting)
{
	pthread_mutex_lock(&mutex);
	plan.kind = kind;
	plan.after = after;
	plan.lasting = lasting;
	plan.count = 0;
	pthread_mutex_unlock(&mutex);
}

unsigned
faulty_count(void)
{
	unsigned count;

	pthread_mutex_lock(&mutex);
	count = plan.count;
	pthread_mutex_unlock(&mutex);
	return count;
}

/* Whether an operation of this kind fails now; the first failure of a crash is torn. */
static bool
fails(enum faulty_kind kind, bool *torn)
{
	bool failed = false;

	pthread_mutex_lock(&mutex);
	*torn = false;
	if (plan.kind == FAULTY_CRASH && plan.count > 0 && kind != FAULTY_READ) {
		failed = true;
	} else if (plan.kind == kind) {
		if (plan.after > 0)
			plan.after--;
		else
			failed = plan.lasting || plan.count == 0;
		*torn = failed && kind == FAULTY_CRASH;
		plan.count += failed;
	}
	pthread_mutex_unlock(&mutex);
	return failed;
}

static sqlite3_file *
real_of(sqlite3_file *file)
{
	return ((struct faulty_file *)(void *)file)->real;
}

static int
file_close(sqlite3_file *file)
{
	return real_of(file)->pMethods->xClose(real_of(file));
}

static int
file_read(sqlite3_file *file, void *bytes, int n, sqlite3_int64 offset)
{
	bool torn;

	if (fails(FAULTY_READ, &torn))
		return SQLITE_IOERR_READ;
	return real_of(file)->pMethods->xRead(real_of(file), bytes, n, offset);
}

static int
file_write(sqlite3_file *file, const void *bytes, int n, sqlite3_int64 offset)
{
	bool torn;

	if (fails(FAULTY_CRASH, &torn)) {
		if (torn)
			real_of(file)->pMethods->xWrite(real_of(file), bytes, n / 2, offset);
		return SQLITE_IOERR_WRITE;
	}
	if (fails(FAULTY_FULL, &torn))
		return SQLITE_FULL;
	if (fails(FAULTY_WRITE, &torn))
		return SQLITE_IOERR_WRITE;
	return real_of(file)->pMethods->xWrite(real_of(file), bytes, n, offset);
}

/* A crash is counted by writes alone, so that a sync never begins one. */
static bool
is_crashed(void)
{
	bool crashed;

	pthread_mutex_lock(&mutex);
	crashed = plan.kind == FAULTY_CRASH && plan.count > 0;
	pthread_mutex_unlock(&mutex);
	return crashed;
}

static int
file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	if (is_crashed())
		return SQLITE_IOERR_TRUNCATE;
	return real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int
file_sync(sqlite3_file *file, int flags)
{
	bool torn;

	if (is_crashed() || fails(FAULTY_SYNC, &torn))
		return SQLITE_IOERR_FSYNC;
	return real_of(file)->pMethods->xSync(real_of(file), flags);
}

static int
file_size(sqlite3_file *file, sqlite3_int64 *size)
{
	return real_of(file)->pMethods->xFileSize(real_of(file), size);
}

static int
file_lock(sqlite3_file *file, int lock)
{
	return real_of(file)->pMethods->xLock(real_of(file), lock);
}

static int
file_unlock(sqlite3_file *file, int lock)
{
	return real_of(file)->pMethods->xUnlock(real_of(file), lock);
}

static int
file_check_lock(sqlite3_file *file, int *reserved)
{
	return real_of(file)->pMethods->xCheckReservedLock(real_of(file), reserved);
}

static int
file_control(sqlite3_file *file, int op, void *arg)
{
	return real_of(file)->pMethods->xFileControl(real_of(file), op, arg);
}

static int
file_sector_size(sqlite3_file *file)
{
	return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int
file_characteristics(sqlite3_file *file)
{
	return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int
file_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **map)
{
	return real_of(file)->pMethods->xShmMap(real_of(file), page, size, extend, map);
}

static int
file_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
	return real_of(file)->pMethods->xShmLock(real_of(file), offset, n, flags);
}

static void
file_shm_barrier(sqlite3_file *file)
{
	real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int
file_shm_unmap(sqlite3_file *file, int delete)
{
	return real_of(file)->pMethods->xShmUnmap(real_of(file), delete);
}

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_unlock,
	.xCheckReservedLock = file_check_lock,
	.xFileControl = file_control,
	.xSectorSize = file_sector_size,
	.xDeviceCharacteristics = file_characteristics,
	.xShmMap = file_shm_map,
	.xShmLock = file_shm_lock,
	.xShmBarrier = file_shm_barrier,
	.xShmUnmap = file_shm_unmap,
};

static int
vfs_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *flags_out)
{
	struct faulty_file *opened = (struct faulty_file *)(void *)file;
	int rc;

	(void)vfs;
	opened->real = (sqlite3_file *)(void *)(opened + 1);
	rc = real_vfs->xOpen(real_vfs, name, opened->real, flags, flags_out);
	opened->base.pMethods = opened->real->pMethods ? &methods : NULL;
	return rc;
}

/* The journal stays when the machine has crashed. */
static int
vfs_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	(void)vfs;
	return is_crashed() ? SQLITE_IOERR_DELETE : real_vfs->xDelete(real_vfs, name, sync);
}

void
faulty_register(void)
{
	real_vfs = sqlite3_vfs_find(NULL);
	faulty = *real_vfs;
	faulty.zName = "faulty";
	faulty.szOsFile = (int)sizeof(struct faulty_file) + real_vfs->szOsFile;
	faulty.xOpen = vfs_open;
	faulty.xDelete = vfs_delete;
	sqlite3_vfs_register(&faulty, 1);
}
