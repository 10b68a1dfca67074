/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * What a process has to set right before it does anything
 */

/*
 * Descriptors 0 to 2 that are closed would be given to the next file that is opened, and output
 * would go there. They are filled with one that can be neither read nor written, so that using it
 * still fails with EBADF. SIGPIPE is ignored: a reader that leaves shows as EPIPE. The limit of open
 * files is raised as far as is allowed: watching v1 takes a descriptor for each cgroup.
 */
void startup_init(void);
/* Undoes what another program must not inherit, right before it is executed. */
void startup_undo(void);
