/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * What happens to the children of a cgroup: one removed, a controller switched on or off for all
 *
 * The removal of a cgroup wakes nobody who polls its files, and up to 6.18 nobody who watches it
 * or its files with inotify either. Its parent directory reports IN_DELETE. A controller that is
 * switched off takes its files away just as silently; the write that does it gives IN_MODIFY on the
 * parent's cgroup.subtree_control. So both are learned by two inotify watches on the parent.
 *
 * The directory is not watched for IN_MODIFY, which would report that write too, and with it every
 * counter in the directory that moves while somebody holds its file open.
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/inotify.h>

struct lifewatch_entry;

/* Whose children are watched: embedded in what stands for the parent. To begin with LIFEWATCH_INIT. */
struct lifewatch_parent {
	int dir_wd;
	int control_wd;
};

#define LIFEWATCH_INIT ((struct lifewatch_parent){ .dir_wd = -1, .control_wd = -1 })

enum lifewatch_kind {
	LIFEWATCH_REMOVED,     /* the child `name` of `parent` */
	LIFEWATCH_CONTROLLERS, /* `parent` switched some on or off for its children */
	LIFEWATCH_OVERFLOW,    /* events were lost: look at everything */
};

struct lifewatch_event {
	enum lifewatch_kind kind;
	struct lifewatch_parent *parent; /* NULL at overflow */
	const char *name;                /* valid until the next call */
};

struct lifewatch {
	int fd; /* to poll for EPOLLIN */
	struct lifewatch_entry *entries;
	size_t pos, len;
	_Alignas(struct inotify_event) char buf[4096];
};

/* Returns 0 or a negated errno (-EMFILE: inotify's own limit of instances, too). */
int lifewatch_open(struct lifewatch *lw);
void lifewatch_close(struct lifewatch *lw);
/*
 * @dir_fd is the parent's directory; used for this call only. What happens after it returned is told.
 * Returns 0, -ENOSPC (inotify's limit of watches), -ENOMEM, …
 */
int lifewatch_add(struct lifewatch *lw, struct lifewatch_parent *parent, int dir_fd);
void lifewatch_remove(struct lifewatch *lw, struct lifewatch_parent *parent);
/* Returns 1 and an event, 0 if there is none, or a negated errno. */
int lifewatch_next(struct lifewatch *lw, struct lifewatch_event *ret);
