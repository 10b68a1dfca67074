/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A path is walked component by component, from its root inwards. Two readings go on side by side:
 *
 *   systemd's     slices, then a unit, then what the unit has made itself. It begins anew within a
 *                 user's manager (user@UID.service) and within a container.
 *   containers'   any component, at any depth, that has the exact form of a container or a pod.
 */
#include "core/cgroup_identity.h"

#include <string.h>

#include "base/digits.h"

#define ID_LEN 64
#define UNIT_NAME_MAX 255

enum stage {
	STAGE_SLICES,      /* slices may come, or a unit */
	STAGE_USER_SLICES, /* the same, below a user's manager */
	STAGE_INNER,       /* the same, within a container */
	STAGE_DONE,        /* whatever a unit made below itself */
};

struct walk {
	struct cgroup_identity *id;
	enum stage stage;
	bool at_root;                 /* of the host or of a container: no component yet */
	struct path_span prev, prev2; /* the last component and the one before it */
	/* As it was outside of the innermost container. */
	struct cgroup_container before, before_outer;
	struct path_span before_unit;
};

static bool span_is(struct path_span s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.at, text, s.len) == 0;
}

/* Takes @text from the front. */
static bool span_skip(struct path_span *s, const char *text)
{
	size_t n = strlen(text);

	if (s->len < n || memcmp(s->at, text, n) != 0)
		return false;
	s->at += n;
	s->len -= n;
	return true;
}

/* Takes @text from the end. */
static bool span_chop(struct path_span *s, const char *text)
{
	size_t n = strlen(text);

	if (s->len < n || memcmp(s->at + s->len - n, text, n) != 0)
		return false;
	s->len -= n;
	return true;
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static bool span_is_hex(struct path_span s, size_t len)
{
	if (s.len != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_hex(s.at[i]))
			return false;
	return true;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

size_t cgroup_identity_unescape(struct path_span name, char *ret, size_t size)
{
	size_t n = 0;

	if (size == 0)
		return 0;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.at[i];

		if (c == '\\' && name.len - i >= 4 && name.at[i + 1] == 'x') {
			int high = hex_value(name.at[i + 2]), low = hex_value(name.at[i + 3]);
			int byte = high >= 0 && low >= 0 ? high * 16 + low : 0;

			if (byte != 0 && byte != '/') {
				c = (char)byte;
				i += 3;
			}
		}
		if (n + 1 >= size) {
			ret[0] = '\0';
			return 0;
		}
		ret[n++] = c;
	}
	ret[n] = '\0';
	return n;
}

/* ---- units ---- */

static bool is_unit_name(struct path_span s)
{
	static const char others[] = ":-_.\\@";

	if (s.len > UNIT_NAME_MAX || s.len == 0 || s.at[0] == '.' || s.at[0] == '@')
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.at[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !memchr(others, c, sizeof(others) - 1))
			return false;
	}
	return true;
}

/* A slice's name says where it is: "a-b.slice" lies in "a.slice"; no part of it is empty. */
static bool is_slice(struct path_span s)
{
	struct path_span name = s;

	if (!is_unit_name(s) || !span_chop(&name, ".slice") || name.len == 0 ||
	    memchr(name.at, '@', name.len))
		return false;
	if (name.at[0] == '-' || name.at[name.len - 1] == '-')
		return false;
	return !memmem(name.at, name.len, "--", 2);
}

static bool is_unit(struct path_span s)
{
	static const char *const types[] = { ".service", ".scope", ".socket", ".mount", ".swap" };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct path_span name = s;

		if (span_chop(&name, types[i]))
			return name.len > 0 && is_unit_name(s);
	}
	return false;
}

/* A user's number, the whole of @s. */
static uint32_t parse_uid(struct path_span s)
{
	uint64_t v = 0;
	const char *end;

	/* What follows a component is "/" or NUL, or else the part that was chopped: no digit. */
	if (s.len == 0 || digits_parse(s.at, UINT32_MAX - 1, &v, &end) != 0 || end != s.at + s.len)
		return CGROUP_UID_NONE;
	return (uint32_t)v;
}

static void take_slice(struct walk *w, struct path_span s)
{
	struct path_span uid = s;

	if (w->stage == STAGE_USER_SLICES)
		w->id->user_slice = s;
	if (w->stage != STAGE_SLICES)
		return;
	w->id->slice = s;
	if (span_skip(&uid, "user-") && span_chop(&uid, ".slice") && span_is(w->prev, "user.slice"))
		w->id->uid = parse_uid(uid);
}

static void take_unit(struct walk *w, struct path_span s)
{
	struct path_span name = s;

	if (w->stage == STAGE_INNER) {
		w->id->inner_unit = s;
	} else if (w->stage == STAGE_USER_SLICES) {
		w->id->user_unit = s;
	} else {
		w->id->unit = s;
		if (span_skip(&name, "user@") && span_chop(&name, ".service") &&
		    parse_uid(name) != CGROUP_UID_NONE) {
			w->id->uid = parse_uid(name);
			w->stage = STAGE_USER_SLICES;
			return;
		}
		name = s;
		if (w->id->uid != CGROUP_UID_NONE && span_skip(&name, "session-") &&
		    span_chop(&name, ".scope"))
			w->id->session = name;
	}
	w->stage = STAGE_DONE;
}

static void read_unit(struct walk *w, struct path_span s)
{
	if (w->stage == STAGE_DONE)
		return;
	(void)span_skip(&s, "_");
	if (is_slice(s))
		take_slice(w, s);
	else if (is_unit(s))
		take_unit(w, s);
	else
		w->stage = STAGE_DONE;
}

/* ---- pods ---- */

/* @s: all of a uid, "-" or @dash between its parts. */
static bool take_pod(struct walk *w, struct path_span s, char dash, enum pod_qos qos)
{
	bool plain = span_is_hex(s, 32);

	if (!plain && s.len != POD_UID_MAX)
		return false;
	for (size_t i = 0; !plain && i < s.len; i++) {
		bool at_dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (at_dash ? s.at[i] != dash : !is_hex(s.at[i]))
			return false;
	}
	memcpy(w->id->pod_uid, s.at, s.len);
	w->id->pod_uid[s.len] = '\0';
	for (size_t i = 0; i < s.len; i++)
		if (w->id->pod_uid[i] == dash)
			w->id->pod_uid[i] = '-';
	w->id->qos = qos;
	return true;
}

/* systemd's driver: [X-]kubepods[-QOS]-podUID, without the ".slice". */
static bool read_pod_slice(struct walk *w, struct path_span s)
{
	const char *at = memmem(s.at, s.len, "kubepods-", strlen("kubepods-"));
	enum pod_qos qos = POD_QOS_GUARANTEED;

	if (!at || (at > s.at && at[-1] != '-'))
		return false;
	s.len -= (size_t)(at - s.at);
	s.at = at;
	(void)span_skip(&s, "kubepods-");
	if (span_skip(&s, "burstable-"))
		qos = POD_QOS_BURSTABLE;
	else if (span_skip(&s, "besteffort-"))
		qos = POD_QOS_BESTEFFORT;
	return span_skip(&s, "pod") && take_pod(w, s, '_', qos);
}

/* The cgroupfs driver: kubepods[/QOS]/podUID */
static bool read_pod_dir(struct walk *w, struct path_span s)
{
	enum pod_qos qos;

	if (!span_skip(&s, "pod"))
		return false;
	if (span_is(w->prev, "kubepods"))
		qos = POD_QOS_GUARANTEED;
	else if (!span_is(w->prev2, "kubepods"))
		return false;
	else if (span_is(w->prev, "burstable"))
		qos = POD_QOS_BURSTABLE;
	else if (span_is(w->prev, "besteffort"))
		qos = POD_QOS_BESTEFFORT;
	else
		return false;
	return take_pod(w, s, '-', qos);
}

static bool read_pod(struct walk *w, struct path_span s)
{
	return span_chop(&s, ".slice") ? read_pod_slice(w, s) : read_pod_dir(w, s);
}

/* ---- containers ---- */

/* PREFIX-ID.scope, and PREFIX-ID where @bare. */
static const struct {
	const char *prefix;
	enum cgroup_runtime runtime;
	bool bare;
} id_forms[] = {
	{ "docker-", CGROUP_RUNTIME_DOCKER, false },
	{ "cri-containerd-", CGROUP_RUNTIME_CONTAINERD, false },
	{ "nerdctl-", CGROUP_RUNTIME_CONTAINERD, false },
	{ "crio-", CGROUP_RUNTIME_CRIO, true },
	{ "libpod-payload-", CGROUP_RUNTIME_PODMAN, true },
	{ "libpod-", CGROUP_RUNTIME_PODMAN, true },
};

static bool find_id_form(struct path_span s, struct cgroup_container *ret)
{
	for (size_t i = 0; i < sizeof(id_forms) / sizeof(id_forms[0]); i++) {
		struct path_span id = s;

		if (!span_skip(&id, id_forms[i].prefix))
			continue;
		if (!span_chop(&id, ".scope") && !id_forms[i].bare)
			continue;
		if (!span_is_hex(id, ID_LEN))
			continue;
		*ret = (struct cgroup_container){ id_forms[i].runtime, id };
		return true;
	}
	return false;
}

/* A bare id. What it lies in tells the runtime, or nothing does: Docker and containerd use it alike. */
static bool find_bare_id(const struct walk *w, struct path_span s, struct cgroup_container *ret)
{
	enum cgroup_runtime runtime = CGROUP_RUNTIME_UNKNOWN;

	if (!span_is_hex(s, ID_LEN) || span_is(w->prev, "libpod_parent"))
		return false; /* podman's pod, which is no container */
	if (span_is(w->prev, "docker"))
		runtime = CGROUP_RUNTIME_DOCKER;
	else if (span_is(w->prev, "k8s.io") || span_is(w->prev, "default"))
		runtime =
			CGROUP_RUNTIME_CONTAINERD; /* the namespaces of its CRI plugin, and of ctr */
	*ret = (struct cgroup_container){ runtime, s };
	return true;
}

/* "slice:cri-containerd:ID": meant for runc's systemd driver, taken as a name by the other one. */
static bool find_colon_form(struct walk *w, struct path_span s, struct cgroup_container *ret)
{
	const char *colon = memchr(s.at, ':', s.len);
	struct path_span slice = { s.at, colon ? (size_t)(colon - s.at) : 0 };

	if (!colon || !span_chop(&slice, ".slice"))
		return false;
	s = (struct path_span){ colon, s.len - (size_t)(colon - s.at) };
	if (!span_skip(&s, ":cri-containerd:") || !span_is_hex(s, ID_LEN))
		return false;
	(void)read_pod_slice(w, slice);
	*ret = (struct cgroup_container){ CGROUP_RUNTIME_CONTAINERD, s };
	return true;
}

static bool find_lxc(const struct walk *w, struct path_span s, struct cgroup_container *ret)
{
	bool ok = span_skip(&s, "lxc.payload.") || span_is(w->prev, "lxc.payload");

	if (!ok) /* "lxc" is a common word: only at the root */
		ok = span_is(w->prev, "lxc") && w->prev2.len == 0;
	if (!ok || s.len == 0)
		return false;
	*ret = (struct cgroup_container){ CGROUP_RUNTIME_LXC, s };
	return true;
}

static bool find_machine(const struct walk *w, struct path_span s, struct cgroup_container *ret)
{
	struct path_span name = s;

	if (!is_unit(s) || !is_slice(w->prev))
		return false;
	if (span_skip(&name, "machine-") && span_chop(&name, ".scope") && name.len > 0) {
		*ret = (struct cgroup_container){ CGROUP_RUNTIME_MACHINE, name };
		return true;
	}
	name = s;
	if (span_skip(&name, "systemd-nspawn@") && span_chop(&name, ".service") && name.len > 0) {
		*ret = (struct cgroup_container){ CGROUP_RUNTIME_NSPAWN, name };
		return true;
	}
	return false;
}

static bool is_machine(enum cgroup_runtime runtime)
{
	return runtime == CGROUP_RUNTIME_MACHINE || runtime == CGROUP_RUNTIME_NSPAWN;
}

static void set_container(struct cgroup_identity *id, const struct cgroup_container *c)
{
	id->container = *c;
	id->machine[0] = '\0';
	if (is_machine(c->runtime))
		(void)cgroup_identity_unescape(c->id, id->machine, sizeof(id->machine));
}

static void enter_container(struct walk *w, const struct cgroup_container *c)
{
	struct cgroup_identity *id = w->id;

	w->before = id->container;
	w->before_outer = id->outer;
	w->before_unit = id->inner_unit;
	if (id->container.runtime != CGROUP_RUNTIME_NONE &&
	    id->outer.runtime == CGROUP_RUNTIME_NONE)
		id->outer = id->container;
	set_container(id, c);
	id->inner_unit = (struct path_span){ 0 };
	w->stage = STAGE_INNER;
	w->at_root = true;
}

static bool read_container(struct walk *w, struct path_span s)
{
	struct cgroup_container c;

	if (!find_id_form(s, &c) && !find_bare_id(w, s, &c) && !find_colon_form(w, s, &c) &&
	    !find_lxc(w, s, &c) && !find_machine(w, s, &c))
		return false;
	enter_container(w, &c);
	return true;
}

/*
 * Directories that a runtime puts between the container's cgroup and its root: crun's and podman's
 * container, Proxmox's ns, nspawn's payload.
 */
static bool is_container_root(const struct walk *w, struct path_span s)
{
	return w->stage == STAGE_INNER && w->at_root &&
	       (span_is(s, "container") || span_is(s, "ns") || span_is(s, "payload"));
}

/* nspawn itself, in the cgroup of its machine but outside of the container. */
static bool is_supervisor(const struct walk *w, struct path_span s)
{
	return w->stage == STAGE_INNER && w->at_root && is_machine(w->id->container.runtime) &&
	       span_is(s, "supervisor");
}

static void leave_container(struct walk *w)
{
	set_container(w->id, &w->before);
	w->id->outer = w->before_outer;
	w->id->inner_unit = w->before_unit;
	w->stage = STAGE_DONE;
}

static void read_component(struct walk *w, struct path_span s)
{
	if (is_container_root(w, s))
		return;
	if (is_supervisor(w, s)) {
		leave_container(w);
		return;
	}
	read_unit(w, s);
	w->at_root = false;
	if (read_container(w, s)) {
		w->prev = w->prev2 = (struct path_span){ 0 };
		return;
	}
	(void)read_pod(w, s);
	w->prev2 = w->prev;
	w->prev = s;
}

void cgroup_identity_parse(const char *path, struct cgroup_identity *ret)
{
	struct walk w = { .id = ret, .at_root = true };

	*ret = (struct cgroup_identity){ .uid = CGROUP_UID_NONE };
	while (*path) {
		struct path_span s = { path, strcspn(path, "/") };

		if (s.len > 0)
			read_component(&w, s);
		path += s.len;
		path += *path == '/';
	}
}

const char *cgroup_runtime_name(enum cgroup_runtime runtime)
{
	static const char *const names[CGROUP_RUNTIME_MAX] = {
		[CGROUP_RUNTIME_DOCKER] = "docker",   [CGROUP_RUNTIME_CONTAINERD] = "containerd",
		[CGROUP_RUNTIME_CRIO] = "cri-o",      [CGROUP_RUNTIME_PODMAN] = "podman",
		[CGROUP_RUNTIME_LXC] = "lxc",         [CGROUP_RUNTIME_NSPAWN] = "systemd-nspawn",
		[CGROUP_RUNTIME_MACHINE] = "machine",
	};

	return runtime < CGROUP_RUNTIME_MAX ? names[runtime] : NULL;
}

const char *pod_qos_name(enum pod_qos qos)
{
	static const char *const names[POD_QOS_MAX] = {
		[POD_QOS_GUARANTEED] = "Guaranteed",
		[POD_QOS_BURSTABLE] = "Burstable",
		[POD_QOS_BESTEFFORT] = "BestEffort",
	};

	return qos < POD_QOS_MAX ? names[qos] : NULL;
}
