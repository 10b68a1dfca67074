/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Paths as they are met on machines, and what each of them tells
 *
 * What is expected is written as one line: the host's slice and unit, session, user, the user's own
 * slice and unit, container, outer container, machine, unit within, pod. What is not named is not
 * told. cgroup_identity.h says where the forms come from.
 */
#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "core/cgroup_identity.h"

#define ID1 "4cc818a75eb691c5efb9c943b0c3a26ec8e0a05acb60bef4717315e65d671774"
#define ID2 "c46bafd57b2ef55a23c1319893c8aa5bfca24872bd95258700a51059941fb69e"
#define ID3 "f52987fbdcc7b29175fb52e01c7917e9d6d2e14550e3a2a7abf739da5a067e31"
#define UID_ "73dc8baf_43a0_413e_aac2_5eb0868f6c1a"
#define UID "73dc8baf-43a0-413e-aac2-5eb0868f6c1a"
#define STATIC_UID "b53dfa9e2dc9b890f7fadb2770857b03"
#define USER1000 "/user.slice/user-1000.slice/user@1000.service"
#define TOLD_USER1000 " slice=user-1000.slice unit=user@1000.service uid=1000"
#define PODS "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_ ".slice"
#define TOLD_PODS " slice=kubepods-burstable-pod" UID_ ".slice"
#define KIND                                                                                       \
	"/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/"                 \
	"kubelet-kubepods-besteffort-pod" UID_ ".slice"

static const struct {
	const char *path;
	const char *told;
} rows[] = {
	/* systemd alone */
	{ "/", "" },
	{ "/init.scope", " unit=init.scope" },
	{ "/system.slice", " slice=system.slice" },
	{ "/system.slice/nginx.service", " slice=system.slice unit=nginx.service" },
	{ "/system.slice/nginx.service/workers/7", " slice=system.slice unit=nginx.service" },
	{ "/system.slice/system-getty.slice/getty@tty1.service",
	  " slice=system-getty.slice unit=getty@tty1.service" },
	{ "/system.slice/system-systemd\\x2dfsck.slice/systemd-fsck@dev-disk-by\\x2duuid.service",
	  " slice=system-systemd\\x2dfsck.slice unit=systemd-fsck@dev-disk-by\\x2duuid.service" },
	{ "/system.slice/run-user-1000.mount", " slice=system.slice unit=run-user-1000.mount" },
	{ "/system.slice/ssh.socket", " slice=system.slice unit=ssh.socket" },
	{ "/system.slice/dev-sda2.swap", " slice=system.slice unit=dev-sda2.swap" },
	{ "/system.slice/_cpu.service", " slice=system.slice unit=cpu.service" },
	{ "/web.slice/web-front.slice/_memory.scope", " slice=web-front.slice unit=memory.scope" },
	/* users */
	{ "/user.slice", " slice=user.slice" },
	{ "/user.slice/user-1000.slice", " slice=user-1000.slice uid=1000" },
	{ "/user.slice/user-1000.slice/session-3.scope",
	  " slice=user-1000.slice unit=session-3.scope session=3 uid=1000" },
	{ "/user.slice/user-0.slice/session-c2.scope",
	  " slice=user-0.slice unit=session-c2.scope session=c2 uid=0" },
	{ USER1000, TOLD_USER1000 },
	{ USER1000 "/init.scope", TOLD_USER1000 " user_unit=init.scope" },
	{ USER1000 "/app.slice/app-gnome-firefox-4321.scope",
	  TOLD_USER1000 " user_slice=app.slice user_unit=app-gnome-firefox-4321.scope" },
	{ USER1000 "/app.slice/app-org.gnome.Terminal.slice/vte-spawn-1-2.scope",
	  TOLD_USER1000 " user_slice=app-org.gnome.Terminal.slice user_unit=vte-spawn-1-2.scope" },
	{ USER1000 "/app.slice/snap.firefox.firefox-1-2.scope/extra",
	  TOLD_USER1000 " user_slice=app.slice user_unit=snap.firefox.firefox-1-2.scope" },
	/* docker */
	{ "/docker/" ID1, " docker:" ID1 },
	{ "/system.slice/docker-" ID1 ".scope",
	  " slice=system.slice unit=docker-" ID1 ".scope docker:" ID1 },
	{ "/batch.slice/docker-" ID1 ".scope",
	  " slice=batch.slice unit=docker-" ID1 ".scope docker:" ID1 },
	{ USER1000 "/user.slice/docker-" ID1 ".scope",
	  TOLD_USER1000 " user_slice=user.slice user_unit=docker-" ID1 ".scope docker:" ID1 },
	{ "/ecs/0123456789abcdef0123456789abcdef/" ID1, " ?:" ID1 },
	{ "/ecstasks.slice/ecstasks-0123456789abcdef0123456789abcdef.slice/docker-" ID1 ".scope",
	  " slice=ecstasks-0123456789abcdef0123456789abcdef.slice unit=docker-" ID1
	  ".scope docker:" ID1 },
	{ "/docker/" ID1 "/system.slice/nginx.service", " docker:" ID1 " inner=nginx.service" },
	{ "/docker/" ID1 "/docker/" ID2, " docker:" ID2 " outer=docker:" ID1 },
	/* containerd */
	{ "/default/" ID1, " containerd:" ID1 },
	{ "/k8s.io/" ID1, " containerd:" ID1 },
	{ "/system.slice/nerdctl-" ID1 ".scope",
	  " slice=system.slice unit=nerdctl-" ID1 ".scope containerd:" ID1 },
	{ USER1000 "/user.slice/nerdctl-" ID1 ".scope",
	  TOLD_USER1000 " user_slice=user.slice user_unit=nerdctl-" ID1 ".scope containerd:" ID1 },
	/* podman */
	{ "/machine.slice/libpod-" ID1 ".scope",
	  " slice=machine.slice unit=libpod-" ID1 ".scope podman:" ID1 },
	{ "/machine.slice/libpod-" ID1 ".scope/container",
	  " slice=machine.slice unit=libpod-" ID1 ".scope podman:" ID1 },
	{ "/machine.slice/libpod-" ID1 ".scope/container/system.slice/httpd.service",
	  " slice=machine.slice unit=libpod-" ID1 ".scope podman:" ID1 " inner=httpd.service" },
	{ "/machine.slice/machine-libpod_pod_" ID2 ".slice/libpod-" ID1 ".scope/container",
	  " slice=machine-libpod_pod_" ID2 ".slice unit=libpod-" ID1 ".scope podman:" ID1 },
	{ USER1000 "/user.slice/libpod-" ID1 ".scope/container",
	  TOLD_USER1000 " user_slice=user.slice user_unit=libpod-" ID1 ".scope podman:" ID1 },
	{ USER1000 "/app.slice/redis.service/libpod-payload-" ID1,
	  TOLD_USER1000 " user_slice=app.slice user_unit=redis.service podman:" ID1 },
	{ "/system.slice/nginx.service/libpod-payload-" ID1,
	  " slice=system.slice unit=nginx.service podman:" ID1 },
	{ "/libpod_parent/libpod-" ID1, " podman:" ID1 },
	{ "/libpod_parent/" ID2 "/libpod-" ID1, " podman:" ID1 },
	/* LXC, LXD, Incus, Proxmox */
	{ "/lxc.payload.web", " lxc:web" },
	{ "/lxc.payload.web/system.slice/nginx.service", " lxc:web inner=nginx.service" },
	{ "/lxc.payload.web/init.scope", " lxc:web inner=init.scope" },
	{ "/lxc.payload/web-1", " lxc:web-1" },
	{ "/lxc/101/ns/system.slice/mariadb.service", " lxc:101 inner=mariadb.service" },
	{ "/lxc/101", " lxc:101" },
	{ "/lxc/101/ns/docker/" ID1, " docker:" ID1 " outer=lxc:101" },
	{ "/user.slice/user-1000.slice/session-3.scope/lxc.payload.dev",
	  " slice=user-1000.slice unit=session-3.scope session=3 uid=1000 lxc:dev" },
	{ "/lxc.payload.a/lxc.payload.b", " lxc:b outer=lxc:a" },
	/* machines */
	{ "/machine.slice/systemd-nspawn@web.service/payload/system.slice/nginx.service",
	  " slice=machine.slice unit=systemd-nspawn@web.service systemd-nspawn:web machine=web "
	  "inner=nginx.service" },
	{ "/machine.slice/systemd-nspawn@my\\x2dbox.service/payload",
	  " slice=machine.slice unit=systemd-nspawn@my\\x2dbox.service systemd-nspawn:my\\x2dbox "
	  "machine=my-box" },
	{ "/machine.slice/machine-web.scope/payload/init.scope",
	  " slice=machine.slice unit=machine-web.scope machine:web machine=web inner=init.scope" },
	{ "/machine.slice/machine-qemu\\x2d1\\x2dvm.scope/libvirt/emulator",
	  " slice=machine.slice unit=machine-qemu\\x2d1\\x2dvm.scope machine:qemu\\x2d1\\x2dvm "
	  "machine=qemu-1-vm" },
	{ "/machine.slice/machine-web.scope/payload/docker/" ID1,
	  " slice=machine.slice unit=machine-web.scope docker:" ID1 " outer=machine:web" },
	/* Kubernetes, the cgroupfs driver */
	{ "/kubepods/burstable/pod" UID "/" ID1, " ?:" ID1 " pod=" UID " Burstable" },
	{ "/kubepods/besteffort/pod" UID "/" ID1, " ?:" ID1 " pod=" UID " BestEffort" },
	{ "/kubepods/pod" UID "/" ID1, " ?:" ID1 " pod=" UID " Guaranteed" },
	{ "/kubepods/burstable/pod" UID, " pod=" UID " Burstable" },
	{ "/kubepods/burstable/pod" STATIC_UID "/" ID1, " ?:" ID1 " pod=" STATIC_UID " Burstable" },
	{ "/kubepods/pod" STATIC_UID "/crio-" ID1, " cri-o:" ID1 " pod=" STATIC_UID " Guaranteed" },
	{ "/kubelet/kubepods/burstable/pod" UID "/" ID1, " ?:" ID1 " pod=" UID " Burstable" },
	/* … and systemd's */
	{ PODS, TOLD_PODS " pod=" UID " Burstable" },
	{ PODS "/cri-containerd-" ID1 ".scope",
	  TOLD_PODS " unit=cri-containerd-" ID1 ".scope containerd:" ID1 " pod=" UID " Burstable" },
	{ PODS "/cri-containerd-" ID1 ".scope/sub",
	  TOLD_PODS " unit=cri-containerd-" ID1 ".scope containerd:" ID1 " pod=" UID " Burstable" },
	{ PODS "/docker-" ID1 ".scope",
	  TOLD_PODS " unit=docker-" ID1 ".scope docker:" ID1 " pod=" UID " Burstable" },
	{ PODS "/crio-" ID1 ".scope/container",
	  TOLD_PODS " unit=crio-" ID1 ".scope cri-o:" ID1 " pod=" UID " Burstable" },
	{ PODS "/crio-" ID1, TOLD_PODS " cri-o:" ID1 " pod=" UID " Burstable" },
	{ "/kubepods.slice/kubepods-pod" UID_ ".slice/cri-containerd-" ID1 ".scope",
	  " slice=kubepods-pod" UID_ ".slice unit=cri-containerd-" ID1 ".scope containerd:" ID1
	  " pod=" UID " Guaranteed" },
	{ "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" STATIC_UID
	  ".slice/cri-containerd-" ID1 ".scope",
	  " slice=kubepods-besteffort-pod" STATIC_UID ".slice unit=cri-containerd-" ID1
	  ".scope containerd:" ID1 " pod=" STATIC_UID " BestEffort" },
	{ "/kubepods-burstable-pod" UID_ ".slice:cri-containerd:" ID1,
	  " containerd:" ID1 " pod=" UID " Burstable" },
	{ "/system.slice/containerd.service/kubepods-pod" UID_ ".slice:cri-containerd:" ID1,
	  " slice=system.slice unit=containerd.service containerd:" ID1 " pod=" UID " Guaranteed" },
	/* … within containers: kind, minikube, k3d; k3s without root */
	{ "/system.slice/docker-" ID1 ".scope" KIND "/cri-containerd-" ID2 ".scope",
	  " slice=system.slice unit=docker-" ID1 ".scope containerd:" ID2 " outer=docker:" ID1
	  " pod=" UID " BestEffort" },
	{ "/docker/" ID1 "/kubelet/kubepods/burstable/pod" UID "/" ID2,
	  " ?:" ID2 " outer=docker:" ID1 " pod=" UID " Burstable" },
	{ "/docker/" ID1 "/kubepods/burstable/pod" UID "/" ID2,
	  " ?:" ID2 " outer=docker:" ID1 " pod=" UID " Burstable" },
	{ "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/"
	  "kubepods-besteffort-pod" UID_ ".slice/cri-containerd-" ID2 ".scope",
	  " slice=kubepods-besteffort-pod" UID_ ".slice unit=cri-containerd-" ID2
	  ".scope containerd:" ID2 " pod=" UID " BestEffort" },
	{ "/docker/" ID1 "/system.slice/containerd.service",
	  " docker:" ID1 " inner=containerd.service" },
	{ USER1000 "/app.slice/k3s-rootless.service/kubepods/besteffort/pod" UID "/" ID1,
	  TOLD_USER1000 " user_slice=app.slice user_unit=k3s-rootless.service ?:" ID1 " pod=" UID
			" BestEffort" },
	{ PODS "/cri-containerd-" ID1 ".scope/docker/" ID2,
	  TOLD_PODS " unit=cri-containerd-" ID1 ".scope docker:" ID2 " outer=containerd:" ID1
		    " pod=" UID " Burstable" },
	{ "/docker/" ID1 "/docker/" ID2 "/docker/" ID3, " docker:" ID3 " outer=docker:" ID1 },

	/* What must not be taken for something that it resembles. */
	{ "/machine.slice/libpod-conmon-" ID1 ".scope",
	  " slice=machine.slice unit=libpod-conmon-" ID1 ".scope" },
	{ PODS "/crio-conmon-" ID1 ".scope",
	  TOLD_PODS " unit=crio-conmon-" ID1 ".scope pod=" UID " Burstable" },
	{ "/lxc.monitor.web", "" },
	{ "/lxc.monitor/101", "" },
	{ "/lxc.payload.", "" },
	{ "/lxc", "" },
	{ "/system.slice/lxc/126/ns", " slice=system.slice" },
	{ "/system.slice/docker.service", " slice=system.slice unit=docker.service" },
	{ "/system.slice/docker-.scope", " slice=system.slice unit=docker-.scope" },
	{ "/system.slice/docker-4cc818a75eb6.scope",
	  " slice=system.slice unit=docker-4cc818a75eb6.scope" },
	{ "/system.slice/docker-" ID1 "0.scope", " slice=system.slice unit=docker-" ID1 "0.scope" },
	{ "/system.slice/docker-" ID1, " slice=system.slice" },
	{ "/docker/4CC818A75EB691C5EFB9C943B0C3A26EC8E0A05ACB60BEF4717315E65D671774", "" },
	{ "/docker/buildkit/jvifp9a6b1lxa1kuw8bwfcovf", "" },
	{ "/system.slice/system.slice:docker:jvifp9a6b1lxa1kuw8bwfcovf", " slice=system.slice" },
	{ "/libpod_parent/" ID2, "" },
	{ "/libpod_parent/conmon", "" },
	{ "/machine.slice/systemd-nspawn@web.service/supervisor",
	  " slice=machine.slice unit=systemd-nspawn@web.service" },
	{ "/docker/" ID1 "/machine.slice/machine-web.scope/supervisor",
	  " docker:" ID1 " inner=machine-web.scope" },
	{ "/machine.slice/machine-.scope", " slice=machine.slice unit=machine-.scope" },
	{ "/machine-web.scope", " unit=machine-web.scope" },
	{ "/burstable/pod" UID, "" },
	{ "/kubepods/burstable/pod1234", "" },
	{ "/kubepods/burstable/pod" UID_, "" },
	{ "/kubepods/burstable/pod" UID "0", "" },
	{ "/kubepods/guaranteed/pod" UID, "" },
	{ "/kubepods.slice/kubepods-burstable.slice", " slice=kubepods-burstable.slice" },
	{ "/mykubepods-pod" UID_ ".slice", " slice=mykubepods-pod" UID_ ".slice" },
	{ "/kubepods.slice/kubepods-pod73dc8baf_43a0_413e_aac2.slice",
	  " slice=kubepods-pod73dc8baf_43a0_413e_aac2.slice" },
	{ "/a.slice:cri-containerd:" ID1, " containerd:" ID1 }, /* a container, of no pod */
	{ "/kubepods-pod" UID_ ".slice:cri-containerd:x", "" },
	{ "/user-1000.slice", " slice=user-1000.slice" },
	{ "/user.slice/user-.slice", " slice=user.slice" },
	{ "/user.slice/user-x.slice/session-3.scope", " slice=user-x.slice unit=session-3.scope" },
	{ "/user.slice/user-4294967295.slice", " slice=user-4294967295.slice" },
	{ "/system.slice/user@x.service/app.slice", " slice=system.slice unit=user@x.service" },
	{ "/jobs/42", "" },
	{ "/jobs/nginx.service", "" },
	{ "/.service", "" },
	{ "/a--b.slice/x.service", "" },
	{ "/-.slice/x.service", "" },
	{ "/system.slice/a b.service", " slice=system.slice" },
	{ "/../../x", "" },
	{ "", "" },
};

static size_t put(char *text, size_t n, size_t size, const char *key, struct path_span s)
{
	if (s.len == 0)
		return n;
	n += (size_t)snprintf(text + n, size - n, " %s%.*s", key, (int)s.len, s.at);
	assert_true(n < size);
	return n;
}

static const char *runtime_text(const struct cgroup_container *c)
{
	const char *name = cgroup_runtime_name(c->runtime);

	return name ? name : "?";
}

static size_t put_container(char *text, size_t n, size_t size, const char *key,
			    const struct cgroup_container *c)
{
	char head[64];

	if (c->runtime == CGROUP_RUNTIME_NONE)
		return n;
	(void)snprintf(head, sizeof(head), "%s%s:", key, runtime_text(c));
	return put(text, n, size, head, c->id);
}

static void tell(const struct cgroup_identity *id, char *text, size_t size)
{
	size_t n = 0;

	text[0] = '\0';
	n = put(text, n, size, "slice=", id->slice);
	n = put(text, n, size, "unit=", id->unit);
	n = put(text, n, size, "session=", id->session);
	if (id->uid != CGROUP_UID_NONE)
		n += (size_t)snprintf(text + n, size - n, " uid=%u", (unsigned)id->uid);
	n = put(text, n, size, "user_slice=", id->user_slice);
	n = put(text, n, size, "user_unit=", id->user_unit);
	n = put_container(text, n, size, "", &id->container);
	n = put_container(text, n, size, "outer=", &id->outer);
	if (id->machine[0])
		n += (size_t)snprintf(text + n, size - n, " machine=%s", id->machine);
	n = put(text, n, size, "inner=", id->inner_unit);
	if (id->pod_uid[0])
		n += (size_t)snprintf(text + n, size - n, " pod=%s %s", id->pod_uid,
				      pod_qos_name(id->qos));
	else
		assert_int_equal(id->qos, POD_QOS_NONE);
	assert_true(n < size);
}

static void paths(void **state)
{
	size_t n = sizeof(rows) / sizeof(rows[0]);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		struct cgroup_identity id;
		char text[1024];

		cgroup_identity_parse(rows[i].path, &id);
		tell(&id, text, sizeof(text));
		if (strcmp(text, rows[i].told) != 0)
			fail_msg("%s\n  tells \"%s\",\n  not   \"%s\"", rows[i].path, text,
				 rows[i].told);
	}
	print_message("%zu paths\n", n);
}

static struct path_span span(const char *text)
{
	return (struct path_span){ text, strlen(text) };
}

static void unescape(void **state)
{
	static const char *const texts[][2] = {
		{ "plain", "plain" },
		{ "a\\x2db", "a-b" },
		{ "\\x2d\\x5c", "-\\" },
		{ "a\\x2Db", "a-b" },
		{ "a\\x00b\\x2fc", "a\\x00b\\x2fc" }, /* would be no name any more */
		{ "a\\x2", "a\\x2" },
		{ "a\\xzz", "a\\xzz" },
		{ "a\\", "a\\" },
		{ "", "" },
	};
	char text[16];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		size_t n = cgroup_identity_unescape(span(texts[i][0]), text, sizeof(text));

		assert_int_equal(n, strlen(texts[i][1]));
		assert_string_equal(text, texts[i][1]);
	}
	assert_int_equal(cgroup_identity_unescape(span("abc"), text, 3), 0);
	assert_string_equal(text, "");
	assert_int_equal(cgroup_identity_unescape(span("ab"), text, 3), 2);
	assert_int_equal(cgroup_identity_unescape(span("ab"), text, 0), 0);
}

/* A machine's name has at most 64 bytes; a longer one is only there as it stands. */
static void long_machine(void **state)
{
	struct cgroup_identity id;
	char path[256];

	(void)state;
	(void)snprintf(path, sizeof(path), "/machine.slice/machine-%064d.scope", 7);
	cgroup_identity_parse(path, &id);
	assert_int_equal(strlen(id.machine), 64);
	(void)snprintf(path, sizeof(path), "/machine.slice/machine-%065d.scope", 7);
	cgroup_identity_parse(path, &id);
	assert_string_equal(id.machine, "");
	assert_int_equal(id.container.id.len, 65);
}

static void names(void **state)
{
	(void)state;
	assert_string_equal(cgroup_runtime_name(CGROUP_RUNTIME_CRIO), "cri-o");
	assert_null(cgroup_runtime_name(CGROUP_RUNTIME_UNKNOWN));
	assert_null(cgroup_runtime_name(CGROUP_RUNTIME_MAX));
	assert_string_equal(pod_qos_name(POD_QOS_BESTEFFORT), "BestEffort");
	assert_null(pod_qos_name(POD_QOS_NONE));
	assert_null(pod_qos_name(POD_QOS_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths),
		cmocka_unit_test(unescape),
		cmocka_unit_test(long_machine),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
