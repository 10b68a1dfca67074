/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Reads the records that the BPF programs write (bpf/oom_record.h)
 */
#include <stddef.h>
#include <stdint.h>

#include "core/victim.h"

/*
 * @data: one record of @size bytes. @page_size: of the kernel. Whatever the bytes are, nothing outside
 * of them is read, and paths have no empty names, no slashes in names and end. Returns 0, or -EBADMSG
 * for something else than a record; @ret is not written then.
 */
int bpf_record_decode(const void *data, size_t size, uint64_t page_size, struct sighting *ret);
