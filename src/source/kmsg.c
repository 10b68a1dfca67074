/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A read gives one record and goes to the next. EPIPE: the next one has been overwritten, and reading
 * went on to the oldest that is left, whose number then says how many are missing. EINVAL: the record
 * had no room in our buffer; it was passed over.
 */
#include "source/kmsg.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/kmsg_record.h"

#define ROUND_MAX 256     /* an OOM prints some hundred, most of them its list of tasks */
#define HISTORY_MAX 65536 /* the ring of a kernel with log_buf_len=8M holds about as many */

/* Reads one record. Returns 0, KMSG_E_EMPTY, KMSG_E_AGAIN when there was none in it, or an errno. */
static int read_record(struct kmsg *k, struct kmsg_record *ret)
{
	char line[KMSG_READ_MAX + 1];
	ssize_t n = read(k->fd, line, KMSG_READ_MAX);

	if (n < 0 && errno == EAGAIN)
		return KMSG_E_EMPTY;
	if (n < 0 && errno == EINTR)
		return KMSG_E_AGAIN;
	if (n < 0 && errno != EPIPE && errno != EINVAL)
		return errno_neg();
	if (n == 0)
		return -ENODEV; /* never so for /dev/kmsg: it would be ready for ever */
	if (n < 0) {
		kmsg_decoder_lost(&k->decoder);
		return KMSG_E_AGAIN;
	}
	line[n] = '\0';
	if (kmsg_record_parse(line, ret) != 0)
		return KMSG_E_AGAIN;
	if (k->seq_known && ret->seq > k->next_seq) {
		k->lost += ret->seq - k->next_seq;
		kmsg_decoder_lost(&k->decoder);
	}
	k->next_seq = ret->seq + 1;
	k->seq_known = true;
	return 0;
}

int kmsg_next(struct kmsg *k, struct kmsg_kill *ret)
{
	struct kmsg_record rec;

	for (int i = 0; i < ROUND_MAX; i++) {
		int r = read_record(k, &rec);

		if (r < 0 || r == KMSG_E_EMPTY)
			return r;
		if (r == 0 && kmsg_decoder_feed(&k->decoder, &rec, ret))
			return 0;
	}
	return KMSG_E_AGAIN;
}

/* What was printed before us: its kills are not ours to tell. */
static int read_history(struct kmsg *k)
{
	struct kmsg_kill old;
	struct kmsg_record rec;

	for (int i = 0; i < HISTORY_MAX; i++) {
		int r = read_record(k, &rec);

		if (r == KMSG_E_EMPTY)
			return 0;
		if (r < 0)
			return r;
		if (r == 0)
			(void)kmsg_decoder_feed(&k->decoder, &rec, &old);
	}
	if (lseek(k->fd, 0, SEEK_END) < 0)
		return errno_neg();
	k->seq_known = false;
	kmsg_decoder_lost(&k->decoder);
	return 0;
}

int kmsg_open_fd(struct kmsg *k, int fd)
{
	int r;

	*k = (struct kmsg){ .fd = fd };
	kmsg_decoder_init(&k->decoder);
	r = read_history(k);
	k->lost = 0;
	k->decoder.suppressed = 0;
	if (r < 0)
		k->fd = -1; /* stays the caller's */
	return r;
}

int kmsg_open(struct kmsg *k)
{
	_cleanup_close_ int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	int r;

	k->fd = -1;
	if (fd < 0)
		return errno_neg();
	r = kmsg_open_fd(k, fd);
	if (r == 0)
		(void)fd_steal(&fd);
	return r;
}

void kmsg_close(struct kmsg *k)
{
	k->fd = fd_close(k->fd);
}
