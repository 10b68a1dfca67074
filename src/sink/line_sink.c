/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sink/line_sink.h"

#include <stdlib.h>
#include <string.h>

#include "base/fd.h"

static struct line_sink *line_sink_of(struct sink *sink)
{
	return (struct line_sink *)sink; /* its head */
}

int line_sink_open(struct line_sink *s, int fd)
{
	return output_open(&s->output, fd, LINE_SINK_BYTES);
}

bool line_sink_full(const struct sink *sink)
{
	return output_is_full(&((const struct line_sink *)sink)->output);
}

int line_sink_submit(struct sink *sink, const struct oomn_event *e)
{
	struct line_sink *s = line_sink_of(sink);
	_cleanup_free_ char *line = NULL;
	int r;

	r = s->encode(s, e, &line);
	if (r < 0)
		return r;
	return output_put_line(&s->output, line, strlen(line));
}

int line_sink_flush(struct sink *sink)
{
	int r = output_flush(&line_sink_of(sink)->output);

	return r == OUTPUT_E_AGAIN ? SINK_E_AGAIN : r;
}

int line_sink_fd(const struct sink *sink)
{
	return ((const struct line_sink *)sink)->output.fd;
}

struct sink *line_sink_close(struct sink *sink)
{
	struct line_sink *s = line_sink_of(sink);

	if (s) {
		output_close(&s->output);
		free(s);
	}
	return NULL;
}
