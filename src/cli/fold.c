/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/fold.h"

#include <string.h>

void fold(char *text, size_t width)
{
	char *line = text, *blank = NULL; /* where this line can end */

	for (char *p = text;; p++) {
		if (*p != ' ' && *p != '\0')
			continue;
		if ((size_t)(p - line) > width && blank) {
			*blank = '\n';
			line = blank + 1;
		}
		if (*p == '\0')
			return;
		blank = p;
	}
}
