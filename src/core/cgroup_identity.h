/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Who a cgroup belongs to, as its path alone tells: unit, session, container, pod
 *
 * No process, file or server is asked: the cgroup may be gone when its name is looked at. What a path
 * says is a convention of whoever made the cgroup, and anyone who may make cgroups can imitate it:
 * it is a label for people, nothing to base rights on. A form that is not known exactly says nothing.
 *
 * Where the forms come from:
 *   units       systemd: src/basic/cgroup-util.c (cg_path_get_unit, _user_unit, _session, _owner_uid:
 *               any number of slices, then the unit; a "_" in front keeps a unit's name apart from the
 *               kernel's files), src/basic/unit-name.c (`\xHH`)
 *   machines    systemd: src/machine/machine-dbus.c, machine-NAME.scope; units/systemd-nspawn@.service,
 *               the container in payload/, nspawn itself in supervisor/ (src/nspawn/nspawn-cgroup.c);
 *               libvirt registers its guests with machined in the same form
 *   docker      moby: daemon/oci_linux.go WithCgroups: cgroupfs /docker/ID, systemd docker-ID.scope in
 *               system.slice (rootless: in the user manager's user.slice), or below --cgroup-parent
 *   containerd  containerd: internal/cri/util getCgroupsPath: POD/ID, and slice:cri-containerd:ID, which
 *               runc's systemd driver makes cri-containerd-ID.scope, and its cgroupfs driver takes as
 *               it stands; nerdctl: nerdctl-ID.scope, NAMESPACE/ID
 *   CRI-O       cri-o: internal/config/cgmgr: crio-ID.scope (systemd), POD/crio-ID (cgroupfs);
 *               crio-conmon-ID is its monitor, no container
 *   podman      podman: libpod/container_internal_linux.go getOCICgroupPath: libpod-ID.scope,
 *               /libpod_parent/libpod-ID, and with --cgroups=split UNIT/libpod-payload-ID (crun's
 *               container/ below it); libpod-conmon-ID is its monitor, no container
 *   LXC         lxc: src/lxc/cgroups/cgfsng.c: lxc.payload.NAME, lxc.payload/NAME (3.1 to 4.0), lxc/NAME
 *               (before; Proxmox still, with ns/ below); lxc.monitor is its monitor, no container
 *   Kubernetes  pkg/kubelet/cm: cgroup_manager_linux.go, qos_container_manager_linux.go,
 *               pod_container_manager_linux.go: kubepods[/QOS]/podUID, and
 *               kubepods[-QOS]-podUID.slice with "_" for "-"; below --cgroup-root=/X (kind: kubelet)
 *               X/kubepods and X-kubepods. The uid of a static pod is 32 digits without "-"
 *               (pkg/kubelet/config/common.go).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes within the path that was given. Nothing there: @len is 0. */
struct path_span {
	const char *at;
	size_t len;
};

enum cgroup_runtime {
	CGROUP_RUNTIME_NONE,
	CGROUP_RUNTIME_UNKNOWN, /* a container's id, bare: several runtimes name them so */
	CGROUP_RUNTIME_DOCKER,
	CGROUP_RUNTIME_CONTAINERD,
	CGROUP_RUNTIME_CRIO,
	CGROUP_RUNTIME_PODMAN,
	CGROUP_RUNTIME_LXC,
	CGROUP_RUNTIME_NSPAWN,
	CGROUP_RUNTIME_MACHINE, /* known to systemd-machined: nspawn, libvirt, … */
	CGROUP_RUNTIME_MAX,
};

enum pod_qos {
	POD_QOS_NONE,
	POD_QOS_GUARANTEED,
	POD_QOS_BURSTABLE,
	POD_QOS_BESTEFFORT,
	POD_QOS_MAX,
};

struct cgroup_container {
	enum cgroup_runtime runtime;
	struct path_span
		id; /* 64 hexadecimal digits; LXC, NSPAWN, MACHINE: the name, as it stands */
};

#define MACHINE_NAME_MAX 64 /* HOST_NAME_MAX: systemd takes no longer one */
#define POD_UID_MAX 36
#define CGROUP_UID_NONE UINT32_MAX

struct cgroup_identity {
	/* The systemd at the root of the path. Names are what systemctl takes: `\xHH` as it stands. */
	struct path_span slice; /* the innermost around the unit */
	struct path_span unit;
	/* Logged-in users: the session, or the user's own manager and what it runs. */
	struct path_span session; /* as loginctl takes it */
	struct path_span user_slice;
	struct path_span user_unit;
	uint32_t uid; /* CGROUP_UID_NONE if the path names no user */
	/* The innermost container, and, if there are several within each other, the outermost. */
	struct cgroup_container container;
	struct cgroup_container outer;
	/* The unit of a systemd that runs within that innermost container. */
	struct path_span inner_unit;
	char machine[MACHINE_NAME_MAX +
		     1]; /* NSPAWN, MACHINE: the name, unescaped; "" if too long */
	/* The innermost pod. Known for cgroups of the pod itself too, which are in no container. */
	char pod_uid[POD_UID_MAX + 1]; /* with "-", as the API server writes it; "": none */
	enum pod_qos qos;
};

/*
 * Stores what @path tells, a cgroup's path from the visible root. Its spans point into @path and live
 * as long. Any bytes are taken; takes one pass, a fixed room and no memory.
 */
void cgroup_identity_parse(const char *path, struct cgroup_identity *ret);
/* "docker", "cri-o", …: stable names; NULL for NONE and UNKNOWN. */
const char *cgroup_runtime_name(enum cgroup_runtime runtime);
/* "Guaranteed", "Burstable", "BestEffort", as Kubernetes has it; NULL for NONE. */
const char *pod_qos_name(enum pod_qos qos);
/*
 * Writes @name with each `\xHH` as the byte that it stands for (never NUL or "/": such a group stays as
 * it is) to @ret, which has room for @size bytes, and ends it with NUL. Returns the length, or 0 and ""
 * if it does not fit. The bytes are anybody's: escape them before they are shown.
 */
size_t cgroup_identity_unescape(struct path_span name, char *ret, size_t size);
