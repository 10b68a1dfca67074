/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/terminal.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool wants_colour(void)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	if (no_color && no_color[0] != '\0') /* https://no-color.org: set and not empty */
		return false;
	return term && term[0] != '\0' && strcmp(term, "dumb") != 0;
}

struct text_style terminal_style(int fd)
{
	struct text_style style = { 0 };

	if (!isatty(fd))
		return style;
	/* Only the width of characters is wanted: dates and numbers stay as they are everywhere. */
	setlocale(LC_CTYPE, "");
	style.aligned = true;
	style.colour = wants_colour();
	style.ascii = strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
	return style;
}
