/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "source/vmstat.h"

#include <errno.h>
#include <fcntl.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/flat_keyed.h"
#include "base/text_file.h"

#define TEXT_MAX 65536 /* today's kernels print under 5,000 bytes */

int vmstat_kills(const char *proc, uint64_t *ret)
{
	_cleanup_close_ int dir = open(proc, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_free_ char *text = NULL;
	int r;

	if (dir < 0)
		return errno_neg();
	r = text_file_read(dir, "vmstat", TEXT_MAX, &text, NULL);
	if (r < 0)
		return r;
	r = flat_keyed_u64(text, "oom_kill", ret);
	return r > 0 ? -ENOENT : r;
}
