/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * What the files of the public API share
 *
 * Each call checks what its caller gave it and hands on to lib/monitor.h, lib/listen.h or lib/query.h: what is
 * below has asserts for what only a bug can break, a caller of the library gets an error.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "include/oomnotify.h"
#include "source/host.h"

#define API __attribute__((visibility("default")))

/* Returns 0, -EINVAL for NULL, -ECHILD in a child of the process that made @m. */
int api_check(const struct oomn_monitor *m);
/* The errno of a HOST_E_* of a descriptor that the caller gave; negated errnos stay. */
int api_host_error(int r);
/* Finds the cgroup of the directory @fd. Returns 0 or an errno as the header has it. */
int api_find(const struct oomn_monitor *m, int fd, struct cgroup_at *ret);
/*
 * Brings a caller's structure of @size bytes into ours of @known bytes: what it lacks is 0. Returns 0;
 * -EINVAL: shorter than @least; -E2BIG: longer, and what we do not know of it is not 0.
 */
int api_take_struct(void *ret, size_t known, size_t least, const void *from, size_t size);
/* The other way: what the caller has more than we know gets 0. Returns 0 or -EINVAL. */
int api_give_struct(void *ret, size_t size, size_t least, const void *from, size_t known);
