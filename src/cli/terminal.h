/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "sink/text.h"

/*
 * How text is to look on @fd: aligned on a terminal, coloured there unless NO_COLOR is set or TERM
 * is "dumb", in ASCII there unless the locale's characters are UTF-8.
 */
struct text_style terminal_style(int fd);
