/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * A cgroup v2 tree in memory, with the kernel's own order of things
 *
 * A directory (struct sim_dir) is what mkdir makes. Its memory life (struct sim_css) begins and ends
 * with it, or with the memory controller being switched on and off in its parent; each has a
 * memory.events file of its own, with a key of its own, and counters that start at 0. Where another
 * controller stays on that needs memory (io), switching off only hides: the life goes on without a
 * file, counting, and is shown again with its old counters under a new key.
 *
 * An event is not counted at once: memcg_memory_event() adds to the local counter, then to the
 * hierarchical one, then to that of each ancestor below the root, one after the other. Here that is
 * a flight: sim_begin() adds to the local counter, each sim_step() to one more; several can be on
 * their way. A cgroup may be removed while its event is on the way, the ancestors are still reached.
 *
 * Through sim_tree_ops the ledger sees that tree. The hook is called before each call, between two
 * lines of one memory.events and before each name of a listing, and may do anything to the tree.
 * Nothing is freed before sim_free(), so that a test can look at what is gone.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/ledger.h"

struct sim_dir;

struct sim_css {
	unsigned index; /* in sim_kernel.css; a parent comes before its children */
	uint64_t key;
	struct sim_dir *dir;
	struct sim_css *parent; /* NULL: right below the root, which has no counters */
	bool alive;             /* and visible */
	bool doubtful;          /* came, or came back, in a directory that had no memory files */
	struct counts local, hier;
};

/* What cgroup.subtree_control of a directory does for its children. */
enum sim_memory {
	SIM_MEMORY_OFF,
	SIM_MEMORY_HIDDEN,
	SIM_MEMORY_ON,
};

enum sim_denied {
	SIM_ALLOWED,
	SIM_DENIED_FILES, /* its memory files may not be read */
	SIM_DENIED_DIR,   /* it may not be opened, hence not listed */
};

struct sim_dir {
	uint64_t id;
	char *name;
	struct sim_dir *parent; /* NULL: the root */
	struct sim_dir *children;
	struct sim_dir *prev, *next;
	struct sim_dir *older; /* in sim_kernel.dirs */
	uint32_t hash;
	struct sim_css *css;    /* NULL: no memory files here */
	struct sim_css *hidden; /* what it would be */
	bool alive;
	enum sim_memory memory; /* of its children */
	unsigned
		changes; /* how often memory files below it came back or went, removed ones included */
	bool group;      /* memory.oom.group */
	enum sim_denied denied;
};

/* An event that is being counted. */
struct sim_flight {
	struct sim_css *from;
	struct sim_css *next; /* whose hierarchical counter is added to next; NULL: the root's */
	enum event_kind kind;
	uint64_t n;
};

enum sim_op {
	SIM_OPEN,
	SIM_READ,
	SIM_READ_LINE, /* between two lines of memory.events */
	SIM_READ_LOCAL,
	SIM_IS_GROUP,
	SIM_GIVES_MEMORY,
	SIM_LIST,
	SIM_EACH, /* before a name of a listing is handed on */
};

struct sim_call {
	enum sim_op op;
	const struct sim_dir *dir;
	const char *name; /* may be NULL */
};

#define SIM_FLIGHTS 24
#define SIM_HANDLES 8192

struct sim_kernel {
	struct sim_dir *root;
	struct sim_dir *dirs; /* all that ever were */
	struct sim_css **css; /* likewise */
	unsigned n_css, max_css;
	struct sim_css *
		*by_key; /* by each key that it ever had; NULL where an id is a directory's */
	uint64_t n_keys;
	struct sim_flight flights[SIM_FLIGHTS];
	unsigned n_flights;
	struct counts total; /* what /proc/vmstat would say: everything that has arrived */
	struct sim_dir *handles[SIM_HANDLES];
	unsigned n_handles, most_handles;
	uint64_t next_id;
	/* Variants of the kernel and of the reader */
	bool no_group_count;  /* before 5.17 */
	bool lazy_keys;       /* a key of a child is only told with a count that is not 0 */
	bool dead_list_empty; /* a directory that was removed while open lists nothing, not ENOENT */
	bool list_twice;      /* between two fetches a name may come again */
	unsigned list_batch;  /* names fetched at a time, as getdents does; at least 1 */
	/* Returns 0, or what the call is to fail with. NULL: nothing happens in between. */
	int (*hook)(void *arg, const struct sim_call *call);
	void *hook_arg;
};

extern const struct tree_ops sim_tree_ops; /* context: struct sim_kernel */

struct sim_kernel *sim_new(void);
struct sim_kernel *sim_free(struct sim_kernel *s);

/* NULL if the parent is gone or the name is taken. */
struct sim_dir *sim_mkdir(struct sim_kernel *s, struct sim_dir *parent, const char *name);
/* False (EBUSY) if it has children; false too for the root and what is gone. */
bool sim_rmdir(struct sim_kernel *s, struct sim_dir *dir);
/* Writes +memory or -memory to cgroup.subtree_control. False if the kernel would refuse. */
bool sim_control(struct sim_kernel *s, struct sim_dir *dir, bool on);
/* Writes -memory there, io staying on. */
bool sim_hide(struct sim_kernel *s, struct sim_dir *dir);
struct sim_dir *sim_child(const struct sim_dir *dir, const char *name);
/* Its path, in a buffer that the next call overwrites. */
const char *sim_path(const struct sim_dir *dir);
/* What has, or once had, the key; NULL: nothing. */
struct sim_css *sim_by_key(const struct sim_kernel *s, uint64_t key);
/* True if @css is @top or lies below it. */
bool sim_below(const struct sim_css *css, const struct sim_css *top);

/* Counts one event (or @n of them, moving as one) step by step. False if too many are on their way. */
bool sim_begin(struct sim_kernel *s, struct sim_css *css, enum event_kind kind, uint64_t n);
/* Moves flight @i one step on. Returns true if it has arrived and is gone from the list. */
bool sim_step(struct sim_kernel *s, unsigned i);
/* Lets everything arrive. */
void sim_land(struct sim_kernel *s);
/* Counts an event from begin to end. */
void sim_count(struct sim_kernel *s, struct sim_css *css, enum event_kind kind, uint64_t n);

/* Opens @dir as the owner of a top does. -1 if there are too many. */
int sim_open(struct sim_kernel *s, struct sim_dir *dir);
void sim_close(struct sim_kernel *s, int handle);
