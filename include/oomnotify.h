/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef OOMNOTIFY_H
#define OOMNOTIFY_H
/*
 * oomnotify - learn that a memory cgroup has run out of memory
 *
 * Version 0.1 exports only this function: programs use the commands `oomnotify watch --json` and
 * `oomnotify listen --eventfd`. The calls for monitors and listeners come with a later version.
 */

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the library that is linked, such as "0.1.0". Static; never NULL. Since: 0.1 */
const char *oomn_version(void);

#ifdef __cplusplus
}
#endif
#endif
