/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The texts are those in test/fuzz/corpus/mountinfo: they serve the fuzzer as well. */
#include "cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mountinfo.h"
#include "base/text_file.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static char *corpus_text(const char *name)
{
	char path[512], *text = NULL;

	snprintf(path, sizeof(path), "%s/mountinfo/%s", CORPUS, name);
	if (text_file_read(AT_FDCWD, path, 1U << 20, &text, NULL) != 0)
		fail_msg("cannot read %s", path);
	return text;
}

struct row {
	uint64_t id;
	uint32_t major, minor;
	const char *root, *where, *type, *options;
};

static const struct row v2_systemd[] = {
	{ 27, 254, 1, "/", "/", "ext4", "rw,discard,errors=remount-ro" },
	{ 31, 0, 27, "/", "/sys/fs/cgroup", "cgroup2", "rw,nsdelegate,memory_recursiveprot" },
	{ 259, 0, 4, "net:[4026532259]", "/run/netns/blue", "nsfs", "rw" },
	{ 260, 0, 52, "/", "/run/user/1000", "tmpfs",
	  "rw,size=807244k,nr_inodes=201811,mode=700,uid=1000,gid=1000,inode64" },
};

static const struct row v1_container[] = {
	{ 642, 0, 29, "/docker/1f0c8b", "/sys/fs/cgroup/systemd", "cgroup",
	  "rw,xattr,name=systemd" },
	{ 648, 0, 34, "/docker/1f0c8b", "/sys/fs/cgroup/memory", "cgroup", "rw,memory" },
};

static const struct row with_blanks[] = {
	{ 27, 254, 0, "/", "/", "ext4", "rw" },
	{ 50, 0, 27, "/a b\tc\\d\ne", "/mnt/my cgroups\\040", "cgroup2", "rw" },
	{ 51, 0, 60, "/", "/mnt/usb stick", "fuse.ntfs-3g",
	  "rw,user_id=0,group_id=0,allow_other,blksize=4096" },
	{ 53, 0, 62, "/", "/mnt/no-source", "tmpfs", "rw" },
	{ 54, 0, 63, "/", "/mnt/bad\\escape\\8\\400\\000\\04x\\04", "tmpfs", "rw" },
};

static const struct row last_of_malformed[] = {
	{ UINT64_MAX, UINT32_MAX, UINT32_MAX, "/", "/last", "t", "o,p" },
};

static void check_row(const struct mountinfo *m, const struct row *row)
{
	assert_int_equal(m->major, row->major);
	assert_int_equal(m->minor, row->minor);
	assert_string_equal(m->root, row->root);
	assert_string_equal(m->where, row->where);
	assert_string_equal(m->type, row->type);
	assert_string_equal(m->super_options, row->options);
}

static void real_texts(void **state)
{
	static const struct {
		const char *name;
		size_t good, bad;
		const struct row *rows; /* in this order; others may lie between */
		size_t n;
	} texts[] = {
		{ "v2-systemd", 15, 0, v2_systemd, N(v2_systemd) },
		{ "hybrid-systemd", 10, 0, NULL, 0 },
		{ "v2-container-cgroupns", 6, 0, NULL, 0 },
		{ "v1-container-bind-mounts", 7, 0, v1_container, N(v1_container) },
		{ "v1-one-directory-each", 10, 0, NULL, 0 },
		{ "names-with-blanks", 5, 1, with_blanks, N(with_blanks) },
		{ "malformed", 1, 12, last_of_malformed, N(last_of_malformed) },
		{ "no-newline", 1, 0, NULL, 0 },
		{ "empty", 0, 0, NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < N(texts); i++) {
		char *text = corpus_text(texts[i].name), *cursor = text;
		size_t good = 0, bad = 0, next = 0;
		struct mountinfo m;
		int r;

		while ((r = mountinfo_next(&cursor, &m)) != 0) {
			good += r == 1;
			bad += r == -EBADMSG;
			if (r == 1 && next < texts[i].n && m.id == texts[i].rows[next].id)
				check_row(&m, &texts[i].rows[next++]);
		}
		if (good != texts[i].good || bad != texts[i].bad || next != texts[i].n)
			fail_msg("%s: %zu good, %zu bad, %zu rows seen", texts[i].name, good, bad,
				 next);
		free(text);
	}
}

static void a_bad_line_leaves_the_output_alone(void **state)
{
	char text[] = "nonsense\n";
	char *cursor = text;
	struct mountinfo m = { .id = 7 };

	(void)state;
	assert_int_equal(mountinfo_next(&cursor, &m), -EBADMSG);
	assert_int_equal(m.id, 7);
	assert_int_equal(mountinfo_next(&cursor, &m), 0);
	assert_int_equal(mountinfo_next(&cursor, &m), 0);
	assert_int_equal(m.id, 7);
}

static void options(void **state)
{
	(void)state;
	assert_true(mountinfo_has_option("rw,memory", "memory"));
	assert_true(mountinfo_has_option("memory", "memory"));
	assert_true(mountinfo_has_option("memory,rw", "memory"));
	assert_false(mountinfo_has_option("rw,memory_localevents", "memory"));
	assert_false(mountinfo_has_option("rw,name=memory", "memory"));
	assert_false(mountinfo_has_option("rw,mem", "memory"));
	assert_false(mountinfo_has_option("rw,memory=x", "memory"));
	assert_false(mountinfo_has_option("", "memory"));
	assert_false(mountinfo_has_option(",,", "memory"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_texts),
		cmocka_unit_test(a_bad_line_leaves_the_output_alone),
		cmocka_unit_test(options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
